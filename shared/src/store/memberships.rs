//! Who is in which room. The item is the user's; the index lists a room's members.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::{batch_get_item::BatchGetItemInput, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem, Update},
};
use serde::{Deserialize, Serialize};

use super::{
    Attributes, Store, attributes, failed, hash, item, key, number, prefix, rooms,
    table::{INDEX, INDEX_PARTITION, INDEX_SORT},
    text,
};
use crate::{
    clock::Timestamp,
    error::{Code, Error, Result},
    ids::{Id, Room},
    text::Text,
    user::User,
};

/// What a member may do in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Manages the room and its members.
    Owner,
    /// May delete others' messages.
    Moderator,
    /// Reads and writes.
    #[default]
    Member,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Moderator => "moderator",
            Self::Member => "member",
        }
    }
}

/// A user's place in a room.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The room.
    pub room: Room,
    /// The channel that a thread belongs to.
    pub channel: Option<Room>,
    /// The member's id, in the form of the token's claim.
    pub user: Id,
    /// The member's name when joining.
    pub username: String,
    /// What the member may do.
    pub role: Role,
    /// When the member joined.
    pub joined_at: Timestamp,
}

impl Membership {
    fn read(item: &Attributes) -> Result<Self> {
        let room = |name| item.text(name).and_then(Room::parse);
        Ok(Self {
            room: room("room").ok_or_else(|| Error::internal("a membership names no room"))?,
            channel: room("channel"),
            user: item.id("user")?,
            username: item.required("username")?.to_owned(),
            role: match item.text("role") {
                Some("owner") => Role::Owner,
                Some("moderator") => Role::Moderator,
                _ => Role::Member,
            },
            joined_at: item.time("joinedAt").unwrap_or_else(Timestamp::now),
        })
    }

    fn keys(&self) -> (String, String) {
        keys(&self.user, &self.room)
    }

    fn row(&self) -> HashMap<String, AttributeValue> {
        let (pk, sk) = self.keys();
        let mut row = item(pk, sk);
        row.insert("room".into(), text(self.room.to_string()));
        row.insert("user".into(), attributes::id(&self.user));
        row.insert("username".into(), text(&self.username));
        row.insert("role".into(), text(self.role.as_str()));
        row.insert("joinedAt".into(), number(self.joined_at.millis()));
        row.insert(INDEX_PARTITION.into(), text(index_partition(&self.room)));
        row.insert(INDEX_SORT.into(), text(key(&[&hash(&[&self.username]), self.user.as_str()])));
        if let Some(channel) = &self.channel {
            row.insert("channel".into(), text(channel.to_string()));
        }
        row
    }
}

fn keys(user: &Id, room: &Room) -> (String, String) {
    (key(&["USER", user.as_str()]), key(&["MEMBER", &room.to_string()]))
}

fn index_partition(room: &Room) -> String {
    key(&["ROOM", &room.to_string()])
}

impl Store {
    /// A user's membership in a room, read consistently.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn membership(&self, user: &Id, room: &Room) -> Result<Option<Membership>> {
        let (pk, sk) = keys(user, room);
        self.get(pk, sk).await?.map(|item| Membership::read(&item)).transpose()
    }

    /// All memberships of a user, threads too, read consistently.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn memberships(&self, user: &Id) -> Result<Vec<Membership>> {
        let query = self.prefixed(key(&["USER", user.as_str()]), &prefix(&["MEMBER"]));
        self.collect(query, usize::MAX).await?.iter().map(Membership::read).collect()
    }

    /// Makes a user a plain member; says whether that is new.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn join(&self, user: &User, room: &Room, channel: Option<&Room>) -> Result<bool> {
        let membership = Membership {
            room: room.clone(),
            channel: channel.cloned(),
            user: user.id.clone(),
            username: user.username.clone(),
            role: Role::Member,
            joined_at: Timestamp::now(),
        };
        self.put_new(membership.row()).await
    }

    /// Gives a user a role in a room, joining if need be, and keeps the room's list of owners.
    ///
    /// # Errors
    /// `CONFLICT` when that would take away the last owner; `NOT_FOUND` when the room is gone.
    pub async fn set_member(&self, membership: &Membership) -> Result<()> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(membership.row()))
            .build()
            .map_err(Error::internal)?;
        let before = self.membership(&membership.user, &membership.room).await?;
        let was_owner = before.is_some_and(|before| before.role == Role::Owner);
        let owners = match (was_owner, membership.role == Role::Owner) {
            (false, true) => Some(self.owners(&membership.room, &membership.user, "ADD")?),
            (true, false) => Some(self.owners(&membership.room, &membership.user, "DELETE")?),
            _ => None,
        };
        self.change(TransactWriteItem::builder().put(put).build(), owners).await
    }

    /// Ends a membership; says whether there was one.
    ///
    /// # Errors
    /// `CONFLICT` for the last owner.
    pub async fn leave(&self, user: &Id, room: &Room) -> Result<Option<Membership>> {
        let Some(membership) = self.membership(user, room).await? else {
            return Ok(None);
        };
        let (pk, sk) = membership.keys();
        let delete = Delete::builder()
            .table_name(&*self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .build()
            .map_err(Error::internal)?;
        let owners = if membership.role == Role::Owner {
            Some(self.owners(room, user, "DELETE")?)
        } else {
            None
        };
        self.change(TransactWriteItem::builder().delete(delete).build(), owners).await?;
        Ok(Some(membership))
    }

    /// Ends a membership of a room that is gone, whatever the role.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn remove_member(&self, membership: &Membership) -> Result<()> {
        let (pk, sk) = membership.keys();
        self.delete(pk, sk).await
    }

    async fn change(
        &self,
        membership: TransactWriteItem,
        owners: Option<TransactWriteItem>,
    ) -> Result<()> {
        match self.transact(std::iter::once(membership).chain(owners).collect()).await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled))
                    if canceled
                        .cancellation_reasons()
                        .iter()
                        .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
                {
                    Err(Error::new(Code::Conflict, Text::LastOwner))
                }
                _ => Err(failed(error)),
            },
        }
    }

    fn owners(&self, room: &Room, user: &Id, change: &str) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&*self.table)
            .key("pk", text(rooms::partition(room.kind())))
            .key("sk", text(key(&[room.id()])))
            .update_expression(format!("{change} owners :user"))
            .expression_attribute_values(":user", AttributeValue::Ss(vec![user.to_string()]));
        let update = if change == "ADD" {
            update.condition_expression("attribute_exists(pk)")
        } else {
            update
                .condition_expression("size(owners) > :one")
                .expression_attribute_values(":one", number(1))
        };
        let update = update.build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A room's members, or those of one name, in no order. Who they are comes from the index (eventually consistent on AWS), what they may do from the items.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn members(&self, room: &Room, name: Option<&str>) -> Result<Vec<Membership>> {
        let mut query = self
            .query()
            .index_name(INDEX)
            .expression_attribute_values(":room", text(index_partition(room)));
        query = match name {
            None => query.key_condition_expression("ipk = :room"),
            Some(name) => query
                .key_condition_expression("ipk = :room AND begins_with(isk, :name)")
                .expression_attribute_values(":name", text(prefix(&[&hash(&[name])]))),
        };
        let keys = self.collect(query, usize::MAX).await?;
        let keys = keys
            .into_iter()
            .filter_map(|mut item| Some((item.take("pk")?, item.take("sk")?)))
            .collect();
        self.batch(keys).await?.iter().map(Membership::read).collect()
    }

    /// The memberships in a room of those of the users who have one, read consistently.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn members_among(&self, room: &Room, users: &[Id]) -> Result<Vec<Membership>> {
        let keys = users.iter().map(|user| keys(user, room)).collect();
        self.batch(keys).await?.iter().map(Membership::read).collect()
    }

    /// A user's memberships in those of the rooms where there is one, read consistently.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn memberships_among(&self, user: &Id, rooms: &[Room]) -> Result<Vec<Membership>> {
        let keys = rooms.iter().map(|room| keys(user, room)).collect();
        self.batch(keys).await?.iter().map(Membership::read).collect()
    }

    /// Items by their keys, in no order, read consistently; those that do not exist are left out.
    pub(super) async fn batch(&self, mut keys: Vec<(String, String)>) -> Result<Vec<Attributes>> {
        keys.sort_unstable();
        keys.dedup();
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(100) {
            let mut wanted: Vec<_> =
                chunk.iter().map(|(pk, sk)| item(pk.clone(), sk.clone())).collect();
            while !wanted.is_empty() {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(std::mem::take(&mut wanted)))
                    .consistent_read(true)
                    .build()
                    .map_err(Error::internal)?;
                let batch = BatchGetItemInput::builder().request_items(&*self.table, request);
                let output = self.send(batch).await.map_err(failed)?;
                let items = output.responses.unwrap_or_default().into_values().flatten();
                found.extend(items.map(Attributes).filter(Attributes::is_live));
                let left = output.unprocessed_keys.unwrap_or_default().into_values();
                wanted.extend(left.flat_map(|left| left.keys));
            }
        }
        Ok(found)
    }
}
