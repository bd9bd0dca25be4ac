//! What this host has to say: numbered news for all, which are kept for a while to be told again, and notes to one.
//!
//! Bounded: while Redis is away or slow the oldest goes. Others find out by the numbers, and read what they missed.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use shared::error::Result;
use tokio::sync::Notify;

use super::message::{Said, Told, VERSION};

/// News that are kept, sent or not.
const KEPT: usize = 8192;
const KEPT_BYTES: usize = 16 << 20;
/// Notes that wait. They are worth nothing later: what does not fit is not said.
const NOTES: usize = 2 * KEPT;

/// A message, and the Redis channel it goes to.
pub(super) type Outgoing = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Inner {
    kept: VecDeque<Arc<str>>,
    bytes: usize,
    /// The number of the oldest that is kept.
    first: u64,
    /// The number of the next to be sent.
    next: u64,
    notes: VecDeque<Outgoing>,
    /// Whether something is being sent.
    sending: bool,
}

pub(super) struct Outbox {
    /// The channel of all hosts.
    all: Arc<str>,
    /// That of this host alone.
    own: Arc<str>,
    /// What every message of this host begins with.
    head: String,
    inner: Mutex<Inner>,
    filled: Notify,
}

impl Outbox {
    /// Hosts that share a table meet on one channel.
    pub(super) fn new(table: &str, me: &str) -> Self {
        let inner = Mutex::new(Inner { first: 1, next: 1, ..Inner::default() });
        let head = format!(r#"{{"v":{VERSION},"from":"{me}","said":"#);
        let all = format!("tertulia:{table}");
        let own = format!("{all}:{me}").into();
        Self { all: all.into(), own, head, inner, filled: Notify::new() }
    }

    /// The channels that this host listens to: that of all hosts, and its own.
    pub(super) fn channels(&self) -> [Arc<str>; 2] {
        [Arc::clone(&self.all), Arc::clone(&self.own)]
    }

    pub(super) fn is_from_here(&self, message: &[u8]) -> bool {
        message.starts_with(self.head.as_bytes())
    }

    fn channel_of(&self, host: &str) -> Arc<str> {
        format!("{}:{host}", self.all).into()
    }

    /// Tells all hosts.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be JSON.
    pub(super) fn tell(&self, told: &Told<'_>) -> Result<()> {
        let told = serde_json::to_string(told)?;
        let mut inner = self.inner.lock();
        let number = inner.first + inner.kept.len() as u64;
        let message = self.message(&format!(r#"{{"told":[{number},{told}]}}"#));
        inner.bytes += message.len();
        inner.kept.push_back(message);
        while inner.kept.len() > KEPT || inner.bytes > KEPT_BYTES {
            let Some(oldest) = inner.kept.pop_front() else { break };
            inner.bytes -= oldest.len();
            inner.first += 1;
            inner.next = inner.next.max(inner.first);
        }
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Says something to one host, or, with `None`, to all that listen now.
    pub(super) fn note(&self, to: Option<&str>, said: &Said) {
        let said = match serde_json::to_string(said) {
            Ok(said) => said,
            Err(error) => return tracing::error!(%error, "a note cannot be encoded"),
        };
        let to = to.map_or_else(|| Arc::clone(&self.all), |host| self.channel_of(host));
        self.post([(to, self.message(&said))]);
    }

    fn message(&self, said: &str) -> Arc<str> {
        format!("{}{said}}}", self.head).into()
    }

    fn post(&self, notes: impl IntoIterator<Item = Outgoing>) {
        let mut inner = self.inner.lock();
        let room = NOTES.saturating_sub(inner.notes.len());
        inner.notes.extend(notes.into_iter().take(room));
        drop(inner);
        self.filled.notify_one();
    }

    /// Tells one host again what it missed, as far as it is still there.
    pub(super) fn again(&self, host: &str, first: u64, last: u64) {
        let inner = self.inner.lock();
        let oldest = inner.first;
        let numbered = (oldest..).zip(&inner.kept);
        let missed = numbered.filter(|(number, _)| (first..=last).contains(number));
        let to = self.channel_of(host);
        let missed: Vec<_> = missed.map(|(_, told)| (Arc::clone(&to), Arc::clone(told))).collect();
        drop(inner);
        if first < oldest {
            self.note(Some(host), &Said::Gone { before: oldest });
        }
        self.post(missed);
    }

    /// The last number that was sent.
    pub(super) fn last_sent(&self) -> u64 {
        self.inner.lock().next - 1
    }

    /// Whether all is sent.
    pub(super) fn is_empty(&self) -> bool {
        let inner = self.inner.lock();
        !inner.sending
            && inner.notes.is_empty()
            && inner.next == inner.first + inner.kept.len() as u64
    }

    /// Takes what waits, at most `limit`, the news before the notes; waits for it. What was taken before has been sent.
    pub(super) async fn take(&self, limit: usize) -> Vec<Outgoing> {
        loop {
            let taken = self.take_now(limit);
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    fn take_now(&self, limit: usize) -> Vec<Outgoing> {
        let mut inner = self.inner.lock();
        inner.sending = false;
        let sent = usize::try_from(inner.next - inner.first).unwrap_or(usize::MAX);
        let news = inner.kept.range(sent..).take(limit);
        let mut taken: Vec<_> =
            news.map(|told| (Arc::clone(&self.all), Arc::clone(told))).collect();
        inner.next += taken.len() as u64;
        let notes = inner.notes.len().min(limit - taken.len());
        taken.extend(inner.notes.drain(..notes));
        inner.sending = !taken.is_empty();
        taken
    }

    /// Drops the notes, which nobody waits for any more.
    pub(super) fn drop_notes(&self) {
        self.inner.lock().notes.clear();
    }
}
