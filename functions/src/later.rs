//! Work whose time has come.

use shared::{context::Context, error::Result, later::Job, user::ConnectionId};

use crate::{presence, typing_start};

/// Does a job.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` when it could not be done, and may be tried again.
pub async fn run(cx: &Context, job: &Job) -> Result<()> {
    match job {
        Job::PresenceGrace { user } => presence::end_grace(cx, user).await,
        Job::TypingEnd { connection, channel, due } => {
            typing_start::expire(cx, &ConnectionId::new(connection), channel, *due).await
        }
    }
}
