//! Who is there.

use std::collections::HashSet;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    context::Context,
    error::{Error, Result},
    ids::{Id, Room},
    store::users::{Presence, Status},
    text::Text,
    user::User,
};
use utoipa::IntoParams;

use super::{
    Answer, Rest,
    request::{Admin, Ids, Params, Signed, page_size},
};

const MANY: usize = 100;

fn shown(user: &Id, presence: Option<&Presence>) -> Value {
    let status = presence.map_or(Status::Offline, |presence| presence.status);
    let mut shown = json!({ "userId": user, "status": status });
    let seen = presence.and_then(|presence| presence.last_seen);
    if let Some(seen) = seen.filter(|_| status == Status::Offline) {
        shown["lastSeen"] = json!(seen);
    }
    shown
}

/// Those of the users who share a room with the caller, who may always see himself.
async fn visible(cx: &Context, caller: &User, users: Vec<Id>) -> Result<Vec<Id>> {
    let own: HashSet<Room> =
        cx.store.memberships(&caller.id).await?.into_iter().map(|own| own.room).collect();
    let mut visible = Vec::new();
    for user in users {
        let theirs = || cx.store.memberships(&user);
        if user == caller.id || theirs().await?.iter().any(|theirs| own.contains(&theirs.room)) {
            visible.push(user);
        }
    }
    Ok(visible)
}

/// A user's presence. Only of users who share a room with the caller.
#[utoipa::path(get, path = "/users/{id}/presence", tag = "presence", params(("id" = String, Path)),
    responses((status = 200, description = "`{userId, status, lastSeen?}`")))]
pub(crate) async fn presence_of(
    State(rest): State<Rest>,
    by: Signed,
    Ids([user]): Ids<1>,
) -> Answer<Json<Value>> {
    let visible = visible(&rest.cx, &by.0, vec![user]).await?;
    let user = visible.first().ok_or_else(|| Error::not_found(Text::UserNotFound))?;
    let presence = rest.cx.store.presence(user).await?;
    let id = presence.as_ref().map_or(user, |presence| &presence.user);
    Ok(Json(shown(id, presence.as_ref())))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Users {
    /// Ids, separated by commas.
    user_ids: String,
}

/// The presence of several users; those who share no room with the caller are left out.
#[utoipa::path(get, path = "/presence", tag = "presence", params(Users),
    responses((status = 200, description = "`{presence: [{userId, status, lastSeen?}]}`")))]
pub(crate) async fn presence(
    State(rest): State<Rest>,
    by: Signed,
    Params(asked): Params<Users>,
) -> Answer<Json<Value>> {
    let wrong = |problem| Error::invalid("userIds", problem);
    let ids = asked.user_ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    let users = ids.map(Id::parse).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if users.len() > MANY {
        return Err(wrong(Text::TooManyUsers { max: MANY }).into());
    }
    let visible = visible(&rest.cx, &by.0, users).await?;
    let known = rest.cx.store.presences(&visible).await?;
    let presence: Vec<Value> = visible
        .iter()
        .map(|user| {
            let presence = known.iter().find(|presence| presence.user == *user);
            shown(presence.map_or(user, |presence| &presence.user), presence)
        })
        .collect();
    Ok(Json(json!({ "presence": presence })))
}

/// Everybody who is connected. Needs the role `admin`.
#[utoipa::path(get, path = "/presence/online", tag = "presence",
    responses((status = 200, description = "`{presence: [{userId, status}]}`")))]
pub(crate) async fn online(State(rest): State<Rest>, _: Admin) -> Answer<Json<Value>> {
    let connected = rest.cx.store.connected_users().await?;
    let presence: Vec<Value> =
        connected.iter().map(|presence| shown(&presence.user, Some(presence))).collect();
    Ok(Json(json!({ "presence": presence })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Connections {
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The connections there are. Needs the role `admin`.
#[utoipa::path(get, path = "/connections", tag = "service", params(Connections),
    responses((status = 200, description = "`{connections, hasMore, next?}`")))]
pub(crate) async fn connections(
    State(rest): State<Rest>,
    _: Admin,
    Params(page): Params<Connections>,
) -> Answer<Json<Value>> {
    let limit = page_size(page.limit)?;
    let mut found = rest.cx.push.connections(page.after.as_deref(), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut answer = json!({ "connections": found, "hasMore": more });
    if let Some(last) = found.last().filter(|_| more) {
        answer["next"] = json!(last.connection_id);
    }
    Ok(Json(answer))
}
