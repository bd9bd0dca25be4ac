#!/usr/bin/env bash
# REST with curl: what a backend does for its users. The token needs the role `service`:
#
#   TOKEN=$(cargo run -- token --user 1 --role service) docs/recipes/rest.sh CHANNEL USER
#
# All calls, with their bodies and answers, are at /docs.
set -euo pipefail
: "${TOKEN:?is missing}" "${1:?the first argument names a new channel}" "${2:?the second one names a user}"
url=${TERTULIA_URL:-http://localhost:4000}
channel=$1 user=$2

# call METHOD PATH [BODY]: prints the answer. A refusal is printed as well, and ends the script.
call() {
    local body=()
    [ $# -lt 3 ] || body=(--json "$3")
    curl --silent --show-error --fail-with-body --max-time 10 --write-out '\n' \
        --header "Authorization: Bearer $TOKEN" --request "$1" "${body[@]}" "$url$2"
}

# A private channel, whose owner is who makes it; and a member.
call POST /channels "{\"id\": \"$channel\", \"name\": \"From a script\", \"visibility\": \"private\"}"
call PUT "/channels/$channel/members/$user" '{"role": "member"}'

# An event of your own to whoever is connected there. It is not stored, and does not count in the log.
call POST "/channels/$channel/emit" '{"event": "series-added", "data": {"seriesName": "Breaking Bad"}}'

# A notification: now, or when the user connects next. It comes again until it is confirmed.
call POST /notification/send "{\"userId\": \"$user\", \"message\": \"You have a new channel\"}"

# What was said, newest last; `before` and `after` a number give the pages. Who is there.
call GET "/channels/$channel/messages?limit=20"
call GET "/channels/$channel/members"

# A refusal is a problem document (RFC 9457) with the code that sockets get as well: here CONFLICT.
if problem=$(call POST /channels "{\"id\": \"$channel\"}"); then
    echo "made twice?" >&2
    exit 1
fi
echo "$problem"
