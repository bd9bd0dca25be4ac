//! Channels and groups.

use std::collections::HashSet;

use axum::{Extension, Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    clock::Timestamp,
    context::Context,
    error::{Code, Error, Result},
    ids::{Id, Room, RoomKind},
    limits::{Limits, TITLE_CHARS},
    store::{
        memberships::{Membership, Role},
        rooms::{RoomChange, RoomItem, Visibility},
    },
    text::Text,
    user::User,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Answer, Rest,
    request::{Body, Ids, Params, Signed, page_size},
};
use crate::members;

const FIRST_MEMBERS: usize = 100;

/// A room to be made.
#[derive(Deserialize, Validate, ToSchema)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct Create {
    /// An id of one's own; one is made otherwise.
    #[schema(value_type = Option<String>)]
    id: Option<Id>,
    #[garde(inner(length(chars, min = 1, max = TITLE_CHARS)))]
    name: Option<String>,
    /// `public` (the default) or `private`.
    #[schema(value_type = Option<String>)]
    visibility: Option<Visibility>,
    /// Users who are members from the start.
    #[garde(inner(length(max = FIRST_MEMBERS)))]
    #[schema(value_type = Option<Vec<String>>)]
    members: Option<Vec<Id>>,
}

/// What of a room is to change.
#[derive(Deserialize, Validate, ToSchema)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct Change {
    #[garde(inner(length(chars, min = 1, max = TITLE_CHARS)))]
    name: Option<String>,
    #[schema(value_type = Option<String>)]
    visibility: Option<Visibility>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    limit: Option<usize>,
    /// The id after which the page begins.
    after: Option<String>,
}

fn shown(room: &RoomItem) -> Value {
    json!({
        "id": room.id,
        "name": room.name,
        "visibility": room.visibility,
        "createdAt": room.created_at,
    })
}

/// Requires that a user manages a room: an owner, or an administrator where there is none.
///
/// # Errors
/// `NOT_FOUND` where the user may not know of the room, else `FORBIDDEN`.
pub(crate) async fn require_manager(cx: &Context, user: &User, room: &Room) -> Result<RoomItem> {
    let missing = || Error::no_room(room.kind());
    let found = cx.store.room(room).await?.ok_or_else(missing)?;
    let membership = cx.store.membership(&user.id, room).await?;
    if membership.as_ref().is_some_and(|membership| membership.role == Role::Owner) {
        return Ok(found);
    }
    if found.owners.is_empty() && user.has_role(&["admin"]) {
        return Ok(found);
    }
    if found.visibility == Visibility::Private && membership.is_none() {
        return Err(missing());
    }
    Err(Error::forbidden(Text::OwnersOnly))
}

/// Public rooms and the caller's own, in the order of their ids.
#[utoipa::path(get, path = "/", tag = "rooms", params(List),
    responses((status = 200, description = "`{channels | groups, hasMore}`")))]
pub(crate) async fn list(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Params(page): Params<List>,
) -> Answer<Json<Value>> {
    let limit = page_size(page.limit)?;
    let own = rest.cx.store.memberships(&by.0.id).await?;
    let own: HashSet<Room> = own.into_iter().map(|membership| membership.room).collect();
    let mut after = page.after;
    let mut rooms = Vec::new();
    while rooms.len() <= limit {
        let found = rest.cx.store.rooms(kind, after.as_deref(), limit + 1).await?;
        let Some(last) = found.last() else { break };
        after = Some(last.id.to_string());
        rooms.extend(found.into_iter().filter(|room| {
            room.visibility == Visibility::Public || own.contains(&Room::new(kind, &room.id))
        }));
    }
    let more = rooms.len() > limit;
    rooms.truncate(limit);
    let rooms: Vec<Value> = rooms.iter().map(shown).collect();
    let name = if kind == RoomKind::Channel { "channels" } else { "groups" };
    Ok(Json(json!({ name: rooms, "hasMore": more })))
}

/// Make a room and own it.
#[utoipa::path(post, path = "/", tag = "rooms", request_body = Create,
    responses((status = 201, description = "The room"), (status = 409, description = "The id exists")))]
pub(crate) async fn create(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Body(create): Body<Create>,
) -> Answer<(StatusCode, Json<Value>)> {
    let (cx, owner) = (&rest.cx, &by.0);
    let listed = create.members.unwrap_or_default();
    for user in listed.iter().chain([&owner.id]) {
        let rooms = cx.store.memberships(user).await?;
        let rooms: Vec<Room> = rooms.into_iter().map(|membership| membership.room).collect();
        members::check_count(&rooms)?;
    }
    let made = || Id::from_stored(&Uuid::now_v7().to_string(), false);
    let item = RoomItem {
        id: create.id.unwrap_or_else(made),
        name: create.name,
        visibility: create.visibility.unwrap_or_default(),
        owners: vec![owner.id.to_string()],
        created_at: Timestamp::now(),
    };
    if !cx.store.create_room(kind, &item).await? {
        return Err(Error::new(Code::Conflict, Text::RoomExists { room: kind }).into());
    }
    let room = Room::new(kind, &item.id);
    seat(cx, &room, owner.id.clone(), Some(owner.username.clone()), Role::Owner).await?;
    for member in listed {
        if member != owner.id {
            seat(cx, &room, member, None, Role::Member).await?;
        }
    }
    Ok((StatusCode::CREATED, Json(shown(&item))))
}

/// Makes a user a member with a role, on all of the user's connections.
///
/// # Errors
/// `CONFLICT` when the user is in too many rooms.
pub(crate) async fn add(
    cx: &Context,
    room: &Room,
    user: Id,
    username: Option<String>,
    role: Role,
) -> Result<Membership> {
    let rooms = cx.store.memberships(&user).await?;
    let others: Vec<Room> =
        rooms.into_iter().map(|other| other.room).filter(|other| other != room).collect();
    members::check_count(&others)?;
    seat(cx, room, user, username, role).await
}

/// As [`add`], for a user who is known not to be in too many rooms.
async fn seat(
    cx: &Context,
    room: &Room,
    user: Id,
    username: Option<String>,
    role: Role,
) -> Result<Membership> {
    let since = cx.push.evictions();
    let known = if username.is_none() { cx.store.presence(&user).await? } else { None };
    let user = known.as_ref().map_or(user, |known| known.user.clone());
    let username = username.or(known.and_then(|known| known.username));
    let membership = Membership {
        room: room.clone(),
        channel: None,
        username: username.unwrap_or_else(|| user.to_string()),
        user,
        role,
        joined_at: Timestamp::now(),
    };
    cx.store.set_member(&membership).await?;
    cx.admit(&membership.user, room, since).await?;
    Ok(membership)
}

/// A room: a public one for anybody, a private one for its members.
#[utoipa::path(get, path = "/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, description = "The room"), (status = 404, description = "None, or a private one")))]
pub(crate) async fn details(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id]): Ids<1>,
) -> Answer<Json<Value>> {
    let room = Room::new(kind, &id);
    let missing = || Error::no_room(kind);
    let found = rest.cx.store.room(&room).await?.ok_or_else(missing)?;
    if found.visibility == Visibility::Private {
        rest.cx.membership(&by.0, &room).await?;
    }
    Ok(Json(shown(&found)))
}

/// Change a room's name or visibility. Its owner may.
#[utoipa::path(patch, path = "/{id}", tag = "rooms", params(("id" = String, Path)), request_body = Change,
    responses((status = 200, description = "The room")))]
pub(crate) async fn change(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id]): Ids<1>,
    Body(change): Body<Change>,
) -> Answer<Json<Value>> {
    let room = Room::new(kind, &id);
    require_manager(&rest.cx, &by.0, &room).await?;
    let change = RoomChange { name: change.name, visibility: change.visibility };
    let changed = rest.cx.store.change_room(&room, change).await?;
    Ok(Json(shown(&changed.ok_or_else(|| Error::no_room(kind))?)))
}

/// Delete a room, its memberships and what it holds. Its owner may.
#[utoipa::path(delete, path = "/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 204, description = "Gone")))]
pub(crate) async fn delete(
    State(rest): State<Rest>,
    Extension(kind): Extension<RoomKind>,
    by: Signed,
    Ids([id]): Ids<1>,
) -> Answer<StatusCode> {
    let (cx, room) = (&rest.cx, Room::new(kind, &id));
    require_manager(cx, &by.0, &room).await?;
    cx.store.delete_room(&room).await?;
    for member in cx.store.members(&room, None).await? {
        let of_room =
            |other: &Membership| other.room == room || other.channel.as_ref() == Some(&room);
        let rooms = cx.store.memberships(&member.user).await?;
        for membership in rooms.iter().filter(|other| of_room(other)) {
            cx.store.remove_member(membership).await?;
        }
        let rooms: Vec<Room> =
            rooms.into_iter().filter(of_room).map(|membership| membership.room).collect();
        cx.push.evict(&member.user, &rooms).await?;
    }
    cx.push.dissolve(&room).await?;
    cx.store.erase_room(&room).await?;
    Ok(StatusCode::NO_CONTENT)
}
