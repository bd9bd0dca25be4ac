//! Notifications and emit calls: what services send, by REST, bus or queue.

use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    api::Api,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    ids::{Id, Room},
    limits::Limits,
    push::Audience,
    signal::{Frame, Signal},
    store::notifications::Notification,
};
use uuid::Uuid;

/// Names that Socket.IO, or the plain WebSocket, gives a meaning of its own.
const PROTOCOL_NAMES: [&str; 11] = [
    "ack",
    "connect",
    "connect_error",
    "connection",
    "disconnect",
    "disconnecting",
    "error",
    "newListener",
    "ping",
    "pong",
    "removeListener",
];
/// `newNotification`: a notification for this user.
#[derive(Debug, Serialize)]
pub struct NewNotification(pub Notification);

impl Signal for NewNotification {
    const NAME: &'static str = "newNotification";
}

/// Keeps a notification, then sends it to every connection of the user; says its id and to how many it went.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn notify(cx: &Context, user_id: Id, message: String) -> Result<(String, usize)> {
    let id = Uuid::now_v7().to_string();
    let room = Room::user(&user_id);
    let created_at = Timestamp::now();
    let notification = Notification { id: id.clone(), message, user_id, created_at };
    cx.store.keep_notification(&notification).await?;
    let delivered = cx.to_room(&room, &NewNotification(notification)).await?;
    Ok((id, delivered))
}

/// An event that a service sends to rooms.
#[derive(Debug, Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub struct Emit {
    /// The event's name: none that this contract or Socket.IO owns.
    #[garde(length(chars, min = 1, max = 128))]
    pub event: String,
    /// Any JSON.
    #[serde(default = "null")]
    pub data: Box<RawValue>,
    /// Users none of whose connections get it.
    #[serde(default)]
    pub except_users: Vec<Id>,
    /// Connections that do not get it.
    #[serde(default)]
    pub except_connections: Vec<String>,
    /// For a broadcast: the rooms, by name; without it every connection.
    pub rooms: Option<Vec<String>>,
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// Sends an event to rooms, once to each connection, and says to how many; `None` is every connection.
///
/// # Errors
/// `INVALID_REQUEST` for a name that is not the service's to use.
pub async fn emit(cx: &Context, api: &Api, emit: Emit, rooms: Option<&[Room]>) -> Result<usize> {
    let name = emit.event;
    let owned = PROTOCOL_NAMES.contains(&&*name)
        || api.names().chain(api.signals()).any(|known| known == name);
    if owned {
        return Err(Error::invalid("event", "this name has a meaning of its own"));
    }
    let audience = Audience {
        rooms,
        except_users: &emit.except_users,
        except_connections: &emit.except_connections,
        ..Audience::default()
    };
    cx.push.broadcast(&audience, &Frame::new(name, emit.data)).await
}
