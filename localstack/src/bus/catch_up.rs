//! Reading again what was not heard: who is in which room, and what was written in the channels.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room, RoomKind},
    push::Push as _,
};

use super::{Bus, link::Link, message::Answer};

/// The longest wait before the next try, of Redis or of the store.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Users whose memberships are read at the same time.
const AT_ONCE: usize = 16;

/// Waits between tries, longer and longer, never as long as another host does.
#[derive(Default)]
struct Backoff(u32);

impl Backoff {
    async fn wait(&mut self) {
        let wait = Duration::from_millis(50 << self.0.min(6)).min(LONGEST_WAIT);
        self.0 += 1;
        tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
    }
}

impl Bus {
    pub(super) async fn connect_again(&self) -> Link {
        let mut backoff = Backoff::default();
        loop {
            backoff.wait().await;
            match self.redis.connect(&self.outbox.channels()).await {
                Ok(link) => return link,
                Err(error) => tracing::debug!(%error, "Redis is not back"),
            }
        }
    }

    /// Looks whether what another host has said of a user's rooms is still true, however often it takes. What was told
    /// late, or by two hosts at the same time, may not be. Then answers the host that asked.
    pub(super) fn verify(
        self: &Arc<Self>,
        user: Id,
        rooms: Vec<Room>,
        from: String,
        question: Option<u64>,
    ) {
        let bus = Arc::clone(self);
        tokio::spawn(async move {
            let mut backoff = Backoff::default();
            while let Err(error) = bus.settle(&user, Some(&rooms)).await {
                error.log("bus");
                backoff.wait().await;
            }
            if let Some(question) = question {
                bus.answer(&from, question, Answer::Sent(0));
            }
        });
    }

    /// Forgets hosts that are not heard any more, once their leases have ended as well.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub(crate) async fn forget_dead(&self) -> Result<()> {
        if self.peers.are_silent() {
            let alive = self.store.hosts_ended(Timestamp::from_millis(i64::MAX)).await?;
            self.peers.forget_dead(&alive);
        }
        Ok(())
    }

    /// Reads again what was missed, each time that something was.
    pub(super) async fn keep_caught_up(self: Arc<Self>) {
        let mut missed = self.missed.subscribe();
        while missed.changed().await.is_ok() {
            let times = *missed.borrow_and_update();
            let mut backoff = Backoff::default();
            while let Err(error) = self.catch_up().await {
                error.log("bus");
                backoff.wait().await;
            }
            self.caught_up.store(times, Ordering::SeqCst);
        }
    }

    async fn catch_up(&self) -> Result<()> {
        let users = self.hub.all().into_iter().filter_map(|connection| connection.user());
        let users: HashSet<Id> = users.map(|user| user.id.clone()).collect();
        let settled = users.into_iter().map(|user| async move { self.settle(&user, None).await });
        let settled: Vec<_> = settled.collect();
        stream::iter(settled).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.sequencer.catch_up().await
    }

    /// Puts a user's connections into those of the rooms where the user is a member, and out of the others; `None`: all
    /// rooms.
    async fn settle(&self, user: &Id, rooms: Option<&[Room]>) -> Result<()> {
        let concerned = |room: &Room| match rooms {
            Some(rooms) => rooms.contains(room),
            None => !matches!(room.kind(), RoomKind::User | RoomKind::Global),
        };
        loop {
            let connections = self.hub.of_user(user);
            if connections.is_empty() {
                return Ok(());
            }
            // Before the memberships are read: a room that is joined later is none that was left.
            let before: HashSet<Room> = connections.iter().flat_map(|one| one.rooms()).collect();
            let held = match rooms {
                Some(rooms) => self.store.memberships_among(user, rooms).await?,
                None => self.store.memberships(user).await?,
            };
            let held: Vec<Room> = held.into_iter().map(|membership| membership.room).collect();
            let left = before.into_iter().filter(|room| concerned(room) && !held.contains(room));
            let left: Vec<Room> = left.collect();
            if !left.is_empty() {
                self.hub.evict(user, &left).await?;
            }
            let lacks = |room: &Room| connections.iter().any(|one| !one.holds(room));
            let entered = held.iter().any(lacks);
            if entered {
                self.hub.admit(user, &held).await?;
            }
            self.sequencer.follow(&held).await?;
            // Whoever joined or left meanwhile is found by looking again.
            if left.is_empty() && !entered {
                return Ok(());
            }
        }
    }
}
