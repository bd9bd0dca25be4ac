//! Appending to a channel's log: durable first, then announced, in the order of the numbers.
//!
//! Each channel has one writer in a process. What waits for it goes in one transaction; a lone message is one put.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::TransactWriteItem;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::{Id, Room},
    push::{Audience, Push},
    signal::Frame,
    store::{
        Attributes, Store,
        entries::{Entry, NewEntry, Outcome, message_id},
    },
};

const ATTEMPTS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_WAIT: Duration = Duration::from_millis(10);
const RETRY_AFTER_MS: u64 = 500;
/// Most entries in one transaction. DynamoDB takes 100 writes.
const BATCH: usize = 50;
/// Channels whose end is remembered. More than that, and idle ones are forgotten.
const REMEMBERED: usize = 10_000;

/// The place that an entry gets in the log.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its number.
    pub seq: u64,
    /// When it is written.
    pub at: Timestamp,
    write_id: String,
}

impl Slot {
    /// The id of the message, if the entry is one.
    #[must_use]
    pub fn message_id(&self) -> String {
        message_id(self.seq, &self.write_id)
    }
}

/// An entry's content, once its place is known.
#[derive(Debug)]
pub struct Record {
    /// The broadcast.
    pub frame: Frame,
    /// The author, where it is a message: it then counts as one.
    pub author: Option<Id>,
    /// The thread it answers in, whose room gets the broadcast in place of the channel's.
    pub thread: Option<String>,
    /// Signals to other rooms that follow the broadcast.
    pub follow: Vec<Follow>,
    /// Writes of the same transaction.
    pub also: Vec<TransactWriteItem>,
}

impl Record {
    /// An entry that is only a broadcast to the channel.
    #[must_use]
    pub fn new(frame: Frame) -> Self {
        Self { frame, author: None, thread: None, follow: Vec::new(), also: Vec::new() }
    }
}

/// A signal that follows an entry's broadcast.
#[derive(Debug, Serialize, Deserialize)]
pub struct Follow {
    /// The rooms, by name; a connection in several of them gets it once.
    pub rooms: Vec<String>,
    /// The event.
    pub event: String,
    /// Its data.
    pub data: Box<RawValue>,
}

impl Follow {
    /// A signal to rooms.
    #[must_use]
    pub fn new(rooms: &[Room], frame: Frame) -> Self {
        let rooms = rooms.iter().map(ToString::to_string).collect();
        Self { rooms, event: frame.event.into_owned(), data: frame.data }
    }
}

/// Why nothing was appended.
#[derive(Debug)]
pub enum Refused {
    /// A further write of that index was refused; its item as it is.
    Also(usize, Attributes),
    /// Something failed.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refused> for Error {
    /// For appends whose further writes fail only when somebody changed the same thing at the same time.
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Also(..) => Self::rate_limited(RETRY_AFTER_MS),
            Refused::Failed(error) => error,
        }
    }
}

type Encode = Box<dyn Fn(&Slot) -> Result<Record> + Send + Sync>;

struct Waiting {
    encode: Encode,
    /// Whether it has further writes, and so a transaction of its own.
    alone: bool,
    answer: oneshot::Sender<Result<Slot, Refused>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    writing: bool,
}

/// The end of a channel's log as far as this process knows.
#[derive(Clone, Copy, Default)]
struct Tail {
    /// The next number and the messages so far; unknown at first and after a failure.
    next: Option<(u64, u64)>,
    /// The last number that was announced from here.
    announced: Option<u64>,
}

struct Channel {
    id: Id,
    queue: Mutex<Queue>,
    tail: tokio::sync::Mutex<Tail>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Channel {
    /// Puts an append in the queue; says whether a writer has to be started.
    fn push(&self, waiting: Waiting) -> bool {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(waiting);
        !std::mem::replace(&mut queue.writing, true)
    }
}

struct Inner {
    store: Store,
    announce: Option<Arc<dyn Push>>,
    channels: Mutex<HashMap<Id, Arc<Channel>>>,
}

/// The logs of all channels. Cheap to clone.
#[derive(Clone)]
pub struct ChannelLog(Arc<Inner>);

impl ChannelLog {
    /// Logs that are announced from here, or, with `None`, by whoever reads the table's stream.
    #[must_use]
    pub fn new(store: Store, announce: Option<Arc<dyn Push>>) -> Self {
        Self(Arc::new(Inner { store, announce, channels: Mutex::default() }))
    }

    /// Appends an entry. When this returns it is durable, and announced if that is done from here.
    ///
    /// # Errors
    /// `RATE_LIMITED` when others were faster eight times or for three seconds.
    pub async fn append(
        &self,
        channel: &Id,
        encode: impl Fn(&Slot) -> Result<Record> + Send + Sync + 'static,
    ) -> Result<Slot> {
        self.enqueue(channel, Box::new(encode), false).await.map_err(Error::from)
    }

    /// Appends an entry with further writes, all or nothing.
    ///
    /// # Errors
    /// [`Refused::Also`] when one of those was refused, else as [`ChannelLog::append`].
    pub async fn append_with(
        &self,
        channel: &Id,
        encode: impl Fn(&Slot) -> Result<Record> + Send + Sync + 'static,
    ) -> Result<Slot, Refused> {
        self.enqueue(channel, Box::new(encode), true).await
    }

    /// Waits for the turn of a change that reads before it appends, so that on one host no two of a channel meet.
    /// Those of other hosts are found out by the conditions of the writes.
    pub async fn turn(&self, channel: &Id) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.channel(channel).turn);
        turn.lock_owned().await
    }

    async fn enqueue(&self, id: &Id, encode: Encode, alone: bool) -> Result<Slot, Refused> {
        let (answer, answered) = oneshot::channel();
        let channel = self.channel(id);
        if channel.push(Waiting { encode, alone, answer }) {
            // A task of its own: whoever waits may go away in the middle of a write.
            tokio::spawn(Arc::clone(&self.0).write(channel));
        }
        answered.await.map_err(|_| Refused::Failed(Error::internal("the log's writer is gone")))?
    }

    fn channel(&self, id: &Id) -> Arc<Channel> {
        let mut channels = self.0.channels.lock();
        if channels.len() >= REMEMBERED && !channels.contains_key(id) {
            channels.retain(|_, channel| Arc::strong_count(channel) > 1);
        }
        let new = || {
            Arc::new(Channel {
                id: id.clone(),
                queue: Mutex::default(),
                tail: <_>::default(),
                turn: <_>::default(),
            })
        };
        Arc::clone(channels.entry(id.clone()).or_insert_with(new))
    }
}

impl Inner {
    async fn write(self: Arc<Self>, channel: Arc<Channel>) {
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
    async fn commit(&self, channel: &Id, batch: Vec<Waiting>, tail: &mut Tail) {
        let started = Instant::now();
        let write_ids: Vec<_> =
            batch.iter().map(|_| format!("{:016x}", rand::random::<u64>())).collect();
        let mut encoded: Option<Encoded> = None;
        let mut attempt = 0;
        let failure = loop {
            let outcome = match self.prepare(channel, &batch, &write_ids, tail, &mut encoded).await
            {
                Ok(prepared) => {
                    let also = prepared.records.iter().flat_map(|r| r.also.clone()).collect();
                    self.store.append(channel, &prepared.entries, also).await
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
                Outcome::Refused(index, item) => break Refused::Also(index, item),
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

    /// The batch, encoded for the next numbers. What was encoded for the same numbers stays as it is: it may have landed.
    async fn prepare<'a>(
        &self,
        channel: &Id,
        batch: &[Waiting],
        write_ids: &[String],
        tail: &mut Tail,
        encoded: &'a mut Option<Encoded>,
    ) -> Result<&'a Encoded> {
        let (first, messages) = match tail.next {
            Some(next) => next,
            None => {
                let head = self.store.head(channel).await?;
                let (seq, messages) = head.map_or((0, 0), |head| (head.seq, head.messages));
                tail.announced.get_or_insert(seq);
                *tail.next.insert((seq + 1, messages))
            }
        };
        if encoded.as_ref().is_none_or(|encoded| encoded.first != first) {
            *encoded = Some(Encoded::new(batch, write_ids, first, messages)?);
        }
        encoded.as_ref().ok_or_else(|| Error::internal("nothing was encoded"))
    }

    async fn landed(&self, channel: &Id, batch: Vec<Waiting>, landed: Encoded, tail: &mut Tail) {
        let last = landed.first + landed.entries.len() as u64 - 1;
        let messages = landed.entries.last().map_or(0, |entry| entry.messages);
        tail.next = Some((last + 1, messages));
        if let Some(push) = &self.announce {
            let push = push.as_ref();
            let announced = tail.announced.replace(last).unwrap_or(last);
            if announced + 1 < landed.first {
                self.catch_up(push, channel, announced + 1, landed.first - 1).await;
            }
            for record in landed.records {
                let (thread, follow) = (record.thread.as_deref(), record.follow);
                if let Err(error) = announce(push, channel, thread, &record.frame, follow).await {
                    error.log("announce");
                }
            }
        }
        for (waiting, slot) in batch.into_iter().zip(landed.slots) {
            // Who does not wait any more does not need the answer.
            let _ = waiting.answer.send(Ok(slot));
        }
    }

    /// Announces what others wrote in between.
    async fn catch_up(&self, push: &dyn Push, channel: &Id, first: u64, last: u64) {
        let missed = async {
            for entry in self.store.entries(channel, first, last, usize::MAX).await? {
                announce_entry(push, channel, &entry).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = missed.await {
            error.log("announce");
        }
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
    fn new(batch: &[Waiting], write_ids: &[String], first: u64, mut messages: u64) -> Result<Self> {
        let at = Timestamp::now();
        let mut encoded =
            Self { first, slots: Vec::new(), entries: Vec::new(), records: Vec::new() };
        for ((waiting, write_id), seq) in batch.iter().zip(write_ids).zip(first..) {
            let slot = Slot { seq, at, write_id: write_id.clone() };
            let record = (waiting.encode)(&slot)?;
            messages += u64::from(record.author.is_some());
            let follow = &record.follow;
            encoded.entries.push(NewEntry {
                seq,
                write_id: write_id.clone(),
                messages,
                event: record.frame.event.to_string(),
                data: record.frame.data.get().to_owned(),
                follow: if follow.is_empty() { None } else { Some(serde_json::to_string(follow)?) },
                author: record.author.clone(),
                thread: record.thread.clone(),
            });
            encoded.slots.push(slot);
            encoded.records.push(record);
        }
        Ok(encoded)
    }
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

fn jitter(attempt: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempt.min(6)).mul_f64(rand::random())
}

/// Sends an entry's broadcast to its room, then what follows.
///
/// # Errors
/// `INTERNAL` when the connections cannot be reached.
pub async fn announce(
    push: &dyn Push,
    channel: &Id,
    thread: Option<&str>,
    frame: &Frame,
    follow: Vec<Follow>,
) -> Result<()> {
    let room = match thread {
        Some(thread) => Room::thread(&Id::from_stored(thread, false)),
        None => Room::channel(channel),
    };
    push.broadcast(&Audience::room(&room), frame).await?;
    for follow in follow {
        let rooms: Vec<_> = follow.rooms.iter().filter_map(|name| Room::parse(name)).collect();
        let audience = Audience { rooms: Some(&rooms), ..Audience::default() };
        push.broadcast(&audience, &Frame::new(follow.event, follow.data)).await?;
    }
    Ok(())
}

/// Sends the broadcast of an entry that was read.
///
/// # Errors
/// `INTERNAL` when it cannot be read, or the connections cannot be reached.
pub async fn announce_entry(push: &dyn Push, channel: &Id, entry: &Entry) -> Result<()> {
    if entry.event.is_empty() {
        return Ok(());
    }
    let frame = Frame::new(entry.event.clone(), RawValue::from_string(entry.data.clone())?);
    let follow = entry.follow.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    announce(push, channel, entry.thread.as_deref(), &frame, follow).await
}
