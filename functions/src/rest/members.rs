//! Who is in a channel or group, and what a group has watched.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
};
use garde::Validate;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    api::{decode, too_large},
    context::Context,
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
    push::Audience,
    signal::{Frame, Signal},
    store::{
        memberships::{Membership, Role},
        users::{Presence, Status},
    },
    text::Text,
    user::User,
};
use utoipa::ToSchema;

use super::{
    Answer, Rest,
    request::{Ids, Signed},
    rooms::{add, require_manager},
};
use crate::{
    join_channel, join_group, leave_channel::UserLeftChannel, leave_group::UserLeftGroup, members,
};

/// What a member may do.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[garde(allow_unvalidated)]
pub(crate) struct Put {
    /// `owner`, `moderator` or `member` (the default).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
}

fn shown(membership: &Membership, presence: Option<&Presence>) -> Value {
    let status = presence.map_or(Status::Offline, |presence| presence.status);
    let mut shown = json!({
        "userId": membership.user,
        "username": membership.username,
        "role": membership.role,
        "joinedAt": membership.joined_at,
        "status": status,
    });
    let seen = presence.and_then(|presence| presence.last_seen);
    if let Some(seen) = seen.filter(|_| status == Status::Offline) {
        shown["lastSeen"] = json!(seen);
    }
    shown
}

/// A room's members, with their presence. Members only.
#[utoipa::path(get, path = "/{id}/members", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, description = "`{members: [{userId, username, role, joinedAt, status, lastSeen?}]}`")))]
pub(crate) async fn list(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id]): Ids<1>,
) -> Answer<Json<Value>> {
    let room = Room::new(kind, &id);
    rest.cx.membership(&by.0, &room).await?;
    let mut members = rest.cx.store.members(&room, None).await?;
    members.sort_unstable_by_key(|member| member.joined_at);
    let users: Vec<Id> = members.iter().map(|member| member.user.clone()).collect();
    let presences = rest.cx.store.presences(&users).await?;
    let presences: std::collections::HashMap<_, _> =
        presences.iter().map(|presence| (presence.user.clone(), presence)).collect();
    let members: Vec<Value> =
        members.iter().map(|member| shown(member, presences.get(&member.user).copied())).collect();
    Ok(Json(json!({ "members": members })))
}

/// Make a user a member, or change what a member may do. The room's owner may.
#[utoipa::path(put, path = "/{id}/members/{userId}", tag = "rooms", request_body = Option<Put>,
    params(("id" = String, Path), ("userId" = String, Path)),
    responses((status = 200, description = "The member")))]
pub(crate) async fn put(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id, user]): Ids<2>,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Json<Value>> {
    let (cx, room) = (&rest.cx, Room::new(kind, &id));
    let body = body.map_err(|_| too_large(cx.config.limits.frame_bytes))?;
    let text = std::str::from_utf8(&body).map_err(|_| Error::invalid("", Text::NotUtf8))?;
    let put: Put = if text.trim().is_empty() { Put::default() } else { decode(text)? };
    let found = require_manager(cx, &by.0, &room).await?;
    let before = cx.store.membership(&user, &room).await?;
    let role = put.role.or(before.as_ref().map(|before| before.role)).unwrap_or_default();
    let name = before.as_ref().map(|before| before.username.clone());
    let membership = add(cx, &room, user, name, role).await?;
    if before.is_none() {
        announce(cx, &room, &found.id, &membership, true).await?;
    }
    let presence = cx.store.presence(&membership.user).await?;
    Ok(Json(shown(&membership, presence.as_ref())))
}

/// End a membership, at once for all of the user's connections. The room's owner may, and the member.
#[utoipa::path(delete, path = "/{id}/members/{userId}", tag = "rooms",
    params(("id" = String, Path), ("userId" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 409, description = "The last owner")))]
pub(crate) async fn remove(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id, user]): Ids<2>,
) -> Answer<StatusCode> {
    let (cx, room) = (&rest.cx, Room::new(kind, &id));
    if by.0.id == user {
        cx.membership(&by.0, &room).await?;
    } else {
        require_manager(cx, &by.0, &room).await?;
    }
    let left = members::leave(cx, &user, &room)
        .await?
        .ok_or_else(|| Error::not_found(Text::MemberNotFound))?;
    let id = cx.store.room(&room).await?.map_or(id, |found| found.id);
    announce(cx, &room, &id, &left, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a room who joined or left.
async fn announce(
    cx: &Context,
    room: &Room,
    id: &Id,
    who: &Membership,
    joined: bool,
) -> Result<()> {
    let user: User = shared::auth::claimed(who.user.clone(), who.username.clone());
    let in_channel = || join_channel::Moved::now(&user, id);
    let in_group = || join_group::Moved::now(&user, id);
    match (room.kind(), joined) {
        (RoomKind::Channel, true) => {
            tell(cx, room, &user, &join_channel::UserJoinedChannel(in_channel())).await
        }
        (RoomKind::Channel, false) => tell(cx, room, &user, &UserLeftChannel(in_channel())).await,
        (_, true) => tell(cx, room, &user, &join_group::UserJoinedGroup(in_group())).await,
        (_, false) => tell(cx, room, &user, &UserLeftGroup(in_group())).await,
    }
}

async fn tell<S: Signal>(cx: &Context, room: &Room, user: &User, signal: &S) -> Result<()> {
    let except_users = std::slice::from_ref(&user.id);
    let audience = Audience { except_users, ..Audience::room(room) };
    cx.push.broadcast(&audience, &Frame::of(signal)?).await.map(drop)
}

/// Who watched which episode in a group. Members only.
#[utoipa::path(get, path = "/groups/{id}/progress", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, description = "`{progress: [{userId, username, seriesId, episodeId, timestamp}]}`")))]
pub(crate) async fn progress(
    State(rest): State<Rest>,
    by: Signed,
    Ids([group]): Ids<1>,
) -> Answer<Json<Value>> {
    rest.cx.membership(&by.0, &Room::group(&group)).await?;
    Ok(Json(json!({ "progress": rest.cx.store.watched(&group).await? })))
}
