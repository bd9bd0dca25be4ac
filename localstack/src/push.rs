//! The connections that this process holds, and the rooms they are in.

use std::{
    collections::{HashMap, HashSet},
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::RwLock;
use serde_json::Value;
use shared::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room},
    metrics,
    push::{Audience, ConnectionInfo, Delivery, Push},
    signal::Frame,
    user::{Caller, ConnectionId, User},
};

use crate::connection::{Connection, Wire};

type Connections = HashMap<ConnectionId, Arc<Connection>>;

/// A room's connections. There is always one: an emptied room is gone, and made anew by who comes next.
struct Members {
    /// Tells a room from one of the same name that was there before.
    born: u64,
    connections: Connections,
}

impl Default for Members {
    fn default() -> Self {
        static BORN: AtomicU64 = AtomicU64::new(0);
        let born = BORN.fetch_add(1, Ordering::Relaxed);
        Self { born, connections: Connections::new() }
    }
}

impl Deref for Members {
    type Target = Connections;

    fn deref(&self) -> &Connections {
        &self.connections
    }
}

impl DerefMut for Members {
    fn deref_mut(&mut self) -> &mut Connections {
        &mut self.connections
    }
}

/// All connections of this process.
#[derive(Default)]
pub(crate) struct Hub {
    connections: RwLock<Connections>,
    rooms: RwLock<HashMap<Room, Members>>,
    evictions: AtomicU64,
}

impl Hub {
    pub(crate) fn add(&self, connection: &Arc<Connection>) {
        self.connections.write().insert(connection.id.clone(), Arc::clone(connection));
    }

    /// Takes a connection out of all rooms: it gets nothing from now on but is still known.
    pub(crate) fn leave_rooms(&self, connection: &Connection) {
        let mut rooms = self.rooms.write();
        for room in connection.leave_all() {
            remove_member(&mut rooms, &room, &connection.id);
        }
    }

    /// Forgets a connection; false when it was forgotten already.
    pub(crate) fn remove(&self, id: &ConnectionId) -> bool {
        self.connections.write().remove(id).is_some()
    }

    pub(crate) fn get(&self, id: &ConnectionId) -> Option<Arc<Connection>> {
        self.connections.read().get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.connections.read().values().cloned().collect()
    }

    /// Tells apart the times in which a room has members; `None` while it has none.
    pub(crate) fn born(&self, room: &Room) -> Option<u64> {
        self.rooms.read().get(room).map(|members| members.born)
    }

    /// How many connections are in a room.
    pub(crate) fn size(&self, room: &Room) -> usize {
        self.rooms.read().get(room).map_or(0, |members| members.len())
    }

    /// Rooms with more connections than that, and how many; at most `limit` rooms.
    pub(crate) fn crowds(&self, more_than: usize, limit: usize) -> Vec<(Room, usize)> {
        let rooms = self.rooms.read();
        let sizes = rooms.iter().map(|(room, members)| (room, members.len()));
        let crowds = sizes.filter(|(_, size)| *size > more_than).take(limit);
        crowds.map(|(room, size)| (room.clone(), size)).collect()
    }

    pub(crate) fn of_user(&self, user: &Id) -> Vec<Arc<Connection>> {
        let rooms = self.rooms.read();
        rooms
            .get(&Room::user(user))
            .map(|members| members.values().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn enter(&self, connection: &Arc<Connection>, wanted: &[Room]) {
        let mut rooms = self.rooms.write();
        // One that has just gone must not come back into a room.
        if !self.connections.read().contains_key(&connection.id) {
            return;
        }
        for room in wanted {
            if connection.enter(room) {
                let members = rooms.entry(room.clone()).or_default();
                members.insert(connection.id.clone(), Arc::clone(connection));
            }
        }
    }

    /// Sends to those members who are not left out; says to how many.
    fn send_to<'a>(
        members: impl Iterator<Item = &'a Arc<Connection>>,
        audience: &Audience<'_>,
        frame: &Frame,
    ) -> usize {
        let wire = Wire::new(frame);
        let receivers = members
            .filter(|connection| !left_out(connection, audience))
            .filter(|connection| connection.send(&wire) == Delivery::Sent)
            .count();
        metrics::broadcast(receivers);
        receivers
    }
}

fn remove_member(rooms: &mut HashMap<Room, Members>, room: &Room, id: &ConnectionId) {
    if let Some(members) = rooms.get_mut(room) {
        members.remove(id);
        if members.is_empty() {
            rooms.remove(room);
        }
    }
}

fn left_out(connection: &Connection, audience: &Audience<'_>) -> bool {
    let id = &connection.id;
    audience.except == Some(id)
        || audience.except_connections.iter().any(|except| except == id.as_str())
        || (!audience.except_users.is_empty()
            && connection.user().is_some_and(|user| audience.except_users.contains(&user.id)))
}

#[async_trait]
impl Push for Hub {
    async fn join(&self, caller: &Caller, rooms: &[Room]) -> Result<()> {
        if let Some(connection) = self.get(&caller.connection) {
            self.enter(&connection, rooms);
        }
        Ok(())
    }

    async fn admit(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        for connection in self.of_user(user) {
            self.enter(&connection, rooms);
        }
        Ok(())
    }

    async fn evict(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        self.evictions.fetch_add(1, Ordering::SeqCst);
        for connection in self.of_user(user) {
            let mut all = self.rooms.write();
            for room in rooms {
                if connection.leave(room) {
                    remove_member(&mut all, room, &connection.id);
                }
            }
        }
        Ok(())
    }

    async fn dissolve(&self, room: &Room) -> Result<()> {
        self.evictions.fetch_add(1, Ordering::SeqCst);
        let members = self.rooms.write().remove(room).unwrap_or_default();
        for connection in members.values() {
            connection.leave(room);
        }
        Ok(())
    }

    async fn send(&self, connection: &ConnectionId, frame: &Frame) -> Result<Delivery> {
        let Some(connection) = self.get(connection) else { return Ok(Delivery::Gone) };
        Ok(connection.send(&Wire::new(frame)))
    }

    async fn broadcast(&self, audience: &Audience<'_>, frame: &Frame) -> Result<usize> {
        let Some(wanted) = audience.rooms else {
            return Ok(Self::send_to(self.connections.read().values(), audience, frame));
        };
        let rooms = self.rooms.read();
        let small = |members: &&Members| audience.room_max.is_none_or(|max| members.len() <= max);
        let wanted: Vec<&Members> =
            wanted.iter().filter_map(|room| rooms.get(room)).filter(small).collect();
        Ok(match wanted.as_slice() {
            [only] => Self::send_to(only.values(), audience, frame),
            several => {
                let mut seen = HashSet::new();
                let once = several.iter().flat_map(|members| members.values());
                Self::send_to(once.filter(|c| seen.insert(c.id.clone())), audience, frame)
            }
        })
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        if let Some(connection) = self.get(connection) {
            connection.close();
        }
        Ok(())
    }

    async fn close_unverified(&self, user: &Id) -> Result<()> {
        for connection in self.of_user(user) {
            if connection.user().is_some_and(|user| !user.verified) {
                connection.close();
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
        if let Some(connection) = self.get(connection) {
            connection.identify(user, expires);
        }
        Ok(())
    }

    async fn remember(&self, connection: &ConnectionId, name: &str, value: Value) -> Result<()> {
        if let Some(connection) = self.get(connection) {
            connection.remember(name, value);
        }
        Ok(())
    }

    async fn recall(&self, connection: &ConnectionId, name: &str) -> Result<Value> {
        Ok(self.get(connection).map(|connection| connection.recall(name)).unwrap_or_default())
    }

    fn rooms(&self, connection: &ConnectionId) -> Option<Vec<Room>> {
        self.get(connection).map(|connection| connection.rooms())
    }

    fn holds(&self, connection: &ConnectionId, room: &Room) -> Option<bool> {
        self.get(connection).map(|connection| connection.holds(room))
    }

    fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::SeqCst)
    }

    async fn connections(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConnectionInfo>> {
        let mut all = self.all();
        all.sort_unstable_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let page = all.iter().filter(|c| after.is_none_or(|after| c.id.as_str() > after));
        Ok(page.take(limit).map(|connection| connection.info()).collect())
    }
}
