//! Work that is due after a delay. Whoever does it reads again before acting.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Id;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// A user's last connection has ended: announce it, unless another one came.
    PresenceGrace {
        /// The user.
        user: Id,
    },
    /// Typing in a channel ends, unless it was renewed.
    TypingEnd {
        /// The connection that types.
        connection: String,
        /// The channel.
        channel: Id,
        /// The moment in milliseconds until which it was announced.
        due: i64,
    },
}

/// Takes work that is due later.
pub trait Later: Send + Sync {
    /// Does the job after the delay, here or elsewhere. A job is lost only with its host.
    fn after(&self, delay: Duration, job: Job);
}
