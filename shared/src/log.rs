//! Appending to a channel's log: durable first, then announced, in the order of the numbers.
//!
//! Each channel has one writer in a process. What waits for it goes in one transaction; a lone message is one put.

mod announce;
mod patience;
mod writer;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedMutexGuard, oneshot};

use self::writer::Tail;
pub use self::{
    announce::{announce, announce_entry},
    patience::Patience,
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::{Id, Room},
    push::Push,
    signal::Frame,
    store::{Attributes, Store, entries::message_id},
};

const RETRY_AFTER_MS: u64 = 500;
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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

/// Takes what was written here, together with what others write, and announces all of it in order.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Takes entries that are durable, from number `first` on.
    async fn landed(&self, channel: &Id, first: u64, records: Vec<Record>);
}

/// Who tells the connections of what was written.
enum Announce {
    /// Whoever reads the table's stream.
    Elsewhere,
    /// The writer, and of what others wrote in between.
    Here(Arc<dyn Push>),
    By(Arc<dyn Announcer>),
}

struct Inner {
    store: Store,
    announce: Announce,
    channels: Mutex<HashMap<Id, Arc<Channel>>>,
}

/// The logs of all channels. Cheap to clone.
#[derive(Clone)]
pub struct ChannelLog(Arc<Inner>);

impl ChannelLog {
    /// Logs that are announced from here, or, with `None`, by whoever reads the table's stream.
    #[must_use]
    pub fn new(store: Store, announce: Option<Arc<dyn Push>>) -> Self {
        Self::over(store, announce.map_or(Announce::Elsewhere, Announce::Here))
    }

    /// Logs whose entries are handed over to be announced.
    #[must_use]
    pub fn announced_by(store: Store, announcer: Arc<dyn Announcer>) -> Self {
        Self::over(store, Announce::By(announcer))
    }

    fn over(store: Store, announce: Announce) -> Self {
        Self(Arc::new(Inner { store, announce, channels: Mutex::default() }))
    }

    /// Appends an entry. When this returns it is durable, and announced, or handed over for that, if that is done from here.
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

    /// Appends a change of what was read: `prepare` reads, and is called again when somebody else came in between.
    ///
    /// # Errors
    /// Those of `prepare`; `RATE_LIMITED` when others came first for too long.
    pub async fn change<E, F>(&self, channel: &Id, prepare: impl Fn() -> F + Send) -> Result<Slot>
    where
        E: Fn(&Slot) -> Result<Record> + Send + Sync + 'static,
        F: Future<Output = Result<E>> + Send,
    {
        let _turn = self.turn(channel).await;
        let mut patience = Patience::default();
        loop {
            match self.append_with(channel, prepare().await?).await {
                Ok(slot) => return Ok(slot),
                Err(Refused::Also(..)) => patience.wait().await?,
                Err(Refused::Failed(error)) => return Err(error),
            }
        }
    }

    /// Waits for the turn of a change that reads before it appends, so that on one host no two of a channel meet.
    /// Those of other hosts are found out by the conditions of the writes.
    pub async fn turn(&self, channel: &Id) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.channel(channel).turn);
        turn.lock_owned().await
    }

    /// How many entries wait to be written, in each channel.
    #[must_use]
    pub fn waiting(&self) -> Vec<usize> {
        let channels: Vec<_> = self.0.channels.lock().values().cloned().collect();
        channels.iter().map(|channel| channel.queue.lock().waiting.len()).collect()
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
