//! Presence: what others are told of a user's coming and going.

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room, RoomKind},
    push::Audience,
    signal::{Frame, Signal},
    store::users::{Presence, Status},
    user::Caller,
};

/// A user of a shared channel or group has come, gone, or is away. A slow reader may miss it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UserPresence")]
pub struct Change {
    user_id: Id,
    status: Status,
    timestamp: Timestamp,
    /// When the last connection ended; only of who is offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
}

impl Signal for Change {
    const NAME: &'static str = "user_presence";
    const VOLATILE: bool = true;
}

impl Change {
    /// A user has come.
    #[must_use]
    pub fn online(user_id: Id) -> Self {
        Self { user_id, status: Status::Online, timestamp: Timestamp::now(), last_seen: None }
    }
}

/// A connection's name among all of a user's, on any host.
#[must_use]
pub fn connection(cx: &Context, caller: &Caller) -> String {
    format!("{}/{}", cx.host, caller.connection.as_str())
}

/// Tells the other users of the rooms, once per connection. Large rooms hear nothing.
///
/// # Errors
/// `INTERNAL` when connections cannot be reached.
pub async fn announce(cx: &Context, change: Change, rooms: &[Room]) -> Result<()> {
    let rooms: Vec<Room> = rooms
        .iter()
        .filter(|room| matches!(room.kind(), RoomKind::Channel | RoomKind::Group))
        .cloned()
        .collect();
    let audience = Audience {
        rooms: Some(&rooms),
        except_users: std::slice::from_ref(&change.user_id),
        room_max: Some(cx.config.presence.room_max),
        ..Audience::default()
    };
    cx.push.broadcast(&audience, &Frame::of(&change)?).await.map(drop)
}

/// Tells others of a status that follows from a user's connections, if it is not what they were told last.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn settle(cx: &Context, presence: &Presence) -> Result<()> {
    if presence.status == presence.shown || !cx.store.show(&presence.user, presence.status).await? {
        return Ok(());
    }
    let memberships = cx.store.memberships(&presence.user).await?;
    let rooms: Vec<Room> = memberships.into_iter().map(|membership| membership.room).collect();
    let offline = presence.status == Status::Offline;
    let change = Change {
        user_id: presence.user.clone(),
        status: presence.status,
        timestamp: Timestamp::now(),
        last_seen: if offline { presence.last_seen } else { None },
    };
    announce(cx, change, &rooms).await
}

/// Settles a user whose last connection ended a while ago, unless there is another one by now.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn end_grace(cx: &Context, user: &Id) -> Result<()> {
    match cx.store.presence(user).await? {
        Some(presence) => settle(cx, &presence).await,
        None => Ok(()),
    }
}

/// Removes the connections of hosts that ended before a moment, and tells others who is gone.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn clean_up(cx: &Context, before: Timestamp) -> Result<()> {
    let mut ended = cx.store.hosts_ended(before).await?;
    ended.retain(|host| **host != *cx.host);
    if ended.is_empty() {
        return Ok(());
    }
    for user in cx.store.connected_users().await? {
        let dead = user.connections.iter().filter(|connection| {
            connection.split_once('/').is_some_and(|(host, _)| ended.iter().any(|e| e == host))
        });
        let dead: Vec<String> = dead.cloned().collect();
        if !dead.is_empty() {
            settle(cx, &cx.store.depart(&user.user, dead).await?).await?;
        }
    }
    for host in &ended {
        cx.store.forget_host(host).await?;
    }
    Ok(())
}
