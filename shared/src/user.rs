//! Who is calling, and on which connection.

use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::{Code, Error, Result},
    ids::{Id, Room},
    language::Language,
    text::Text,
};

/// An identity. Roles come only from a verified token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The id, in the form of the token's claim or of the session's first connection.
    pub id: Id,
    /// The name shown to others; the id where none was given.
    pub username: String,
    /// A picture's address, from the token.
    pub avatar: Option<String>,
    /// Roles from the token: `admin`, `moderator`, `service`, … Empty for sessions and anonymous clients.
    pub roles: Vec<String>,
    /// Whether a JWT proved the id. Sessions and anonymous clients only claim theirs.
    pub verified: bool,
}

impl User {
    /// Whether the token grants any of these roles.
    #[must_use]
    pub fn has_role(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.as_str()))
    }

    /// The room of all this user's connections.
    #[must_use]
    pub fn room(&self) -> Room {
        Room::user(&self.id)
    }

    /// `{id, username}`, as signals name who did something.
    #[must_use]
    pub fn reference(&self) -> UserRef {
        UserRef { id: self.id.clone(), username: self.username.clone() }
    }

    /// `{id, username, avatar?}`, as messages name their author.
    #[must_use]
    pub fn author(&self) -> Author {
        Author { id: self.id.clone(), username: self.username.clone(), avatar: self.avatar.clone() }
    }
}

/// A user as signals name them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UserRef {
    /// The user's id.
    pub id: Id,
    /// The user's name.
    pub username: String,
}

/// The author of a message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Author {
    /// The user's id.
    pub id: Id,
    /// The user's name.
    pub username: String,
    /// A picture's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// Names one connection: one namespace of one transport connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConnectionId(Arc<str>);

impl ConnectionId {
    /// A connection by its Socket.IO sid, or by the id that a plain WebSocket was given.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The `connectionId` that clients see.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who sent an event, and over which connection.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The connection the event came in on.
    pub connection: ConnectionId,
    /// The identity; none for an anonymous connection that has not bound one yet.
    pub user: Option<Arc<User>>,
    /// When the token stops being good; none without a token.
    pub expires: Option<Timestamp>,
    /// The language that the client reads.
    pub language: Language,
    /// Whether the client waits for an ack.
    pub wants_ack: bool,
}

impl Caller {
    /// The caller's identity.
    ///
    /// # Errors
    /// `UNAUTHORIZED` when the connection has none yet.
    pub fn user(&self) -> Result<&Arc<User>> {
        self.user.as_ref().ok_or_else(|| Error::new(Code::Unauthorized, Text::NoIdentity))
    }

    /// Refuses a sender named in a payload that is not the caller.
    ///
    /// # Errors
    /// `FORBIDDEN` when it is somebody else.
    pub fn must_be(&self, claimed: &Id) -> Result<()> {
        match &self.user {
            Some(user) if user.id == *claimed => Ok(()),
            _ => Err(Error::forbidden(Text::NotTheSender)),
        }
    }
}
