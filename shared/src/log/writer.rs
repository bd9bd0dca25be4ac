//! One channel's writer: takes what waits, writes it at the next numbers, announces it, answers.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Announce, Channel, Inner, RETRY_AFTER_MS, Record, Refused, Slot, Waiting, announce,
    announce_entry, patience::jitter,
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::Id,
    push::Push,
    store::appends::{NewEntry, Outcome},
};

const ATTEMPTS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(3);
/// Most entries in one transaction. DynamoDB takes 100 writes.
const BATCH: usize = 50;

/// The end of a channel's log as far as this process knows.
#[derive(Clone, Copy, Default)]
pub(super) struct Tail {
    /// The next number and the messages so far; unknown at first and after a failure.
    next: Option<(u64, u64)>,
    /// The last number that was announced from here.
    announced: Option<u64>,
}

impl Inner {
    pub(super) async fn write(self: Arc<Self>, channel: Arc<Channel>) {
        let mut tail = channel.tail.lock().await;
        loop {
            let batch = {
                let mut queue = channel.queue.lock();
                let batch = next_batch(&mut queue.waiting);
                queue.writing = !batch.is_empty();
                batch
            };
            if batch.is_empty() {
                return;
            }
            self.commit(&channel.id, batch, &mut tail).await;
        }
    }

    /// Writes a batch at the next numbers, however often others come first, and answers everybody in it.
    async fn commit(&self, channel: &Id, mut batch: Vec<Waiting>, tail: &mut Tail) {
        let started = Instant::now();
        let mut encoded: Option<Encoded> = None;
        let mut attempt = 0;
        let failure = loop {
            let outcome = match self.place(channel, tail).await {
                Ok((first, messages)) => {
                    // What was encoded for the same numbers stays as it is: it may have landed.
                    let ready = match encoded.take().filter(|encoded| encoded.first == first) {
                        Some(ready) => ready,
                        None => Encoded::new(&mut batch, first, messages),
                    };
                    if batch.is_empty() {
                        return;
                    }
                    let ready = encoded.insert(ready);
                    let also = ready.records.iter().flat_map(|r| r.also.clone()).collect();
                    self.store.append(channel, &ready.entries, also).await
                }
                Err(error) => Outcome::Unknown(error),
            };
            let error = match outcome {
                Outcome::Landed => {
                    if let Some(landed) = encoded {
                        self.landed(channel, batch, landed, tail).await;
                    }
                    return;
                }
                Outcome::Refused { index, item, taken } => {
                    if taken {
                        tail.next = None;
                    }
                    break Refused::Also(index, item);
                }
                Outcome::Taken => {
                    tail.next = None;
                    Error::rate_limited(RETRY_AFTER_MS)
                }
                Outcome::Unknown(error) => error,
            };
            attempt += 1;
            if attempt >= ATTEMPTS || started.elapsed() >= PATIENCE {
                tail.next = None;
                break Refused::Failed(error);
            }
            tokio::time::sleep(jitter(attempt)).await;
        };
        answer_refused(batch, failure);
    }

    /// The next number, and the messages before it.
    async fn place(&self, channel: &Id, tail: &mut Tail) -> Result<(u64, u64)> {
        if let Some(next) = tail.next {
            return Ok(next);
        }
        let head = self.store.head(channel).await?;
        let (seq, messages) = head.map_or((0, 0), |head| (head.seq, head.messages));
        tail.announced.get_or_insert(seq);
        Ok(*tail.next.insert((seq + 1, messages)))
    }

    async fn landed(&self, channel: &Id, batch: Vec<Waiting>, landed: Encoded, tail: &mut Tail) {
        let last = landed.first + landed.entries.len() as u64 - 1;
        let messages = landed.entries.last().map_or(0, |entry| entry.messages);
        tail.next = Some((last + 1, messages));
        match &self.announce {
            Announce::Elsewhere => {}
            Announce::Here(push) => {
                self.tell(push.as_ref(), channel, landed.first, landed.records, tail).await;
            }
            Announce::By(announcer) => {
                announcer.landed(channel, landed.first, landed.records).await;
            }
        }
        for (waiting, slot) in batch.into_iter().zip(landed.slots) {
            // Who does not wait any more does not need the answer.
            let _ = waiting.answer.send(Ok(slot));
        }
    }

    /// Announces what landed from `first` on, and before it what others wrote in between. What cannot be read
    /// keeps all after it back, until the next entry.
    async fn tell(
        &self,
        push: &dyn Push,
        channel: &Id,
        first: u64,
        records: Vec<Record>,
        tail: &mut Tail,
    ) {
        let announced = tail.announced.unwrap_or(first - 1);
        if announced + 1 < first
            && let Err(error) = self.catch_up(push, channel, announced + 1, first - 1).await
        {
            return error.log("announce");
        }
        tail.announced = Some(first + records.len() as u64 - 1);
        for record in records {
            let (thread, follow) = (record.thread.as_deref(), record.follow);
            if let Err(error) = announce(push, channel, thread, &record.frame, follow).await {
                error.log("announce");
            }
        }
    }

    async fn catch_up(&self, push: &dyn Push, channel: &Id, first: u64, last: u64) -> Result<()> {
        let mut attempt = 0;
        let missed = loop {
            match self.store.entries(channel, first, last, usize::MAX).await {
                Ok(missed) => break missed,
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
            tokio::time::sleep(jitter(attempt)).await;
        };
        for entry in &missed {
            announce_entry(push, channel, entry).await?;
        }
        Ok(())
    }
}

/// A batch as it goes into the table.
struct Encoded {
    first: u64,
    slots: Vec<Slot>,
    entries: Vec<NewEntry>,
    records: Vec<Record>,
}

impl Encoded {
    /// Encodes a batch from number `first` on. Who cannot be encoded is answered, and leaves the batch.
    fn new(batch: &mut Vec<Waiting>, first: u64, mut messages: u64) -> Self {
        let at = Timestamp::now();
        let mut encoded =
            Self { first, slots: Vec::new(), entries: Vec::new(), records: Vec::new() };
        for waiting in std::mem::take(batch) {
            let seq = first + encoded.slots.len() as u64;
            let slot = Slot { seq, at, write_id: format!("{:016x}", rand::random::<u64>()) };
            match entry(&waiting, &slot, messages) {
                Ok((record, entry)) => {
                    messages = entry.messages;
                    encoded.slots.push(slot);
                    encoded.entries.push(entry);
                    encoded.records.push(record);
                    batch.push(waiting);
                }
                Err(error) => drop(waiting.answer.send(Err(Refused::Failed(error)))),
            }
        }
        encoded
    }
}

fn entry(waiting: &Waiting, slot: &Slot, messages: u64) -> Result<(Record, NewEntry)> {
    // A handler's mistake must not end the channel's only writer.
    let record = catch_unwind(AssertUnwindSafe(|| (waiting.encode)(slot)))
        .unwrap_or_else(|_| Err(Error::internal("an entry could not be encoded: panic")))?;
    let follow = &record.follow;
    let entry = NewEntry {
        seq: slot.seq,
        write_id: slot.write_id.clone(),
        messages: messages + u64::from(record.author.is_some()),
        event: record.frame.event.to_string(),
        data: record.frame.data.get().to_owned(),
        follow: if follow.is_empty() { None } else { Some(serde_json::to_string(follow)?) },
        author: record.author.clone(),
        thread: record.thread.clone(),
    };
    Ok((record, entry))
}

fn next_batch(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let plain = waiting.iter().take(BATCH).take_while(|waiting| !waiting.alone).count();
    waiting.drain(..plain.max(1).min(waiting.len())).collect()
}

/// Tells everybody in a batch. Only the first gets the cause, so that it is logged once.
fn answer_refused(batch: Vec<Waiting>, refused: Refused) {
    let others = match &refused {
        Refused::Failed(error) => batch.iter().skip(1).map(|_| error.without_cause()).collect(),
        Refused::Also(..) => Vec::new(),
    };
    let refusals = std::iter::once(refused).chain(others.into_iter().map(Refused::Failed));
    for (waiting, refused) in batch.into_iter().zip(refusals) {
        let _ = waiting.answer.send(Err(refused));
    }
}
