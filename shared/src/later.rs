//! Work that is due after a delay. Whoever does it reads again before acting.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{error::Result, ids::Id};

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
#[async_trait]
pub trait Later: Send + Sync {
    /// Has the job done after the delay, here or elsewhere. On a host, a job is lost only with the host.
    async fn after(&self, delay: Duration, job: Job) -> Result<()>;
}
