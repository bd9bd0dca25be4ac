//! How often a connection may send. Ordinary clients are counted in this container's memory alone; from a connection's
//! fifth event in a second on, all containers count together, through the connection's row.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use shared::{
    clock::Timestamp,
    error::Result,
    limits::{FLOOD_FACTOR, Limits, Verdict},
    store::Store,
};

/// Events in a second that are counted here alone.
const UNSHARED: u32 = 4;
/// Connections whose events are counted here at once.
const REMEMBERED: usize = 10_000;

/// Counts events.
#[derive(Default)]
pub(crate) struct Rate(Mutex<HashMap<String, Second>>);

/// A connection's events in one second.
#[derive(Clone, Copy)]
struct Second {
    at: i64,
    events: u32,
}

impl Rate {
    /// Counts one event.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub(crate) async fn count(
        &self,
        store: &Store,
        limits: &Limits,
        socket: &str,
        connection: &str,
    ) -> Result<Verdict> {
        if limits.events_per_second == 0 {
            return Ok(Verdict::Pass);
        }
        let now = Timestamp::now().millis();
        let here = self.count_here(connection, now / 1000);
        if here <= UNSHARED {
            return Ok(Verdict::Pass);
        }
        // A burst is what may come in one window, so the allowance is kept over any number of them.
        let window =
            (1000 * i64::from(limits.burst) / i64::from(limits.events_per_second)).max(1000);
        let news = if here == UNSHARED + 1 { here } else { 1 };
        let events = store.count_events(socket, connection, now / window, news).await?;
        let burst = u64::from(limits.burst);
        if events > burst * u64::from(FLOOD_FACTOR) {
            return Ok(Verdict::Flood);
        }
        if events <= burst {
            return Ok(Verdict::Pass);
        }
        let left = u64::try_from(window - now % window).unwrap_or(0);
        Ok(Verdict::Refuse(Duration::from_millis(left)))
    }

    fn count_here(&self, connection: &str, at: i64) -> u32 {
        let mut seconds = self.0.lock();
        if seconds.len() >= REMEMBERED && !seconds.contains_key(connection) {
            seconds.retain(|_, second| second.at == at);
        }
        let second = seconds.entry(connection.to_owned()).or_insert(Second { at, events: 0 });
        if second.at != at {
            *second = Second { at, events: 0 };
        }
        second.events += 1;
        second.events
    }
}
