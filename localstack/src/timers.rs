//! Work that is due later, in this process: lost with it, which is when it does not matter any more.

use std::time::Duration;

use async_trait::async_trait;
use shared::{
    context::Context,
    error::Result,
    later::{Job, Later},
};
use tokio::sync::mpsc;

/// Takes jobs until the context is there to do them in.
pub(crate) struct Timers(mpsc::UnboundedSender<(Duration, Job)>);

/// The jobs that were taken.
pub(crate) type Jobs = mpsc::UnboundedReceiver<(Duration, Job)>;

impl Timers {
    pub(crate) fn new() -> (Self, Jobs) {
        let (sender, jobs) = mpsc::unbounded_channel();
        (Self(sender), jobs)
    }
}

#[async_trait]
impl Later for Timers {
    async fn after(&self, delay: Duration, job: Job) -> Result<()> {
        // The receiver ends only with the process.
        let _ = self.0.send((delay, job));
        Ok(())
    }
}

/// Does each job when it is due.
pub(crate) async fn run(cx: Context, mut jobs: Jobs) {
    while let Some((delay, job)) = jobs.recv().await {
        let cx = cx.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(error) = functions::later::run(&cx, &job).await {
                error.log("later");
            }
        });
    }
}
