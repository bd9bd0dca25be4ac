//! Joining and leaving channels and groups, for events and REST alike.

use shared::{
    context::Context,
    error::{Code, Error, Result},
    ids::{Id, Room, RoomKind},
    limits::ROOMS_PER_USER,
    store::{
        memberships::Membership,
        rooms::{RoomItem, Visibility},
    },
    text::Text,
    user::{Caller, User},
};

/// Makes the caller a member; says whether that is new. Under `OPEN_ROOMS` the first join makes the room.
///
/// # Errors
/// `NOT_FOUND` or `FORBIDDEN` for a room that the caller may not join, `CONFLICT` over 100 rooms.
pub async fn join(cx: &Context, caller: &Caller, room: &Room, id: &Id) -> Result<bool> {
    if cx.push.holds(&caller.connection, room) == Some(true) {
        return Ok(false);
    }
    let user = caller.user()?;
    let since = cx.push.evictions();
    let found = match cx.store.room(room).await? {
        Some(found) => found,
        None if cx.config.open_rooms => open(cx, room, id).await?,
        None => return Err(Error::no_room(room.kind())),
    };
    if found.visibility == Visibility::Private {
        if cx.store.membership(&user.id, room).await?.is_none() {
            return Err(if cx.config.open_rooms {
                Error::forbidden(Text::RoomClosed { room: room.kind() })
            } else {
                Error::no_room(room.kind())
            });
        }
        cx.subscribe(caller, std::slice::from_ref(room), since).await?;
        return Ok(false);
    }
    within_limit(cx, caller, user, room).await?;
    let joined = cx.store.join(user, room, None).await?;
    cx.admit(&user.id, room, since).await?;
    Ok(joined)
}

async fn open(cx: &Context, room: &Room, id: &Id) -> Result<RoomItem> {
    let open = RoomItem::open(id);
    if cx.store.create_room(room.kind(), &open).await? {
        return Ok(open);
    }
    // Somebody else made it in between.
    cx.store.room(room).await?.ok_or_else(|| Error::no_room(room.kind()))
}

async fn within_limit(cx: &Context, caller: &Caller, user: &User, room: &Room) -> Result<()> {
    let rooms: Vec<Room> = match cx.push.rooms(&caller.connection) {
        Some(rooms) => rooms,
        None => cx.store.memberships(&user.id).await?.into_iter().map(|m| m.room).collect(),
    };
    if rooms.contains(room) { Ok(()) } else { check_count(&rooms) }
}

/// Refuses one room more than a user may be in.
///
/// # Errors
/// `CONFLICT` when there are 100 already.
pub fn check_count(rooms: &[Room]) -> Result<()> {
    let counted = |room: &&Room| matches!(room.kind(), RoomKind::Channel | RoomKind::Group);
    if rooms.iter().filter(counted).count() < ROOMS_PER_USER {
        return Ok(());
    }
    Err(Error::new(Code::Conflict, Text::TooManyRooms { max: ROOMS_PER_USER }))
}

/// Ends a user's membership, and in the channel's threads, at once for all connections; `None` when there was none.
///
/// # Errors
/// `CONFLICT` for the last owner.
pub async fn leave(cx: &Context, user: &Id, room: &Room) -> Result<Option<Membership>> {
    let Some(left) = cx.store.leave(user, room).await? else {
        return Ok(None);
    };
    let mut rooms = vec![room.clone()];
    if room.kind() == RoomKind::Channel {
        for membership in cx.store.memberships(user).await? {
            if membership.channel.as_ref() == Some(room) {
                cx.store.leave(user, &membership.room).await?;
                rooms.push(membership.room);
            }
        }
    }
    cx.push.evict(user, &rooms).await?;
    Ok(Some(left))
}

/// Leaves a room for the caller, who must be in it.
///
/// # Errors
/// As [`Context::membership`] for one who is no member, and as [`leave`].
pub async fn leave_own(cx: &Context, caller: &Caller, room: &Room) -> Result<()> {
    let user = caller.user()?;
    match leave(cx, &user.id, room).await? {
        Some(_) => Ok(()),
        None => cx.membership(user, room).await.map(drop),
    }
}
