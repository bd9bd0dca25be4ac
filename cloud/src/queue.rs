//! The queues: work with a delay, pages of broadcasts to many, connections to be greeted.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::SendMessageBatchRequestEntry};
use serde::Serialize;
use shared::{
    error::{Error, Result},
    later::{Job, Later},
};
use uuid::Uuid;

use crate::{deliver::Page, later::Work, open::Opened};

/// SQS takes ten messages, and 256 KiB, at once.
const BATCH: usize = 10;
const BATCH_BYTES: usize = 240 * 1024;
/// The longest delay that SQS knows. Whoever gets the work reads again, and may put it off once more.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The queues.
pub(crate) struct Queue {
    pub(crate) client: Client,
    pub(crate) later: String,
    pub(crate) deliver: String,
    pub(crate) open: Option<String>,
}

impl Queue {
    /// Has work done after a delay.
    pub(crate) async fn later(&self, work: Vec<(Duration, Work)>) -> Result<()> {
        let entries = work.into_iter().map(|(delay, work)| {
            // Rounded up: work that comes too early would find nothing to do.
            let delay = delay.min(LONGEST_DELAY).as_millis().div_ceil(1000);
            Ok(entry(&work)?.delay_seconds(i32::try_from(delay).unwrap_or(i32::MAX)))
        });
        self.send(&self.later, entries.collect::<Result<Vec<_>>>()?).await
    }

    /// Has a new connection greeted, after a delay in seconds.
    pub(crate) async fn open(&self, opened: &Opened, delay: i32) -> Result<()> {
        let queue = self.open.as_deref();
        let queue = queue.ok_or_else(|| Error::internal("OPEN_QUEUE_URL: is not set"))?;
        self.send(queue, vec![entry(opened)?.delay_seconds(delay)]).await
    }

    /// Has pages delivered; those of one group one after the other.
    pub(crate) async fn deliver(&self, pages: Vec<(String, Page)>) -> Result<()> {
        let entries = pages.into_iter().map(|(group, page)| {
            Ok(entry(&page)?
                .message_group_id(group)
                .message_deduplication_id(Uuid::new_v4().to_string()))
        });
        self.send(&self.deliver, entries.collect::<Result<Vec<_>>>()?).await
    }

    async fn send(&self, queue: &str, entries: Vec<EntryBuilder>) -> Result<()> {
        let mut batch: Vec<SendMessageBatchRequestEntry> = Vec::new();
        let mut bytes = 0;
        for (number, entry) in entries.into_iter().enumerate() {
            let entry = entry.id(number.to_string()).build().map_err(Error::internal)?;
            if batch.len() == BATCH
                || (bytes + entry.message_body().len() > BATCH_BYTES && !batch.is_empty())
            {
                self.send_batch(queue, std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
            bytes += entry.message_body().len();
            batch.push(entry);
        }
        if batch.is_empty() { Ok(()) } else { self.send_batch(queue, batch).await }
    }

    async fn send_batch(
        &self,
        queue: &str,
        batch: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<()> {
        let send = self.client.send_message_batch().queue_url(queue).set_entries(Some(batch));
        let sent = send
            .send()
            .await
            .map_err(|error| Error::internal(DisplayErrorContext(error).to_string()))?;
        match sent.failed.first() {
            None => Ok(()),
            Some(failed) => {
                Err(Error::internal(format!("the queue refused a message: {}", failed.code)))
            }
        }
    }
}

type EntryBuilder = aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;

fn entry<T: Serialize>(message: &T) -> Result<EntryBuilder> {
    Ok(SendMessageBatchRequestEntry::builder().message_body(serde_json::to_string(message)?))
}

#[async_trait]
impl Later for Queue {
    async fn after(&self, delay: Duration, job: Job) -> Result<()> {
        self.later(vec![(delay, Work::Job(job))]).await
    }
}
