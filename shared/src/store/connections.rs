//! Connections that no process holds: API Gateway's. A plain WebSocket is one row; a Socket.IO client is one row for its
//! socket and one for each namespace it has entered, whose id is the socket's and a suffix.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemInputBuilder, types::ReturnValue,
};
use serde_json::Value;

use super::{
    Attributes, EXPIRES, Store, expires_in, failed, is_condition, item, key, number, shard, text,
};
use crate::{clock::Timestamp, error::Result, language::Language, text::Text, user::User};

/// Partitions that connections are spread over.
pub const PARTITIONS: u8 = 128;
/// API Gateway ends a connection after two hours. After another hour nobody asks for its row any more.
pub(super) const KEPT_SECONDS: u64 = 3 * 3600;

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain WebSocket.
    Plain,
    /// A Socket.IO client's socket, whatever namespaces it has entered.
    Socket,
    /// A namespace that a Socket.IO client has entered.
    Namespace,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Socket => "socket",
            Self::Namespace => "namespace",
        }
    }
}

/// A connection, or the socket below it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// API Gateway's id.
    pub socket: String,
    /// The `connectionId`: API Gateway's, for a namespace with a suffix.
    pub id: String,
    /// What the row stands for.
    pub kind: Kind,
    /// The identity; for a socket, that of the token shown in its request.
    pub user: Option<User>,
    /// When the token stops being good.
    pub expires: Option<Timestamp>,
    /// For a socket: why the token of its request is no good, where it is not.
    pub refusal: Option<Text>,
    /// For a socket: whether the token came in the header, and so comes before any other.
    pub by_header: bool,
    /// The language that the client reads.
    pub language: Language,
    /// When it began.
    pub connected_at: Timestamp,
}

impl Connection {
    fn read(item: &Attributes) -> Result<Self> {
        let kind = match item.required("kind")? {
            "plain" => Kind::Plain,
            "socket" => Kind::Socket,
            _ => Kind::Namespace,
        };
        Ok(Self {
            socket: item.required("socket")?.to_owned(),
            id: item.required("id")?.to_owned(),
            kind,
            user: item.text("user").map(serde_json::from_str).transpose()?,
            expires: item.time("endsAt"),
            refusal: item
                .text("refusal")
                .map(|code| Text::from_code(code).unwrap_or(Text::TokenInvalid)),
            by_header: item.is_set("byHeader"),
            language: Language::preferred(item.text("lang")),
            connected_at: item.time("connectedAt").unwrap_or_else(Timestamp::now),
        })
    }
}

/// The number of the partition that a socket and its namespaces are in.
#[must_use]
pub fn partition_of(socket: &str) -> u8 {
    shard(socket, PARTITIONS)
}

fn partition(socket: &str) -> String {
    numbered(partition_of(socket))
}

fn numbered(partition: u8) -> String {
    key(&["CONNS", &partition.to_string()])
}

impl Store {
    /// Keeps a new connection; says whether it is new.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn open_connection(&self, connection: &Connection) -> Result<bool> {
        let mut row = item(partition(&connection.socket), key(&[&connection.id]));
        row.insert("socket".into(), text(&connection.socket));
        row.insert("id".into(), text(&connection.id));
        row.insert("kind".into(), text(connection.kind.as_str()));
        row.insert("connectedAt".into(), number(connection.connected_at.millis()));
        row.insert(EXPIRES.into(), expires_in(KEPT_SECONDS));
        if let Some(user) = &connection.user {
            row.insert("user".into(), text(serde_json::to_string(user)?));
        }
        if let Some(until) = connection.expires {
            row.insert("endsAt".into(), number(until.millis()));
        }
        if let Some(refusal) = &connection.refusal {
            row.insert("refusal".into(), text(refusal.code()));
        }
        if connection.by_header {
            row.insert("byHeader".into(), number(1));
        }
        if connection.language != Language::default() {
            row.insert("lang".into(), text(connection.language.as_str()));
        }
        self.put_new(row).await
    }

    /// A socket's rows: its own, and those of the namespaces it has entered.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn connections_of(&self, socket: &str) -> Result<Vec<Connection>> {
        let query = self.prefixed(partition(socket), &key(&[socket]));
        let mut found = read(&self.collect(query, usize::MAX).await?)?;
        found.retain(|connection| connection.socket == socket);
        Ok(found)
    }

    /// A connection.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn connection(&self, socket: &str, id: &str) -> Result<Option<Connection>> {
        let found = self.get(partition(socket), key(&[id])).await?;
        found.map(|item| Connection::read(&item)).transpose()
    }

    /// All rows of a partition, numbered from 0 to [`PARTITIONS`], in the order of their ids.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn connections_in(&self, partition: u8) -> Result<Vec<Connection>> {
        read(&self.collect(self.prefixed(numbered(partition), ""), usize::MAX).await?)
    }

    /// Gives a connection an identity, or the same one with a later end; nothing happens to one that is gone.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn identify_connection(
        &self,
        socket: &str,
        id: &str,
        user: &User,
        expires: Option<Timestamp>,
    ) -> Result<()> {
        let update = self
            .update_connection(socket, id)
            .expression_attribute_names("#name", "user")
            .expression_attribute_values(":value", text(serde_json::to_string(user)?));
        let update = match expires {
            None => update.update_expression("SET #name = :value REMOVE endsAt"),
            Some(until) => update
                .update_expression("SET #name = :value, endsAt = :until")
                .expression_attribute_values(":until", number(until.millis())),
        };
        self.unless_gone(update).await
    }

    /// Keeps a value with a connection, under a name; `Null` forgets it. Nothing happens to one that is gone.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn keep(&self, socket: &str, id: &str, name: &str, value: &Value) -> Result<()> {
        let update =
            self.update_connection(socket, id).expression_attribute_names("#name", kept(name));
        self.unless_gone(match value {
            Value::Null => update.update_expression("REMOVE #name"),
            value => update
                .update_expression("SET #name = :value")
                .expression_attribute_values(":value", text(value.to_string())),
        })
        .await
    }

    /// What is kept with a connection under a name; `Null` when nothing.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn kept(&self, socket: &str, id: &str, name: &str) -> Result<Value> {
        let found = self.get(partition(socket), key(&[id])).await?;
        match found.as_ref().and_then(|item| item.text(&kept(name))) {
            Some(value) => Ok(serde_json::from_str(value)?),
            None => Ok(Value::Null),
        }
    }

    /// Counts events of a connection in a window of time, given by its number, and returns how many there are now.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn count_events(
        &self,
        socket: &str,
        id: &str,
        window: i64,
        events: u32,
    ) -> Result<u64> {
        let add = |first: bool| {
            let (expression, condition) = if first {
                (
                    "SET rateWindow = :window, rateCount = :events",
                    "rateWindow < :window OR attribute_not_exists(rateWindow)",
                )
            } else {
                ("ADD rateCount :events", "rateWindow = :window")
            };
            self.update_connection(socket, id)
                .condition_expression(condition)
                .update_expression(expression)
                .expression_attribute_values(":window", number(window))
                .expression_attribute_values(":events", number(events))
                .return_values(ReturnValue::UpdatedNew)
        };
        for first in [false, true, false] {
            match self.send(add(first)).await {
                Ok(output) => {
                    return Ok(Attributes(output.attributes.unwrap_or_default()).count("rateCount"));
                }
                Err(error) if is_condition(error.as_service_error()) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        // The window has passed.
        Ok(0)
    }

    /// Forgets a connection.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn forget_connection(&self, socket: &str, id: &str) -> Result<()> {
        self.delete(partition(socket), key(&[id])).await
    }

    fn update_connection(&self, socket: &str, id: &str) -> UpdateItemInputBuilder {
        self.update_item(partition(socket), key(&[id]))
    }

    async fn unless_gone(&self, update: UpdateItemInputBuilder) -> Result<()> {
        match self.send(update.condition_expression("attribute_exists(pk)")).await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(error.as_service_error()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

fn kept(name: &str) -> String {
    format!("kept.{name}")
}

fn read(items: &[Attributes]) -> Result<Vec<Connection>> {
    items.iter().map(Connection::read).collect()
}
