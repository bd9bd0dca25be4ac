//! The entries of channels' logs, from here and from other hosts, each sent to this host's members once, in the order
//! of the numbers. One that is missing is read from the log.
//!
//! A channel is followed from the moment when its first member comes in: what is in the log by then is for
//! `sync_request`, all after it is sent. Nobody follows a channel without members.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use shared::{
    error::Result,
    ids::{Id, Room, RoomKind},
    log::{announce, announce_entry},
    store::{Store, entries},
};
use tokio::sync::OnceCell;

use super::message::Entry;
use crate::push::Hub;

/// How long an entry may be missing before it is read.
const PATIENCE: Duration = Duration::from_millis(250);
/// The longest wait after reads that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// Entries that wait for others. More are only counted, and read when their turn comes.
const WAITING: usize = 256;
/// Entries in one read.
const PAGE: usize = 100;
/// Between pages, so that readers that are not slow keep up.
const BREATH: Duration = Duration::from_millis(10);
/// Heads read at the same time.
const AT_ONCE: usize = 16;

#[derive(Default)]
struct State {
    /// The number that is sent next; 0 while the head is not known.
    next: u64,
    /// The highest number that is known to be in the log.
    head: u64,
    waiting: BTreeMap<u64, Entry>,
    filling: bool,
}

impl State {
    /// The numbers that have to come before anything else can be sent.
    fn gap(&self) -> Option<(u64, u64)> {
        if self.next == 0 || self.next > self.head {
            return None;
        }
        Some((self.next, self.waiting.keys().next().map_or(self.head, |seq| seq - 1)))
    }

    fn keep(&mut self, seq: u64, entry: Entry) {
        self.head = self.head.max(seq);
        self.waiting.insert(seq, entry);
        if self.waiting.len() > WAITING {
            // The last ones: those that are needed first stay.
            self.waiting.pop_last();
        }
    }
}

struct Channel {
    id: Id,
    /// [`Hub::born`] of its room.
    born: u64,
    begun: OnceCell<()>,
    state: tokio::sync::Mutex<State>,
}

pub(super) struct Sequencer {
    hub: Arc<Hub>,
    store: Store,
    channels: Mutex<HashMap<Id, Arc<Channel>>>,
}

impl Sequencer {
    pub(super) fn new(hub: Arc<Hub>, store: Store) -> Self {
        Self { hub, store, channels: Mutex::default() }
    }

    /// Follows the channels among these rooms, whose first members may just have come in. When this returns, all that
    /// is written from now on is sent to them.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` when a head cannot be read.
    pub(super) async fn follow(self: &Arc<Self>, rooms: &[Room]) -> Result<()> {
        let channels: Vec<_> = rooms.iter().filter_map(|room| self.followed(room)).collect();
        let begun = channels.into_iter().map(|channel| async move { self.begin(&channel).await });
        stream::iter(begun).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// The room's channel, if it is one that has members here.
    fn followed(&self, room: &Room) -> Option<Arc<Channel>> {
        let id = (room.kind() == RoomKind::Channel).then(|| Id::from_stored(room.id(), false))?;
        let mut channels = self.channels.lock();
        // Under the lock, as in `forget_deserted`.
        let born = self.hub.born(room)?;
        if let Some(known) = channels.get(&id).filter(|known| known.born == born) {
            return Some(Arc::clone(known));
        }
        let begun = OnceCell::new();
        let new = Arc::new(Channel { id: id.clone(), born, begun, state: <_>::default() });
        channels.insert(id, Arc::clone(&new));
        Some(new)
    }

    async fn begin(self: &Arc<Self>, channel: &Arc<Channel>) -> Result<()> {
        let begin = async || {
            let head = self.head(channel).await?;
            let mut state = channel.state.lock().await;
            state.next = head + 1;
            state.head = state.head.max(head);
            state.waiting = state.waiting.split_off(&(head + 1));
            self.settle(channel, &mut state, PATIENCE).await;
            Ok(())
        };
        channel.begun.get_or_try_init(begin).await.copied()
    }

    async fn head(&self, channel: &Channel) -> Result<u64> {
        Ok(self.store.head(&channel.id).await?.map_or(0, |head| head.seq))
    }

    /// Takes an entry that has landed, here or elsewhere.
    pub(super) async fn take(self: &Arc<Self>, channel: &Id, seq: u64, entry: Entry) {
        // Nobody is here to whom it could go; who comes in at this moment finds it in the log.
        let Some(channel) = self.channels.lock().get(channel).cloned() else { return };
        let mut state = channel.state.lock().await;
        if self.is_deserted(&channel) {
            return;
        }
        if seq == state.next {
            self.send(&channel, &mut state, seq, entry).await;
        } else if seq > state.next {
            state.keep(seq, entry);
        }
        self.settle(&channel, &mut state, PATIENCE).await;
    }

    async fn send(&self, channel: &Channel, state: &mut State, seq: u64, entry: Entry) {
        state.next = seq + 1;
        state.head = state.head.max(seq);
        let Entry { thread, frame, follow } = entry;
        let sent = announce(&*self.hub, &channel.id, thread.as_deref(), &frame, follow).await;
        sent.unwrap_or_else(|error| error.log("announce"));
    }

    /// Sends what waits, up to the next gap, and has that one filled after a while.
    async fn settle(
        self: &Arc<Self>,
        channel: &Arc<Channel>,
        state: &mut State,
        patience: Duration,
    ) {
        while let Some(entry) = state.waiting.remove(&state.next) {
            let seq = state.next;
            self.send(channel, state, seq, entry).await;
        }
        if state.gap().is_some() && !std::mem::replace(&mut state.filling, true) {
            self.start_filling(channel, patience);
        }
    }

    fn start_filling(self: &Arc<Self>, channel: &Arc<Channel>, patience: Duration) {
        tokio::spawn(Arc::clone(self).fill(Arc::clone(channel), patience));
    }

    /// Reads what is missing, unless it comes, until nothing is.
    async fn fill(self: Arc<Self>, channel: Arc<Channel>, mut patience: Duration) {
        loop {
            let before = channel.state.lock().await.next;
            tokio::time::sleep(patience).await;
            let (first, last) = {
                let mut state = channel.state.lock().await;
                let Some(gap) = state.gap().filter(|_| !self.is_deserted(&channel)) else {
                    state.filling = false;
                    return;
                };
                if state.next != before {
                    // It came; another one is missing now.
                    patience = PATIENCE;
                    continue;
                }
                gap
            };
            patience = match self.store.entries(&channel.id, first, last, PAGE).await {
                Ok(found) if found.len() < PAGE => {
                    self.found(&channel, found, last).await;
                    PATIENCE
                }
                Ok(found) => {
                    self.found(&channel, found, 0).await;
                    BREATH
                }
                Err(error) => {
                    error.log("announce");
                    (patience * 2).clamp(PATIENCE, LONGEST_WAIT)
                }
            };
        }
    }

    /// Sends entries that were read. There are no others up to `last`: of a deleted channel only the head is left.
    async fn found(
        self: &Arc<Self>,
        channel: &Arc<Channel>,
        found: Vec<entries::Entry>,
        last: u64,
    ) {
        let mut state = channel.state.lock().await;
        for entry in found {
            if entry.seq < state.next {
                continue;
            }
            state.next = entry.seq + 1;
            let sent = announce_entry(&*self.hub, &channel.id, &entry).await;
            sent.unwrap_or_else(|error| error.log("announce"));
        }
        state.next = state.next.max(last + 1);
        let next = state.next;
        state.waiting = state.waiting.split_off(&next);
        self.settle(channel, &mut state, PATIENCE).await;
    }

    /// Looks what was written in the channels that have members here, and sends what they have not had.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` when a head cannot be read.
    pub(super) async fn catch_up(self: &Arc<Self>) -> Result<()> {
        self.forget_deserted();
        let channels: Vec<_> = self.channels.lock().values().cloned().collect();
        let reads = channels.into_iter().map(|channel| async move {
            self.begin(&channel).await?;
            let head = self.head(&channel).await?;
            let mut state = channel.state.lock().await;
            state.head = state.head.max(head);
            self.settle(&channel, &mut state, Duration::ZERO).await;
            Ok(())
        });
        stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Stops to follow channels that have no member here any more.
    pub(super) fn forget_deserted(&self) {
        self.channels.lock().retain(|_, channel| !self.is_deserted(channel));
    }

    fn is_deserted(&self, channel: &Channel) -> bool {
        self.hub.born(&Room::channel(&channel.id)) != Some(channel.born)
    }
}
