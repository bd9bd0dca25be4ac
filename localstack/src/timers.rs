//! Work that is due later, in this process: lost with it, which is when it does not matter any more.

use std::time::Duration;

use async_trait::async_trait;
use shared::{
    context::Context,
    error::Result,
    later::{Job, Later},
};
use tokio::{sync::mpsc, task::JoinSet};

/// Takes jobs until the context is there to do them in.
#[derive(Clone)]
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

/// Does each job when it is due. Those that are not done are dropped with this.
pub(crate) async fn run(cx: Context, mut jobs: Jobs) {
    let mut waiting = JoinSet::new();
    loop {
        let (delay, job) = tokio::select! {
            job = jobs.recv() => match job {
                Some(job) => job,
                None => return,
            },
            Some(_) = waiting.join_next() => continue,
        };
        let cx = cx.clone();
        waiting.spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(error) = functions::later::run(&cx, &job).await {
                error.log("later");
            }
        });
    }
}
