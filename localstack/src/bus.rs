//! Several hosts over one table, joined by Redis pub/sub: what one does, the others hear of.
//!
//! Each host serves its own connections from memory. What concerns others' as well is done here at once and told to
//! all, in order and each thing once (`outbox`, `peers`); entries of channels' logs are put in the order of their
//! numbers on every host (`sequencer`). A host that may have missed something says of no connection what rooms it is
//! in, until it has read again what it missed (`catch_up`).

mod asks;
mod catch_up;
mod hear;
mod later;
mod link;
mod message;
mod outbox;
mod peers;
mod sequencer;

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use shared::{
    clock::Timestamp,
    config::{Config, ConfigError, RedisUrl},
    error::Result,
    ids::{Id, Room, RoomKind},
    later::Job,
    log::{Announcer, Record},
    push::{Audience, ConnectionInfo, Delivery, Push},
    signal::Frame,
    store::Store,
    user::{Caller, ConnectionId, User},
};
use tokio::{sync::watch, task::JoinHandle};

use self::{
    asks::Asks,
    link::{Link, Redis},
    message::{Answer, Entry, To, Told},
    outbox::Outbox,
    peers::Peers,
    sequencer::Sequencer,
};
use crate::{push::Hub, timers::Timers};

/// How long a host that goes down waits until the others have been told all.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The connections of all hosts: this one's, and by the bus the others'.
pub(crate) struct Bus {
    hub: Arc<Hub>,
    store: Store,
    redis: Redis,
    outbox: Outbox,
    peers: Peers,
    asks: Asks,
    sequencer: Arc<Sequencer>,
    /// `PRESENCE_ROOM_MAX`
    room_max: usize,
    joined: AtomicBool,
    /// Grows with each answer of [`Push::evictions`] that cannot be relied on.
    doubts: AtomicU64,
    /// How often something was missed, and up to which of these times it has been read again.
    missed: watch::Sender<u64>,
    caught_up: AtomicU64,
    timers: Timers,
    /// Work that others shall do should this host go, and when it is due.
    waiting: Mutex<VecDeque<(Instant, Job)>>,
    leaving: AtomicBool,
    /// Hosts that cannot be understood.
    foreign: Mutex<HashSet<String>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Bus {
    /// Joins the bus of the hosts that share a table.
    ///
    /// # Errors
    /// One line that names `REDIS_URL`.
    pub(crate) async fn join(
        url: &RedisUrl,
        config: &Config,
        boot_id: &str,
        hub: Arc<Hub>,
        store: Store,
        timers: Timers,
    ) -> Result<Arc<Self>, ConfigError> {
        let redis = Redis::at(url)?;
        let outbox = Outbox::new(&config.store.table, boot_id);
        let unreachable =
            |error| ConfigError::new("REDIS_URL", format!("Redis cannot be used: {error}"));
        let link = redis.connect(&outbox.channels()).await.map_err(unreachable)?;
        let bus = Arc::new(Self {
            sequencer: Arc::new(Sequencer::new(Arc::clone(&hub), store.clone())),
            hub,
            store,
            redis,
            outbox,
            peers: Peers::default(),
            asks: Asks::default(),
            room_max: config.presence.room_max,
            joined: AtomicBool::new(true),
            doubts: AtomicU64::new(0),
            missed: watch::Sender::new(0),
            caught_up: AtomicU64::new(0),
            timers,
            waiting: Mutex::default(),
            leaving: AtomicBool::new(false),
            foreign: Mutex::default(),
            running: Mutex::default(),
        });
        bus.tell(&Told::Hello);
        let keep = tokio::spawn(Arc::clone(&bus).keep(link));
        let catch_up = tokio::spawn(Arc::clone(&bus).keep_caught_up());
        bus.running.lock().extend([keep, catch_up]);
        Ok(bus)
    }

    /// Takes leave of the others, who then expect nothing more, and ends.
    pub(crate) async fn leave(&self) {
        // A sign of life would make this host known again.
        self.leaving.store(true, Ordering::SeqCst);
        self.hand_over();
        self.tell(&Told::Bye);
        let told = async {
            while !self.outbox.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() {
            tracing::warn!("other hosts were not told all");
        }
        for task in self.running.lock().drain(..) {
            task.abort();
        }
    }

    /// Keeps the connections to Redis for as long as the process lives.
    async fn keep(self: Arc<Self>, mut link: Link) {
        loop {
            let error = self.serve(link).await;
            self.lost();
            tracing::warn!(%error, "Redis is lost: other hosts hear nothing, and are not heard");
            link = self.connect_again().await;
            self.rejoined();
            tracing::info!("Redis is back");
        }
    }

    fn lost(&self) {
        self.joined.store(false, Ordering::SeqCst);
        self.doubts.fetch_add(1, Ordering::SeqCst);
        self.outbox.drop_notes();
    }

    fn rejoined(&self) {
        self.peers.excuse();
        self.note_missed();
        self.joined.store(true, Ordering::SeqCst);
    }

    fn note_missed(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
        self.missed.send_modify(|times| *times += 1);
    }

    /// Whether an eviction elsewhere may not have been heard of.
    fn is_in_doubt(&self) -> bool {
        !self.joined.load(Ordering::SeqCst)
            || self.peers.is_behind()
            || self.caught_up.load(Ordering::SeqCst) != *self.missed.borrow()
    }

    fn tell(&self, told: &Told<'_>) {
        self.outbox.tell(told).unwrap_or_else(|error| error.log("bus"));
    }

    /// Tells all hosts what wants an answer, and waits for those that can be had.
    async fn ask<'a>(&self, told: impl FnOnce(u64) -> Told<'a> + Send) -> Vec<Answer> {
        let mut question = self.asks.open();
        let asked =
            if self.joined.load(Ordering::SeqCst) { self.peers.alive() } else { Vec::new() };
        self.tell(&told(question.number));
        question.answers(&self.peers, asked).await
    }

    async fn count<'a>(&self, told: impl FnOnce(u64) -> Told<'a> + Send) -> usize {
        let answers = self.ask(told).await;
        let counts = answers.into_iter().map(|answer| match answer {
            Answer::Sent(count) => count,
            Answer::Connections(_) => 0,
        });
        counts.sum()
    }

    /// Sends to the audience's connections here; says to how many.
    async fn broadcast_here(&self, audience: &Audience<'_>, frame: &Frame) -> Result<usize> {
        let (Some(max), Some(rooms)) = (audience.room_max, audience.rooms) else {
            return self.hub.broadcast(audience, frame).await;
        };
        let size = |room: &Room| self.hub.size(room) + self.peers.crowd(room);
        let small: Vec<Room> = rooms.iter().filter(|room| size(room) <= max).cloned().collect();
        let audience = Audience { rooms: Some(&small), room_max: None, ..*audience };
        self.hub.broadcast(&audience, frame).await
    }
}

#[async_trait]
impl Announcer for Bus {
    async fn landed(&self, channel: &Id, first: u64, records: Vec<Record>) {
        for (seq, record) in (first..).zip(records) {
            let Record { frame, thread, follow, .. } = record;
            let entry = Entry { thread, frame, follow };
            let (channel, told) = (Cow::Borrowed(channel), Cow::Borrowed(&entry));
            self.tell(&Told::Entry { channel: channel.clone(), seq, entry: told });
            self.sequencer.take(&channel, seq, entry).await;
        }
    }
}

#[async_trait]
impl Push for Bus {
    async fn join(&self, caller: &Caller, rooms: &[Room]) -> Result<()> {
        self.hub.join(caller, rooms).await?;
        self.sequencer.follow(rooms).await
    }

    async fn admit(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        self.hub.admit(user, rooms).await?;
        self.sequencer.follow(rooms).await?;
        let (user, rooms) = (Cow::Borrowed(user), Cow::Borrowed(rooms));
        // Others may have to read a channel's head before they can follow it; nothing may be sent before that.
        if rooms.iter().any(|room| room.kind() == RoomKind::Channel) {
            self.ask(|question| Told::Admit { user, rooms, question: Some(question) }).await;
        } else {
            self.tell(&Told::Admit { user, rooms, question: None });
        }
        Ok(())
    }

    async fn evict(&self, user: &Id, rooms: &[Room]) -> Result<()> {
        self.hub.evict(user, rooms).await?;
        let (user, rooms) = (Cow::Borrowed(user), Cow::Borrowed(rooms));
        self.ask(|question| Told::Evict { user, rooms, question }).await;
        Ok(())
    }

    async fn dissolve(&self, room: &Room) -> Result<()> {
        self.hub.dissolve(room).await?;
        self.ask(|question| Told::Dissolve { room: Cow::Borrowed(room), question }).await;
        Ok(())
    }

    async fn send(&self, connection: &ConnectionId, frame: &Frame) -> Result<Delivery> {
        if self.hub.get(connection).is_some() {
            return self.hub.send(connection, frame).await;
        }
        let (connection, frame) = (connection.as_str().into(), Cow::Borrowed(frame));
        let sent = self.count(|question| Told::Send { connection, frame, question }).await;
        Ok(if sent > 0 { Delivery::Sent } else { Delivery::Gone })
    }

    async fn broadcast(&self, audience: &Audience<'_>, frame: &Frame) -> Result<usize> {
        let here = self.broadcast_here(audience, frame).await?;
        let (to, frame) = (To::of(audience), Cow::Borrowed(frame));
        if !audience.counted {
            self.tell(&Told::Broadcast { to, frame, question: None });
            return Ok(here);
        }
        let told = |question| Told::Broadcast { to, frame, question: Some(question) };
        Ok(here + self.count(told).await)
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        if self.hub.get(connection).is_none() {
            self.tell(&Told::Close { connection: connection.as_str().into() });
        }
        self.hub.close(connection).await
    }

    async fn close_unverified(&self, user: &Id) -> Result<()> {
        self.hub.close_unverified(user).await?;
        let user = Cow::Borrowed(user);
        self.ask(|question| Told::CloseUnverified { user, question }).await;
        Ok(())
    }

    async fn identify(
        &self,
        connection: &ConnectionId,
        user: Arc<User>,
        expires: Option<Timestamp>,
    ) -> Result<()> {
        self.hub.identify(connection, user, expires).await
    }

    async fn remember(&self, connection: &ConnectionId, name: &str, value: Value) -> Result<()> {
        self.hub.remember(connection, name, value).await
    }

    async fn recall(&self, connection: &ConnectionId, name: &str) -> Result<Value> {
        self.hub.recall(connection, name).await
    }

    fn rooms(&self, connection: &ConnectionId) -> Option<Vec<Room>> {
        if self.is_in_doubt() { None } else { self.hub.rooms(connection) }
    }

    fn holds(&self, connection: &ConnectionId, room: &Room) -> Option<bool> {
        if self.is_in_doubt() { None } else { self.hub.holds(connection, room) }
    }

    fn evictions(&self) -> u64 {
        self.hub.evictions()
            + if self.is_in_doubt() {
                // Neither the last answer nor the next one.
                self.doubts.fetch_add(2, Ordering::SeqCst) + 1
            } else {
                self.doubts.load(Ordering::SeqCst)
            }
    }

    fn reaches_all(&self) -> bool {
        self.joined.load(Ordering::SeqCst)
    }

    async fn connections(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConnectionInfo>> {
        let mut all = self.hub.connections(after, limit).await?;
        let after = after.map(Cow::Borrowed);
        for answer in self.ask(|question| Told::List { after, limit, question }).await {
            if let Answer::Connections(more) = answer {
                all.extend(more);
            }
        }
        all.sort_unstable_by(|a, b| a.connection_id.cmp(&b.connection_id));
        all.truncate(limit);
        Ok(all)
    }
}
