//! Notifications and emit calls: what services send, by REST, bus or queue.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    api::{Api, decode},
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    fields,
    ids::{Id, Room},
    limits::{self, Limits},
    push::Audience,
    signal::{Frame, Signal},
    store::notifications::Notification,
    text::Text,
};
use utoipa::ToSchema;
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
/// A notification for this user. It comes again at each connection until it is confirmed, for 30 days.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NewNotification(pub Notification);

impl Signal for NewNotification {
    const NAME: &'static str = "newNotification";
}

/// A notification to be sent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub struct Notice {
    #[garde(custom(|text: &String, limits: &Limits| limits::text(text, limits)))]
    message: String,
    #[schema(value_type = String)]
    user_id: Id,
}

/// Keeps a notification, then sends it to every connection of the user; says its id and to how many it went. The id
/// is a time-ordered one; the same again is the same notification.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn notify(cx: &Context, id: Uuid, notice: Notice) -> Result<(String, usize)> {
    let Notice { message, user_id } = notice;
    let id = id.to_string();
    let room = Room::user(&user_id);
    let created_at = Timestamp::now();
    let notification = Notification { id: id.clone(), message, user_id, created_at };
    cx.store.keep_notification(&notification).await?;
    let audience = Audience { counted: true, ..Audience::room(&room) };
    let delivered =
        cx.push.broadcast(&audience, &Frame::of(&NewNotification(notification))?).await?;
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

/// What a service sends by the bus or a queue: a notification, `{userId, message}`, or an event to a room or, with `*`,
/// to every connection, `{target, event, data}`. `id` is the notification's.
///
/// # Errors
/// `INVALID_REQUEST` when it is neither, else as [`notify`] and [`emit`].
pub async fn take(cx: &Context, api: &Api, id: Uuid, json: &str) -> Result<usize> {
    #[derive(Deserialize)]
    struct Target {
        target: Option<String>,
    }
    let limits = &cx.config.limits;
    let Some(target) = decode::<Target>(json)?.target else {
        let notice: Notice = decode(json)?;
        fields::validate(&notice, limits)?;
        return notify(cx, id, notice).await.map(|(_, delivered)| delivered);
    };
    let event: Emit = decode(json)?;
    fields::validate(&event, limits)?;
    if target == "*" {
        return emit(cx, api, event, None).await;
    }
    let room = Room::parse(&target);
    let room = room.ok_or_else(|| Error::invalid("target", Text::TargetWrong))?;
    emit(cx, api, event, Some(std::slice::from_ref(&room))).await
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
        return Err(Error::invalid("event", Text::EventNameTaken));
    }
    let audience = Audience {
        rooms,
        except_users: &emit.except_users,
        except_connections: &emit.except_connections,
        counted: true,
        ..Audience::default()
    };
    cx.push.broadcast(&audience, &Frame::new(name, emit.data)).await
}
