//! Identifiers as clients write them, and the rooms that are named after them.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::Text;

/// Largest integer that every JSON implementation keeps exactly: 2⁵³ − 1.
const MAX_INTEGER: i64 = (1 << 53) - 1;
const MAX_CHARS: usize = 128;
const MAX_BYTES: usize = 256;

/// An identifier: a JSON string or integer. `123` and `"123"` are the same id, yet each is written back in the form in which it came.
#[derive(Clone)]
pub struct Id {
    text: Arc<str>,
    integer: bool,
}

impl Id {
    /// The id as text: what two ids are compared by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads an id that is text by nature (a path segment, a key).
    ///
    /// # Errors
    /// Says what an id may be when this text is none.
    pub fn parse(text: &str) -> Result<Self, Text> {
        if text.is_empty() {
            return Err(Text::Empty);
        }
        if text.len() > MAX_BYTES || text.chars().count() > MAX_CHARS {
            return Err(Text::IdTooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(Text::IdControlCharacters);
        }
        Ok(Self { text: text.into(), integer: false })
    }

    /// The stored form: the text, and whether it was written as an integer.
    #[must_use]
    pub fn from_stored(text: &str, integer: bool) -> Self {
        Self { text: text.into(), integer }
    }

    /// Whether the id was written as a JSON integer.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.integer
    }

    fn from_integer(value: i64) -> Result<Self, Text> {
        if (-MAX_INTEGER..=MAX_INTEGER).contains(&value) {
            Ok(Self { text: value.to_string().into(), integer: true })
        } else {
            Err(Text::IdTooLarge)
        }
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text.parse::<i64>() {
            Ok(value) if self.integer => serializer.serialize_i64(value),
            _ => serializer.serialize_str(&self.text),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An identifier. `123` and `\"123\"` are the same one; it comes back in the form in which it was sent. A string has at most 256 bytes.",
            "anyOf": [
                { "type": "string", "minLength": 1, "maxLength": MAX_CHARS, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" },
                { "type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER },
            ],
        })
    }
}

struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        Id::parse(text).map_err(|problem| E::custom(problem.code()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Id, E> {
        Id::from_integer(value).map_err(|problem| E::custom(problem.code()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Id, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// What a room is for. Rooms of different kinds never meet, whatever their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoomKind {
    /// A series group.
    Group,
    /// A chat channel.
    Channel,
    /// A thread of a channel; its id is that of the message it hangs on.
    Thread,
    /// Every connection of one user.
    User,
    /// The lobby.
    Global,
}

impl RoomKind {
    /// The prefix of the room's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Channel => "channel",
            Self::Thread => "thread",
            Self::User => "user",
            Self::Global => "global",
        }
    }

    /// The kind of rooms with this prefix.
    pub(crate) fn from_prefix(prefix: &str) -> Option<Self> {
        let all = [Self::Group, Self::Channel, Self::Thread, Self::User, Self::Global];
        all.into_iter().find(|kind| kind.as_str() == prefix)
    }
}

/// A room's name: `group:5`, `channel:general`, `thread:…`, `user:7`, `global:all`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room {
    kind: RoomKind,
    id: Arc<str>,
}

impl Room {
    /// The lobby, which every connection of namespace `/` and every plain WebSocket is in.
    #[must_use]
    pub fn lobby() -> Self {
        Self { kind: RoomKind::Global, id: "all".into() }
    }

    /// The room of that kind and id.
    #[must_use]
    pub fn new(kind: RoomKind, id: &Id) -> Self {
        Self { kind, id: id.text.clone() }
    }

    /// `group:<id>`
    #[must_use]
    pub fn group(id: &Id) -> Self {
        Self::new(RoomKind::Group, id)
    }

    /// `channel:<id>`
    #[must_use]
    pub fn channel(id: &Id) -> Self {
        Self::new(RoomKind::Channel, id)
    }

    /// `thread:<id>`
    #[must_use]
    pub fn thread(id: &Id) -> Self {
        Self::new(RoomKind::Thread, id)
    }

    /// `user:<id>`
    #[must_use]
    pub fn user(id: &Id) -> Self {
        Self::new(RoomKind::User, id)
    }

    /// Reads a room's name; `None` when it is not one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, id) = name.split_once(':')?;
        let kind = RoomKind::from_prefix(kind)?;
        let is_one = kind != RoomKind::Global || id == "all";
        Id::parse(id).ok().filter(|_| is_one).map(|id| Self { kind, id: id.text })
    }

    /// What the room is for.
    #[must_use]
    pub fn kind(&self) -> RoomKind {
        self.kind
    }

    /// The id after the prefix, as text.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("not a room's name"))
    }
}
