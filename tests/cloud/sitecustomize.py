# Python runs this before MiniStack: where it differs from AWS in what the tests are about.
import json
import os
import signal
import socketserver
import sys
import threading

from ministack.core import iam_actions
from ministack.services import lambda_svc

# Small answers would wait for 40 ms in the kernel otherwise.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def end_with_the_tests():
    """Whoever started this holds the other end of stdin, and holds it no more when it has ended, however that was."""
    while sys.stdin.buffer.raw.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


# On AWS, who may send one message may send ten.
action_of = iam_actions.extract_iam_action
iam_actions.extract_iam_action = lambda *call: str(action_of(*call) or "").replace("SendMessageBatch", "SendMessage") or None

# On AWS, what a function says has failed of a stream's batch comes again.
execute = lambda_svc._execute_function


def execute_with_failures(function, event, *rest, **named):
    result = execute(function, event, *rest, **named)
    records = event.get("Records") if isinstance(event, dict) else None
    if records and records[0].get("eventSource") == "aws:dynamodb":
        answer = result.get("body") or ""
        answer = json.loads(answer) if isinstance(answer, (str, bytes)) and answer else answer
        if isinstance(answer, dict) and answer.get("batchItemFailures"):
            return {**result, "error": True}
    return result


lambda_svc._execute_function = execute_with_failures

if os.environ.get("END_WITH_STDIN"):
    threading.Thread(target=end_with_the_tests, daemon=True).start()
