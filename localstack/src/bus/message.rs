//! What hosts tell each other: JSON, in which a frame's own JSON stands as it is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use shared::{
    ids::{Id, Room},
    later::Job,
    log::Follow,
    push::{Audience, ConnectionInfo},
    signal::Frame,
    user::ConnectionId,
};

/// The form of everything here. Hosts that speak another one cannot be understood.
pub(super) const VERSION: u8 = 1;

/// One message on the bus.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) v: u8,
    /// The boot id of the host that sent it.
    pub(super) from: String,
    pub(super) said: Said,
}

/// Only what every version has.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) v: u8,
    pub(super) from: String,
}

/// What a host says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// To all, numbered, kept for a while by who told it, and taken by everybody in the order of the numbers.
    Told(u64, Told<'static>),
    /// That the host lives: the last number it sent, and in which rooms it holds many connections.
    Beat { last: u64, crowds: Vec<(Room, usize)> },
    /// Asks a host to tell these numbers again.
    Again { first: u64, last: u64 },
    /// Nothing before this number can be told again.
    Gone { before: u64 },
    /// Answers a question.
    Answer { question: u64, answer: Answer },
}

/// What all hosts are told. A `question` wants an answer from each.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told<'a> {
    /// A host has come.
    Hello,
    /// A host goes, and has told all that it had to.
    Bye,
    /// An entry of a channel's log has landed.
    Entry {
        channel: Cow<'a, Id>,
        seq: u64,
        entry: Cow<'a, Entry>,
    },
    /// A frame for the connections of an audience.
    Broadcast {
        to: To<'a>,
        frame: Cow<'a, Frame>,
        question: Option<u64>,
    },
    /// A frame for one connection.
    Send {
        connection: Cow<'a, str>,
        frame: Cow<'a, Frame>,
        question: u64,
    },
    Admit {
        user: Cow<'a, Id>,
        rooms: Cow<'a, [Room]>,
        question: Option<u64>,
    },
    Evict {
        user: Cow<'a, Id>,
        rooms: Cow<'a, [Room]>,
        question: u64,
    },
    Dissolve {
        room: Cow<'a, Room>,
        question: u64,
    },
    Close {
        connection: Cow<'a, str>,
    },
    CloseUnverified {
        user: Cow<'a, Id>,
        question: u64,
    },
    /// Work that is due in so many milliseconds, from a host that goes.
    Later {
        delay: u64,
        job: Job,
    },
    /// Asks for connections, as [`shared::push::Push::connections`].
    List {
        after: Option<Cow<'a, str>>,
        limit: usize,
        question: u64,
    },
}

/// An answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// To how many connections it went.
    Sent(usize),
    /// Connections there are.
    Connections(Vec<ConnectionInfo>),
}

/// What is broadcast of a log's entry.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<String>,
    pub(super) frame: Frame,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) follow: Vec<Follow>,
}

/// An [`Audience`] as it travels.
#[derive(Serialize, Deserialize)]
pub(super) struct To<'a> {
    rooms: Option<Cow<'a, [Room]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    except: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    except_users: Cow<'a, [Id]>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    except_connections: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room_max: Option<usize>,
}

impl<'a> To<'a> {
    pub(super) fn of(audience: &Audience<'a>) -> Self {
        Self {
            rooms: audience.rooms.map(Cow::Borrowed),
            except: audience.except.map(|except| Cow::Borrowed(except.as_str())),
            except_users: Cow::Borrowed(audience.except_users),
            except_connections: Cow::Borrowed(audience.except_connections),
            room_max: audience.room_max,
        }
    }

    /// The connection that is left out.
    pub(super) fn except(&self) -> Option<ConnectionId> {
        self.except.as_deref().map(ConnectionId::new)
    }

    pub(super) fn audience<'b>(&'b self, except: Option<&'b ConnectionId>) -> Audience<'b> {
        Audience {
            rooms: self.rooms.as_deref(),
            except,
            except_users: &self.except_users,
            except_connections: &self.except_connections,
            room_max: self.room_max,
            counted: false,
        }
    }
}
