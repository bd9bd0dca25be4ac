//! Reaching connections through API Gateway. Who is in a room is read from the table.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use shared::{
    clock::Timestamp,
    engineio::{disconnect_packet, message},
    error::Result,
    ids::{Id, Room},
    metrics,
    push::{Audience, ConnectionInfo, Delivery, Push},
    signal::Frame,
    store::{
        Store,
        connections::{Connection, Kind, PARTITIONS, partition_of},
        subscriptions::Subscription,
    },
    user::{Caller, ConnectionId, User},
};
use uuid::Uuid;

use crate::{
    address::{Address, wire},
    deliver::{Page, post_all},
    later::Work,
    post::Posts,
    queue::Queue,
};

/// Receivers that are posted to at once. More go through the queue, in pages of half as many to as many; in 128 at most.
const INLINE: usize = 200;
/// Reads under way at once.
const AT_ONCE: usize = 16;

/// All connections of the stage.
pub(crate) struct Gateway {
    pub(crate) store: Store,
    pub(crate) posts: Posts,
    pub(crate) queue: Arc<Queue>,
    pub(crate) evictions: AtomicU64,
}

impl Gateway {
    async fn receivers(&self, audience: &Audience<'_>) -> Result<Vec<String>> {
        let found = match audience.rooms {
            Some(rooms) => {
                let reads: Vec<_> = rooms.iter().map(|room| self.store.subscribers(room)).collect();
                let reads = stream::iter(reads).buffered(AT_ONCE);
                let rooms: Vec<Vec<Subscription>> = reads.try_collect().await?;
                let small = |room: &Vec<_>| audience.room_max.is_none_or(|max| room.len() <= max);
                rooms.into_iter().filter(small).flatten().collect()
            }
            None => self.everybody().await?,
        };
        let except = audience.except.map(ConnectionId::as_str);
        let mut seen = HashSet::new();
        let left_out = |one: &Subscription| {
            Some(one.connection.as_str()) == except
                || audience.except_connections.contains(&one.connection)
                || one.user.as_ref().is_some_and(|user| audience.except_users.contains(user))
        };
        let wanted = found.into_iter().filter(|one| !left_out(one)).map(|one| one.connection);
        Ok(wanted.filter(|connection| seen.insert(connection.clone())).collect())
    }

    async fn everybody(&self) -> Result<Vec<Subscription>> {
        let reads: Vec<_> =
            (0..PARTITIONS).map(|partition| self.store.connections_in(partition)).collect();
        let all: Vec<Vec<Connection>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let connections = all.into_iter().flatten().filter(|one| one.kind != Kind::Socket);
        Ok(connections.map(|one| subscription(one.id, one.user.as_ref())).collect())
    }

    /// Puts a broadcast into the queue. A receiver is always in the same page of as many, so that it gets in order
    /// what it gets.
    async fn enqueue(
        &self,
        audience: &Audience<'_>,
        receivers: Vec<String>,
        frame: &Frame,
    ) -> Result<()> {
        let count = receivers.len().div_ceil(INLINE / 2).next_power_of_two();
        let mut pages = vec![Vec::new(); count];
        for receiver in receivers {
            let page = usize::from(partition_of(&receiver)) % count;
            pages[page].push(receiver);
        }
        let room = audience.rooms.and_then(<[Room]>::first).map_or_else(|| "all".into(), group);
        let numbered = pages.into_iter().enumerate().filter(|(_, page)| !page.is_empty());
        let pages =
            numbered.map(|(number, page)| (format!("{room}.{number}"), Page::new(frame, page)));
        self.queue.deliver(pages.collect()).await
    }

    /// The rooms that a connection may be in.
    pub(crate) async fn rooms_of(&self, row: &Connection) -> Result<Vec<Room>> {
        let mut rooms = Vec::new();
        if Address::of(&row.id).is_in_lobby() {
            rooms.push(Room::lobby());
        }
        if let Some(user) = &row.user {
            rooms.push(user.room());
            rooms.extend(self.store.memberships(&user.id).await?.into_iter().map(|one| one.room));
        }
        rooms.sort_unstable();
        Ok(rooms)
    }

    async fn info(&self, row: Connection) -> Result<ConnectionInfo> {
        let namespace = Address::of(&row.id).namespace();
        Ok(ConnectionInfo {
            rooms: self.rooms_of(&row).await?,
            last_activity: self.posts.last_active(&row.socket).await.unwrap_or(row.connected_at),
            connection_id: row.id,
            user_id: row.user.as_ref().map(|user| user.id.clone()),
            username: row.user.map(|user| user.username),
            transport: if namespace.is_some() { "websocket" } else { "plain" }.into(),
            namespace: namespace.map(Into::into),
            connected_at: row.connected_at,
        })
    }
}

/// A room's name as a queue's group can be called: in plain characters, and not long.
fn group(room: &Room) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, room.to_string().as_bytes()).to_string()
}

fn subscription(connection: String, user: Option<&User>) -> Subscription {
    let verified = user.is_some_and(|user| user.verified);
    Subscription { connection, user: user.map(|user| user.id.clone()), verified }
}

fn names(subscribers: Vec<Subscription>) -> Vec<String> {
    subscribers.into_iter().map(|one| one.connection).collect()
}

#[async_trait]
impl Push for Gateway {
    async fn join(&self, caller: &Caller, rooms: &[Room]) -> Result<()> {
        let id = caller.connection.as_str().to_owned();
        self.store.subscribe(&[subscription(id, caller.user.as_deref())], rooms).await
    }

    async fn admit(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        self.store.subscribe(&self.store.subscribers(&Room::user(user)).await?, rooms).await
    }

    async fn evict(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        let connections = names(self.store.subscribers(&Room::user(user)).await?);
        self.store.unsubscribe(&connections, rooms).await
    }

    async fn dissolve(&self, room: &Room) -> Result<()> {
        let connections = names(self.store.subscribers(room).await?);
        self.store.unsubscribe(&connections, std::slice::from_ref(room)).await
    }

    async fn send(&self, connection: &ConnectionId, frame: &Frame) -> Result<Delivery> {
        let address = Address::of(connection.as_str());
        let delivery = self.posts.post(address.socket, wire(address.namespace(), frame)).await?;
        if delivery == Delivery::Gone {
            self.queue.later(Work::gone(&[connection.as_str().to_owned()])).await?;
        }
        Ok(delivery)
    }

    async fn broadcast(&self, audience: &Audience<'_>, frame: &Frame) -> Result<usize> {
        let receivers = self.receivers(audience).await?;
        let count = receivers.len();
        metrics::broadcast(count);
        if count > INLINE {
            self.enqueue(audience, receivers, frame).await?;
            return Ok(count);
        }
        let outcome = post_all(&self.posts, &receivers, frame).await;
        self.queue.later(Work::gone(&outcome.gone)).await?;
        if !frame.volatile && !outcome.failed.is_empty() {
            self.enqueue(audience, outcome.failed, frame).await?;
        }
        Ok(count - outcome.gone.len())
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        let address = Address::of(connection.as_str());
        match address.namespace() {
            None => self.posts.close(address.socket).await,
            Some(namespace) => {
                let farewell = message(&disconnect_packet(namespace));
                self.posts.post(address.socket, farewell).await.map(drop)
            }
        }
    }

    async fn close_unverified(&self, user: &Id) -> Result<()> {
        for one in self.store.subscribers(&Room::user(user)).await? {
            if !one.verified {
                self.close(&ConnectionId::new(&one.connection)).await?;
                self.queue.later(Work::ended(one.connection)).await?;
            }
        }
        Ok(())
    }

    async fn identify(
        &self,
        connection: &ConnectionId,
        user: Arc<User>,
        expires: Option<Timestamp>,
    ) -> Result<()> {
        let id = connection.as_str();
        let address = Address::of(id);
        self.store.identify_connection(address.socket, id, &user, expires).await?;
        if address.is_in_lobby() {
            let known = subscription(id.to_owned(), Some(&user));
            self.store.subscribe(&[known], &[Room::lobby()]).await?;
        }
        self.queue.later(Work::token_end(id, expires).into_iter().collect()).await
    }

    async fn remember(&self, connection: &ConnectionId, name: &str, value: Value) -> Result<()> {
        let id = connection.as_str();
        self.store.keep(Address::of(id).socket, id, name, &value).await
    }

    async fn recall(&self, connection: &ConnectionId, name: &str) -> Result<Value> {
        let id = connection.as_str();
        self.store.kept(Address::of(id).socket, id, name).await
    }

    fn rooms(&self, _: &ConnectionId) -> Option<Vec<Room>> {
        None
    }

    fn holds(&self, _: &ConnectionId, _: &Room) -> Option<bool> {
        None
    }

    fn evictions(&self) -> u64 {
        self.evictions.fetch_add(1, Ordering::Relaxed)
    }

    async fn connections(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConnectionInfo>> {
        let first = after.map_or(0, |after| partition_of(Address::of(after).socket));
        let mut found = Vec::new();
        for partition in first..PARTITIONS {
            let rows = self.store.connections_in(partition).await?.into_iter();
            let is_next = |row: &Connection| {
                partition > first || after.is_none_or(|after| row.id.as_str() > after)
            };
            found.extend(rows.filter(|row| row.kind != Kind::Socket).filter(is_next));
            if found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        let infos: Vec<_> = found.into_iter().map(|row| self.info(row)).collect();
        stream::iter(infos).buffered(AT_ONCE).try_collect().await
    }
}
