//! Channels and groups: who may join, who owns them.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::{Attributes, Store, attributes, failed, item, key, number, text};
use crate::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room, RoomKind},
};

/// Who may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Any authenticated user.
    #[default]
    Public,
    /// Whom an owner adds. To others the room does not exist.
    Private,
}

impl Visibility {
    fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A channel or group.
#[derive(Clone, Debug)]
pub struct RoomItem {
    /// The id, in the form in which it was first written.
    pub id: Id,
    /// A name to show.
    pub name: Option<String>,
    /// Who may join.
    pub visibility: Visibility,
    /// The users who own it, as text. None for a room made by joining.
    pub owners: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl RoomItem {
    /// A public room without an owner, as the first join makes it.
    #[must_use]
    pub fn open(id: &Id) -> Self {
        Self {
            id: id.clone(),
            name: None,
            visibility: Visibility::Public,
            owners: Vec::new(),
            created_at: Timestamp::now(),
        }
    }

    fn read(item: &Attributes) -> Result<Self> {
        Ok(Self {
            id: item.id("id")?,
            name: item.text("name").map(str::to_owned),
            visibility: match item.text("visibility") {
                Some("private") => Visibility::Private,
                _ => Visibility::Public,
            },
            owners: item.set("owners").to_vec(),
            created_at: item.time("createdAt").unwrap_or_else(Timestamp::now),
        })
    }
}

/// What of a room is to change.
#[derive(Debug, Default)]
pub struct RoomChange {
    /// A new name.
    pub name: Option<String>,
    /// A new visibility.
    pub visibility: Option<Visibility>,
}

pub(super) fn partition(kind: RoomKind) -> String {
    key(&["ROOMS", kind.as_str()])
}

impl Store {
    /// A channel or group, read consistently. Threads, users and the lobby are none.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn room(&self, room: &Room) -> Result<Option<RoomItem>> {
        let found = self.get(partition(room.kind()), key(&[room.id()])).await?;
        found.map(|item| RoomItem::read(&item)).transpose()
    }

    /// Makes a room, unless there is one of that id; says whether it was made.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn create_room(&self, kind: RoomKind, room: &RoomItem) -> Result<bool> {
        let mut row = item(partition(kind), key(&[room.id.as_str()]));
        row.insert("id".into(), attributes::id(&room.id));
        row.insert("visibility".into(), text(room.visibility.as_str()));
        row.insert("createdAt".into(), number(room.created_at.millis()));
        if let Some(name) = &room.name {
            row.insert("name".into(), text(name));
        }
        if !room.owners.is_empty() {
            row.insert("owners".into(), AttributeValue::Ss(room.owners.clone()));
        }
        self.put_new(row).await
    }

    /// Changes a room and returns it; `None` when it is gone.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn change_room(&self, room: &Room, change: RoomChange) -> Result<Option<RoomItem>> {
        let Some(before) = self.room(room).await? else {
            return Ok(None);
        };
        let name = change.name.or(before.name);
        let visibility = change.visibility.unwrap_or(before.visibility);
        let mut update = self
            .update_item(partition(room.kind()), key(&[room.id()]))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#visibility", "visibility")
            .expression_attribute_values(":visibility", text(visibility.as_str()));
        update = match &name {
            Some(name) => update
                .update_expression("SET #visibility = :visibility, #name = :name")
                .expression_attribute_names("#name", "name")
                .expression_attribute_values(":name", text(name)),
            None => update.update_expression("SET #visibility = :visibility"),
        };
        self.send(update).await.map_err(failed)?;
        Ok(Some(RoomItem { name, visibility, ..before }))
    }

    /// Rooms of a kind in the order of their ids, after `after`, at most `limit`.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn rooms(
        &self,
        kind: RoomKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RoomItem>> {
        let mut query = self.prefixed(partition(kind), "");
        if let Some(after) = after {
            query = query.set_exclusive_start_key(Some(item(partition(kind), key(&[after]))));
        }
        self.collect(query, limit).await?.iter().map(RoomItem::read).collect()
    }

    /// Removes a room's description. Its members and contents are removed by their own calls.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn delete_room(&self, room: &Room) -> Result<()> {
        self.delete(partition(room.kind()), key(&[room.id()])).await
    }
}
