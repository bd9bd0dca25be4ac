//! Which connections a room's broadcasts go to, where no process knows: one row for each, with all that sending needs.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::batch_write_item::BatchWriteItemInput,
    types::{DeleteRequest, PutRequest, WriteRequest},
};
use futures_util::future::try_join_all;

use super::{
    Attributes, EXPIRES, Store, attributes, connections::KEPT_SECONDS, expires_in, failed, item,
    key, number, shard, text,
};
use crate::{
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
};

/// The lobby holds everybody: more than one partition can serve.
const LOBBY_SHARDS: u8 = 16;
/// DynamoDB takes 25 writes at once.
const BATCH: usize = 25;
const ATTEMPTS: usize = 8;

/// A connection in a room.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The connection's id.
    pub connection: String,
    /// Its user; none for an anonymous one.
    pub user: Option<Id>,
    /// Whether a JWT has proven the user's id.
    pub verified: bool,
}

fn partitions(room: &Room) -> Vec<String> {
    if room.kind() == RoomKind::Global {
        (0..LOBBY_SHARDS).map(|shard| in_lobby(room, shard)).collect()
    } else {
        vec![key(&["SUBS", &room.to_string()])]
    }
}

fn in_lobby(room: &Room, shard: u8) -> String {
    key(&["SUBS", &room.to_string(), &shard.to_string()])
}

fn keys(room: &Room, connection: &str) -> (String, String) {
    let partition = if room.kind() == RoomKind::Global {
        in_lobby(room, shard(connection, LOBBY_SHARDS))
    } else {
        key(&["SUBS", &room.to_string()])
    };
    (partition, key(&[connection]))
}

impl Subscription {
    fn read(item: &Attributes) -> Result<Self> {
        Ok(Self {
            connection: item.required("id")?.to_owned(),
            user: if item.is_set("user") { Some(item.id("user")?) } else { None },
            verified: item.is_set("verified"),
        })
    }

    fn put(&self, room: &Room) -> Result<WriteRequest> {
        let (pk, sk) = keys(room, &self.connection);
        let mut row = item(pk, sk);
        row.insert("id".into(), text(&self.connection));
        row.insert(EXPIRES.into(), expires_in(KEPT_SECONDS));
        if let Some(user) = &self.user {
            row.insert("user".into(), attributes::id(user));
        }
        if self.verified {
            row.insert("verified".into(), number(1));
        }
        let put = PutRequest::builder().set_item(Some(row)).build().map_err(Error::internal)?;
        Ok(WriteRequest::builder().put_request(put).build())
    }
}

fn delete(room: &Room, connection: &str) -> Result<WriteRequest> {
    let (pk, sk) = keys(room, connection);
    let delete = DeleteRequest::builder().set_key(Some(item(pk, sk))).build();
    Ok(WriteRequest::builder().delete_request(delete.map_err(Error::internal)?).build())
}

impl Store {
    /// Puts connections into rooms.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn subscribe(&self, connections: &[Subscription], rooms: &[Room]) -> Result<()> {
        let pairs = connections.iter().flat_map(|one| rooms.iter().map(move |room| one.put(room)));
        self.write_all(pairs.collect::<Result<_>>()?).await
    }

    /// Takes connections out of rooms.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn unsubscribe(&self, connections: &[String], rooms: &[Room]) -> Result<()> {
        let pairs =
            connections.iter().flat_map(|one| rooms.iter().map(move |room| delete(room, one)));
        self.write_all(pairs.collect::<Result<_>>()?).await
    }

    /// The connections in a room, read consistently.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn subscribers(&self, room: &Room) -> Result<Vec<Subscription>> {
        let queries =
            partitions(room).into_iter().map(|pk| self.collect(self.prefixed(pk, ""), usize::MAX));
        let found = try_join_all(queries).await?;
        found.iter().flatten().map(Subscription::read).collect()
    }

    async fn write_all(&self, writes: Vec<WriteRequest>) -> Result<()> {
        let batches = writes.chunks(BATCH).map(|batch| self.write_batch(batch.to_vec()));
        try_join_all(batches).await.map(drop)
    }

    async fn write_batch(&self, batch: Vec<WriteRequest>) -> Result<()> {
        let mut left = HashMap::from([(self.table.to_string(), batch)]);
        for _ in 0..ATTEMPTS {
            let write = BatchWriteItemInput::builder().set_request_items(Some(left));
            left = self.send(write).await.map_err(failed)?.unprocessed_items.unwrap_or_default();
            if left.values().all(Vec::is_empty) {
                return Ok(());
            }
        }
        Err(Error::rate_limited(super::THROTTLED_MS))
    }
}
