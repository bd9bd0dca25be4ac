//! Reading the entries of a channel's log.
//!
//! Attributes are few and short, because parsing them is most of what a read costs: `e` event, `d` its data as it was
//! broadcast, `w` write id, `c` messages so far, `f` signals that follow; for messages `a` author, `t` thread,
//! `n` what is true of the message now, `es` the entries of its edits, `x` when it was deleted.

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Attributes, Store, failed, key, prefix, text};
use crate::{
    error::{Error, Result},
    ids::Id,
    text::Text,
};

/// An entry as it was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the channel.
    pub seq: u64,
    /// How many of the entries so far are messages.
    pub messages: u64,
    /// The event's name; empty for the blank head of a deleted channel.
    pub event: String,
    /// The event's data, as it was broadcast.
    pub data: String,
    /// What follows the broadcast, as JSON.
    pub follow: Option<String>,
    /// Who wrote it, as text, where it is a message.
    pub author: Option<String>,
    /// The thread it answers in.
    pub thread: Option<String>,
    /// What is true of the message now, as JSON, once that differs from `data`.
    pub now: Option<String>,
    /// The entries of the message's edits.
    pub edits: Vec<u64>,
    /// Whether the message was deleted.
    pub deleted: bool,
    write_id: String,
}

/// Names a message: its entry's number and write id.
#[must_use]
pub fn message_id(seq: u64, write_id: &str) -> String {
    format!("{seq}-{write_id}")
}

pub(super) fn partition(channel: &Id) -> String {
    key(&["CHANNEL", channel.as_str()])
}

/// A number that sorts as text.
pub(super) fn padded(seq: u64) -> String {
    format!("{seq:016}")
}

pub(super) fn sort(seq: u64) -> String {
    key(&["LOG", &padded(seq)])
}

impl Entry {
    pub(super) fn read(mut item: Attributes) -> Result<Self> {
        let sk = item.required("sk")?;
        let seq = sk.rsplit('#').next().and_then(|seq| seq.parse().ok());
        let edits = match item.0.remove("es") {
            Some(AttributeValue::L(edits)) => edits,
            _ => Vec::new(),
        };
        Ok(Self {
            seq: seq.ok_or_else(|| Error::internal("a log entry has no number"))?,
            messages: item.count("c"),
            event: item.take("e").unwrap_or_default(),
            data: item.take("d").unwrap_or_default(),
            follow: item.take("f"),
            author: item.take("a"),
            thread: item.take("t"),
            now: item.take("n"),
            edits: edits.iter().filter_map(|seq| seq.as_n().ok()?.parse().ok()).collect(),
            deleted: item.is_set("x"),
            write_id: item.take("w").unwrap_or_default(),
        })
    }

    /// The message's id, where the entry is a message.
    #[must_use]
    pub fn message_id(&self) -> String {
        message_id(self.seq, &self.write_id)
    }
}

/// An entry as the table's stream shows it: the channel, and the entry. `image` is the new item in DynamoDB's JSON.
///
/// # Errors
/// `INTERNAL` when the item is no entry.
pub fn from_stream(image: &Map<String, Value>) -> Result<(Id, Entry)> {
    let item = image.iter().filter_map(|(name, value)| {
        let (kind, value) = value.as_object()?.iter().next()?;
        let value = value.as_str()?.to_owned();
        match kind.as_str() {
            "S" => Some((name.clone(), AttributeValue::S(value))),
            "N" => Some((name.clone(), AttributeValue::N(value))),
            _ => None,
        }
    });
    let item = Attributes(item.collect());
    let channel = item.required("pk")?.strip_prefix(&prefix(&["CHANNEL"]));
    let channel = channel.map(|id| percent_decode_str(id).decode_utf8_lossy());
    let channel = channel.ok_or_else(|| Error::internal("an entry outside of any channel"))?;
    Ok((Id::from_stored(&channel, false), Entry::read(item)?))
}

impl Store {
    /// The newest entry, read consistently; `None` for a channel that has none yet.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn head(&self, channel: &Id) -> Result<Option<Entry>> {
        let query =
            self.prefixed(partition(channel), &prefix(&["LOG"])).scan_index_forward(false).limit(1);
        self.collect(query, 1).await?.pop().map(Entry::read).transpose()
    }

    /// The entry of that number.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn entry(&self, channel: &Id, seq: u64) -> Result<Option<Entry>> {
        self.get(partition(channel), sort(seq)).await?.map(Entry::read).transpose()
    }

    /// The entries of these numbers, in order; those that do not exist are left out.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn entries_at(&self, channel: &Id, seqs: &[u64]) -> Result<Vec<Entry>> {
        let keys = seqs.iter().map(|seq| (partition(channel), sort(*seq))).collect();
        let found = self.batch(keys).await?;
        let mut entries = found.into_iter().map(Entry::read).collect::<Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(|entry| entry.seq);
        Ok(entries)
    }

    /// The message of that id in the channel, unless deleted.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is none.
    pub async fn message(&self, channel: &Id, id: &str) -> Result<Entry> {
        let missing = || Error::not_found(Text::MessageNotFound);
        let seq = id.split_once('-').and_then(|(seq, _)| seq.parse().ok()).ok_or_else(missing)?;
        self.entry(channel, seq)
            .await?
            .filter(|entry| entry.author.is_some() && !entry.deleted && entry.message_id() == id)
            .ok_or_else(missing)
    }

    /// Entries from `first` to `last`, both included, in order, at most `limit`.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn entries(
        &self,
        channel: &Id,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        if first > last {
            return Ok(Vec::new());
        }
        let query = self
            .between(partition(channel), sort(first), sort(last))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        self.collect(query, limit).await?.into_iter().map(Entry::read).collect()
    }

    /// Messages outside of threads, with numbers from `first` to `last`, both included, at most `limit`:
    /// the oldest of them, or the newest, and in that order.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn messages(
        &self,
        channel: &Id,
        first: u64,
        last: u64,
        newest: bool,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        if first > last {
            return Ok(Vec::new());
        }
        let query = self
            .between(partition(channel), sort(first), sort(last))
            .scan_index_forward(!newest)
            .filter_expression("attribute_exists(a) AND attribute_not_exists(t)")
            .limit(i32::try_from(limit.saturating_mul(2)).unwrap_or(i32::MAX));
        self.collect(query, limit).await?.into_iter().map(Entry::read).collect()
    }

    /// How many undeleted messages of others than `reader` have numbers from `first` to `last`, both included.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn count_unread(
        &self,
        channel: &Id,
        reader: &Id,
        first: u64,
        last: u64,
    ) -> Result<u64> {
        if first > last {
            return Ok(0);
        }
        let query = self
            .between(partition(channel), sort(first), sort(last))
            .select(Select::Count)
            .filter_expression("attribute_exists(a) AND a <> :reader AND attribute_not_exists(x)")
            .expression_attribute_values(":reader", text(reader.as_str()));
        let (mut total, mut start) = (0, None);
        loop {
            let page = query.clone().set_exclusive_start_key(start);
            let page = self.send(page).await.map_err(failed)?;
            total += u64::try_from(page.count).unwrap_or(0);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(total);
            }
        }
    }
}
