//! Work that is due later. What has to be done though this host may have ended is handed to the others.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use shared::{
    error::Result,
    later::{Job, Later},
};

use super::{Bus, message::Told};

#[async_trait]
impl Later for Bus {
    async fn after(&self, delay: Duration, job: Job) -> Result<()> {
        if let Job::PresenceGrace { .. } = job {
            let now = Instant::now();
            let mut waiting = self.waiting.lock();
            // All wait equally long, so those that are done are in front.
            while waiting.front().is_some_and(|(due, _)| *due <= now) {
                waiting.pop_front();
            }
            waiting.push_back((now + delay, job.clone()));
        }
        self.timers.after(delay, job).await
    }
}

impl Bus {
    /// Has the others do what would be left undone. All of them may: whoever comes first does it.
    pub(super) fn hand_over(&self) {
        let now = Instant::now();
        for (due, job) in self.waiting.lock().drain(..) {
            let delay = due.saturating_duration_since(now).as_millis();
            let delay = u64::try_from(delay).unwrap_or(u64::MAX);
            self.tell(&Told::Later { delay, job });
        }
    }
}
