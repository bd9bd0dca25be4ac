//! Users: which connections they have, what others were told of it, and whether a JWT has proven the id.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemInputBuilder,
    types::{AttributeValue, ReturnValue},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Attributes, Store, attributes, failed, is_condition, key, number, shard, text};
use crate::{
    clock::Timestamp,
    error::{Code, Error, Result},
    ids::Id,
    text::Text,
    user::User,
};

const SHARDS: u8 = 16;

/// What others see of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At least one connection is not away.
    Online,
    /// All connections are away.
    Away,
    /// No connection.
    Offline,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }
}

/// A user's presence.
#[derive(Clone, Debug)]
pub struct Presence {
    /// The user.
    pub user: Id,
    /// The user's name at the last connection.
    pub username: Option<String>,
    /// What follows from the connections there are.
    pub status: Status,
    /// What others were told last.
    pub shown: Status,
    /// When the last connection ended.
    pub last_seen: Option<Timestamp>,
    /// The connections, as `<host>/<connection>`.
    pub connections: Vec<String>,
    /// Whether a JWT has proven the id.
    pub proven: bool,
    /// Whether a session or an anonymous client ever claimed the id.
    pub claimed: bool,
}

impl Presence {
    fn read(item: &Attributes) -> Result<Self> {
        let connections = item.set("conns").to_vec();
        let away = item.set("away");
        let status = if connections.is_empty() {
            Status::Offline
        } else if connections.iter().all(|connection| away.contains(connection)) {
            Status::Away
        } else {
            Status::Online
        };
        let shown = match item.text("shown") {
            Some("online") => Status::Online,
            Some("away") => Status::Away,
            _ => Status::Offline,
        };
        Ok(Self {
            user: item.id("user")?,
            username: item.text("username").map(str::to_owned),
            status,
            shown,
            last_seen: item.time("lastSeen"),
            connections,
            proven: item.is_set("proven"),
            claimed: item.is_set("claimed"),
        })
    }
}

fn keys(user: &Id) -> (String, String) {
    let shard = shard(user.as_str(), SHARDS).to_string();
    (key(&["USERS", &shard]), key(&[user.as_str()]))
}

fn one(connection: &str) -> AttributeValue {
    AttributeValue::Ss(vec![connection.to_owned()])
}

impl Store {
    fn update_user(&self, user: &Id) -> UpdateItemInputBuilder {
        let (pk, sk) = keys(user);
        self.update_item(pk, sk)
            .expression_attribute_values(":user", attributes::id(user))
            .expression_attribute_names("#user", "user")
    }

    /// Adds a connection of a user, who is online from now on, and returns what was before.
    ///
    /// # Errors
    /// `UNAUTHORIZED` when the id is only claimed and a JWT has proven it before.
    pub async fn arrive(&self, user: &User, connection: &str) -> Result<Option<Presence>> {
        let claim = if user.verified { "proven" } else { "claimed" };
        let update = self
            .update_user(&user.id)
            .update_expression(format!(
                "SET #user = :user, username = :name, shown = :online, {claim} = :true ADD conns :one"
            ))
            .expression_attribute_values(":name", text(&user.username))
            .expression_attribute_values(":online", text(Status::Online.as_str()))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":one", one(connection))
            .return_values(ReturnValue::AllOld);
        self.claim(update, user.verified).await
    }

    /// Notes that an id was proven, or claimed, without a connection, and returns what was before.
    ///
    /// # Errors
    /// As [`Store::arrive`].
    pub async fn identify(&self, user: &User) -> Result<Option<Presence>> {
        let claim = if user.verified { "proven" } else { "claimed" };
        let update = self
            .update_user(&user.id)
            .update_expression(format!("SET #user = :user, username = :name, {claim} = :true"))
            .expression_attribute_values(":name", text(&user.username))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllOld);
        self.claim(update, user.verified).await
    }

    /// Takes connections from a user and returns what is left.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn depart(&self, user: &Id, connections: Vec<String>) -> Result<Presence> {
        let update = self
            .update_user(user)
            .update_expression("SET #user = :user, lastSeen = :now DELETE conns :gone, away :gone")
            .expression_attribute_values(":now", number(Timestamp::now().millis()))
            .expression_attribute_values(":gone", AttributeValue::Ss(connections))
            .return_values(ReturnValue::AllNew);
        let output = self.send(update).await.map_err(failed)?;
        Presence::read(&Attributes(output.attributes.unwrap_or_default()))
    }

    /// Marks a connection as away, or as back, and returns what is now.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn set_away(&self, user: &Id, connection: &str, away: bool) -> Result<Presence> {
        let change = if away { "ADD" } else { "DELETE" };
        let update = self
            .update_user(user)
            .update_expression(format!("SET #user = :user {change} away :one"))
            .expression_attribute_values(":one", one(connection))
            .return_values(ReturnValue::AllNew);
        let output = self.send(update).await.map_err(failed)?;
        Presence::read(&Attributes(output.attributes.unwrap_or_default()))
    }

    /// Notes what others are about to be told; says whether that is news and still true.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn show(&self, user: &Id, status: Status) -> Result<bool> {
        let connected = if status == Status::Offline { "not_exists" } else { "exists" };
        let update = self
            .update_user(user)
            .update_expression("SET #user = :user, shown = :status")
            .condition_expression(format!("shown <> :status AND attribute_{connected}(conns)"))
            .expression_attribute_values(":status", text(status.as_str()));
        match self.send(update).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(error.as_service_error()) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// A user's presence, read consistently; `None` for one who never came.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn presence(&self, user: &Id) -> Result<Option<Presence>> {
        let (pk, sk) = keys(user);
        self.get(pk, sk).await?.map(|item| Presence::read(&item)).transpose()
    }

    /// The presence of those of the users who ever came.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn presences(&self, users: &[Id]) -> Result<Vec<Presence>> {
        self.batch(users.iter().map(keys).collect()).await?.iter().map(Presence::read).collect()
    }

    /// Everybody who has a connection. Reads all users: for administration and clean-up.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn connected_users(&self) -> Result<Vec<Presence>> {
        let mut connected = Vec::new();
        for shard in 0..SHARDS {
            let query = self
                .prefixed(key(&["USERS", &shard.to_string()]), "")
                .filter_expression("attribute_exists(conns)");
            for item in self.collect(query, usize::MAX).await? {
                connected.push(Presence::read(&item)?);
            }
        }
        Ok(connected)
    }

    async fn claim(
        &self,
        update: UpdateItemInputBuilder,
        verified: bool,
    ) -> Result<Option<Presence>> {
        let update = if verified {
            update
        } else {
            update.condition_expression("attribute_not_exists(proven)")
        };
        match self.send(update).await {
            Ok(output) => output
                .attributes
                .filter(|item| item.contains_key("user"))
                .map(|item| Presence::read(&Attributes(item)))
                .transpose(),
            Err(error) if is_condition(error.as_service_error()) => {
                Err(Error::new(Code::Unauthorized, Text::TokenNeeded))
            }
            Err(error) => Err(failed(error)),
        }
    }
}
