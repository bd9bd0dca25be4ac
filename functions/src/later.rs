//! Work whose time has come.

use shared::{context::Context, error::Result, later::Job, user::ConnectionId};

use crate::{presence, typing_start};

/// Does a job; failures are logged.
pub async fn run(cx: &Context, job: Job) {
    if let Err(error) = act(cx, &job).await {
        error.log("later");
    }
}

async fn act(cx: &Context, job: &Job) -> Result<()> {
    match job {
        Job::PresenceGrace { user } => presence::end_grace(cx, user).await,
        Job::TypingEnd { connection, channel, due } => {
            typing_start::expire(cx, &ConnectionId::new(connection), channel, *due).await
        }
    }
}
