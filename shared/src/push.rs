//! Reaching connections: rooms, broadcasts, and what is remembered with a connection.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room},
    signal::Frame,
    user::{Caller, ConnectionId, User},
};

/// Who a broadcast is for: every connection that is in one of the rooms, once.
#[derive(Debug, Default)]
pub struct Audience<'a> {
    /// The rooms; `None` is every connection of every namespace.
    pub rooms: Option<&'a [Room]>,
    /// The connection that caused the broadcast and does not get it.
    pub except: Option<&'a ConnectionId>,
    /// Users none of whose connections get it.
    pub except_users: &'a [Id],
    /// Connections that do not get it.
    pub except_connections: &'a [String],
    /// Rooms with more connections than this are left out.
    pub room_max: Option<usize>,
    /// Whether it matters to how many connections it goes. Else those of other hosts may be left out of the count.
    pub counted: bool,
}

impl<'a> Audience<'a> {
    /// All of a room, the sender included.
    #[must_use]
    pub fn room(room: &'a Room) -> Self {
        Self { rooms: Some(std::slice::from_ref(room)), ..Self::default() }
    }

    /// A room less the sending connection.
    #[must_use]
    pub fn others(room: &'a Room, sender: &'a ConnectionId) -> Self {
        Self { except: Some(sender), ..Self::room(room) }
    }
}

/// What became of a frame for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Sent,
    /// There is no such connection any more.
    Gone,
}

/// A connection as `GET /connections` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionInfo {
    /// Its id.
    pub connection_id: String,
    /// The user's id; none for an anonymous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `websocket`, `polling` or `plain`.
    pub transport: Cow<'static, str>,
    /// The Socket.IO namespace; none for a plain WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Cow<'static, str>>,
    /// The rooms that it is in.
    pub rooms: Vec<Room>,
    /// When it connected.
    pub connected_at: Timestamp,
    /// When its last event came.
    pub last_activity: Timestamp,
}

/// The connections that can be reached from here, whatever their transport.
#[async_trait]
pub trait Push: Send + Sync {
    /// Puts the caller's connection into rooms. Nothing happens for one that is gone.
    async fn join(&self, caller: &Caller, rooms: &[Room]) -> Result<()>;

    /// Puts all connections of a user into rooms, wherever they are.
    async fn admit(&self, user: &Id, rooms: &[Room]) -> Result<()>;

    /// Takes all connections of a user out of rooms, wherever they are.
    async fn evict(&self, user: &Id, rooms: &[Room]) -> Result<()>;

    /// Takes everybody out of a room.
    async fn dissolve(&self, room: &Room) -> Result<()>;

    /// Sends to one connection.
    async fn send(&self, connection: &ConnectionId, frame: &Frame) -> Result<Delivery>;

    /// Sends to many and says to how many connections, of all hosts if the audience is to be counted.
    async fn broadcast(&self, audience: &Audience<'_>, frame: &Frame) -> Result<usize>;

    /// Ends a connection.
    async fn close(&self, connection: &ConnectionId) -> Result<()>;

    /// Ends the connections of a user whose identity no JWT has proven.
    async fn close_unverified(&self, user: &Id) -> Result<()>;

    /// Gives a connection an identity, or the same one with a later end.
    async fn identify(
        &self,
        connection: &ConnectionId,
        user: Arc<User>,
        expires: Option<Timestamp>,
    ) -> Result<()>;

    /// Keeps a value with the connection, under a name; `Null` forgets it.
    async fn remember(&self, connection: &ConnectionId, name: &str, value: Value) -> Result<()>;

    /// What was kept with the connection under that name; `Null` when nothing.
    async fn recall(&self, connection: &ConnectionId, name: &str) -> Result<Value>;

    /// The rooms that are known, without asking the store, to admit this connection; `None` where nothing is kept.
    fn rooms(&self, connection: &ConnectionId) -> Option<Vec<Room>>;

    /// Whether the connection is in the room; `None` where nothing is kept, and the store has to be asked.
    fn holds(&self, connection: &ConnectionId, room: &Room) -> Option<bool>;

    /// How many evictions there were. A membership read before one of them may be stale and is read again. Where
    /// evictions elsewhere are not heard of, no two answers are the same.
    fn evictions(&self) -> u64;

    /// Whether connections on other hosts can be reached at this moment.
    fn reaches_all(&self) -> bool {
        true
    }

    /// The connections after `after` in the order of their ids, at most `limit`.
    async fn connections(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConnectionInfo>>;
}
