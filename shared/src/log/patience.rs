//! Waiting while others come first.

use std::time::{Duration, Instant};

use super::RETRY_AFTER_MS;
use crate::error::{Error, Result};

const FIRST_WAIT: Duration = Duration::from_millis(10);
/// How long a change is tried again that others come before. Clients wait longer for their ack.
const LONGEST: Duration = Duration::from_secs(10);

/// A change is dearer to prepare than an append, so its first waits are longer: those of later attempts at that.
const SLOWER: u32 = 3;

/// A wait of full jitter, longer with each attempt.
pub(super) fn jitter(attempt: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempt.min(6)).mul_f64(rand::random())
}

/// The waits between the tries of a change that others came before.
#[derive(Debug)]
pub struct Patience {
    began: Instant,
    attempt: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { began: Instant::now(), attempt: 0 }
    }
}

impl Patience {
    /// Waits before the next try.
    ///
    /// # Errors
    /// `RATE_LIMITED` when it has been tried for long enough.
    pub async fn wait(&mut self) -> Result<()> {
        if self.began.elapsed() >= LONGEST {
            return Err(Error::rate_limited(RETRY_AFTER_MS));
        }
        self.attempt += 1;
        tokio::time::sleep(jitter(self.attempt + SLOWER)).await;
        Ok(())
    }
}
