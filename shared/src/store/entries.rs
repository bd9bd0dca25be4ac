//! The entries of a channel's log. Appending is one conditional put at the next free `seq`.
//!
//! Attributes are few and short, because parsing them is most of what a read costs: `e` event, `d` its data as it was
//! broadcast, `w` write id, `c` messages so far, `f` signals that follow; for messages `a` author, `t` thread,
//! `n` what is true of the message now, `es` the entries of its edits, `x` when it was deleted.

use aws_sdk_dynamodb::{
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, Put, ReturnValuesOnConditionCheckFailure as ReturnOld, TransactWriteItem,
        Update,
    },
};

use super::{Attributes, Item, Store, collect, failed, item, key, number, prefix, text};
use crate::{
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
};

const UNTAKEN: &str = "attribute_not_exists(pk)";

/// An entry as it is written.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Its number in the channel.
    pub seq: u64,
    /// Tells our own write from another's at the same number.
    pub write_id: String,
    /// How many of the entries so far, this one included, are messages.
    pub messages: u64,
    /// The event's name.
    pub event: String,
    /// The event's data, as it is broadcast.
    pub data: String,
    /// What follows the broadcast, as JSON.
    pub follow: Option<String>,
    /// Who wrote it, where it is a message.
    pub author: Option<Id>,
    /// The thread it answers in.
    pub thread: Option<String>,
}

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

/// What became of an append.
#[derive(Debug)]
pub enum Outcome {
    /// All of it is durable.
    Landed,
    /// Somebody else has one of the numbers.
    Taken,
    /// The further write of that index was refused; its item as it is.
    Refused(usize, Attributes),
    /// It may have landed or not: the same append must be tried again.
    Unknown(Error),
}

/// Names a message: its entry's number and write id.
#[must_use]
pub fn message_id(seq: u64, write_id: &str) -> String {
    format!("{seq}-{write_id}")
}

fn partition(channel: &Id) -> String {
    key(&["CHANNEL", channel.as_str()])
}

/// A number that sorts as text.
pub(super) fn padded(seq: u64) -> String {
    format!("{seq:016}")
}

fn sort(seq: u64) -> String {
    key(&["LOG", &padded(seq)])
}

impl NewEntry {
    fn row(&self, channel: &Id) -> Item {
        let mut row = item(partition(channel), sort(self.seq));
        row.insert("w".into(), text(&self.write_id));
        row.insert("c".into(), number(self.messages));
        row.insert("e".into(), text(&self.event));
        row.insert("d".into(), text(&self.data));
        let optional = [
            ("f", self.follow.clone()),
            ("a", self.author.as_ref().map(ToString::to_string)),
            ("t", self.thread.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                row.insert(name.into(), text(value));
            }
        }
        row
    }
}

impl Entry {
    fn read(mut item: Attributes) -> Result<Self> {
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

impl Store {
    /// The newest entry, read consistently; `None` for a channel that has none yet.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn head(&self, channel: &Id) -> Result<Option<Entry>> {
        let query =
            self.prefixed(partition(channel), &prefix(&["LOG"])).scan_index_forward(false).limit(1);
        collect(query, 1).await?.pop().map(Entry::read).transpose()
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
        let missing = || Error::not_found("message");
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
        collect(query, limit).await?.into_iter().map(Entry::read).collect()
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
        collect(query, limit).await?.into_iter().map(Entry::read).collect()
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
            .select(aws_sdk_dynamodb::types::Select::Count)
            .filter_expression("attribute_exists(a) AND a <> :reader AND attribute_not_exists(x)")
            .expression_attribute_values(":reader", text(reader.as_str()));
        let (mut total, mut start) = (0, None);
        loop {
            let page = query.clone().set_exclusive_start_key(start).send().await.map_err(failed)?;
            total += u64::try_from(page.count).unwrap_or(0);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(total);
            }
        }
    }

    /// Appends entries at their numbers, with further writes, all or nothing.
    pub async fn append(
        &self,
        channel: &Id,
        entries: &[NewEntry],
        also: Vec<TransactWriteItem>,
    ) -> Outcome {
        match entries {
            [entry] if also.is_empty() => self.append_one(channel, entry).await,
            _ => self.append_all(channel, entries, also).await,
        }
    }

    async fn append_one(&self, channel: &Id, entry: &NewEntry) -> Outcome {
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(entry.row(channel)))
            .condition_expression(UNTAKEN)
            .return_values_on_condition_check_failure(ReturnOld::AllOld);
        let Err(error) = put.send().await else {
            return Outcome::Landed;
        };
        match error.as_service_error() {
            Some(aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed)) => {
                occupied(failed.item(), entry)
            }
            _ => Outcome::Unknown(failed(error)),
        }
    }

    async fn append_all(
        &self,
        channel: &Id,
        entries: &[NewEntry],
        also: Vec<TransactWriteItem>,
    ) -> Outcome {
        let puts = entries.iter().map(|entry| {
            let put = Put::builder()
                .table_name(&*self.table)
                .set_item(Some(entry.row(channel)))
                .condition_expression(UNTAKEN)
                .return_values_on_condition_check_failure(ReturnOld::AllOld);
            put.build().map(|put| TransactWriteItem::builder().put(put).build())
        });
        let puts = match puts.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(puts) => puts,
            Err(error) => return Outcome::Unknown(Error::internal(error)),
        };
        let writes = puts.into_iter().chain(also).collect();
        let sent = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = sent else {
            return Outcome::Landed;
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Outcome::Unknown(failed(error));
        };
        let reasons = canceled.cancellation_reasons().iter().enumerate();
        let mut failures =
            reasons.filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
        match failures.next() {
            Some((index, reason)) => match entries.get(index) {
                Some(entry) => occupied(reason.item(), entry),
                None => {
                    let item = reason.item().cloned().unwrap_or_default();
                    Outcome::Refused(index - entries.len(), Attributes(item))
                }
            },
            // Throttled, or in conflict with another transaction.
            None if error.code() == Some("TransactionCanceledException") => {
                Outcome::Unknown(Error::rate_limited(super::THROTTLED_MS))
            }
            None => Outcome::Unknown(Error::internal(DisplayErrorContext(error).to_string())),
        }
    }

    /// Replaces what is true of a message now, if nobody changed it since it was read; with an edit, notes the edit's entry.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn change_message(
        &self,
        channel: &Id,
        message: &Entry,
        now: &str,
        edit: Option<u64>,
    ) -> Result<TransactWriteItem> {
        let mut edits = message.edits.clone();
        edits.extend(edit);
        let edits = edits.into_iter().map(number).collect();
        let update = self
            .update_entry(channel, message.seq)
            .update_expression("SET n = :now, es = :edits")
            .expression_attribute_values(":now", text(now))
            .expression_attribute_values(":edits", AttributeValue::L(edits));
        unchanged(update, message)
    }

    /// Erases a message: its own data, and what is true of it now.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn erase_message(
        &self,
        channel: &Id,
        message: &Entry,
        data: &str,
        now: &str,
        at_millis: i64,
    ) -> Result<TransactWriteItem> {
        let update = self
            .update_entry(channel, message.seq)
            .update_expression("SET d = :data, n = :now, x = :at REMOVE f")
            .expression_attribute_values(":data", text(data))
            .expression_attribute_values(":now", text(now))
            .expression_attribute_values(":at", number(at_millis));
        unchanged(update, message)
    }

    /// Erases the text of an edit whose message is deleted.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn erase_edit(&self, channel: &Id, seq: u64, data: &str) -> Result<TransactWriteItem> {
        let update = self
            .update_entry(channel, seq)
            .update_expression("SET d = :data REMOVE f")
            .expression_attribute_values(":data", text(data))
            .build()
            .map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn update_entry(
        &self,
        channel: &Id,
        seq: u64,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&*self.table)
            .key("pk", text(partition(channel)))
            .key("sk", text(sort(seq)))
    }

    /// Removes all that a deleted channel holds but its head, which is blanked: a number is never used twice.
    async fn erase_channel(&self, channel: &Id) -> Result<()> {
        let head = self.head(channel).await?;
        let keep = head.as_ref().map(|head| sort(head.seq));
        if let Some(head) = head {
            let mut row = item(partition(channel), sort(head.seq));
            row.insert("c".into(), number(head.messages));
            self.put(row).await?;
        }
        self.erase(partition(channel), keep.as_deref()).await
    }

    /// Removes what a deleted channel or group holds.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn erase_room(&self, room: &Room) -> Result<()> {
        let id = Id::from_stored(room.id(), false);
        match room.kind() {
            RoomKind::Channel => self.erase_channel(&id).await,
            _ => self.erase(key(&["GROUP", room.id()]), None).await,
        }
    }

    async fn erase(&self, partition: String, keep: Option<&str>) -> Result<()> {
        let all = self.prefixed(partition, "").projection_expression("pk, sk");
        for mut found in collect(all, usize::MAX).await? {
            if let (Some(pk), Some(sk)) = (found.take("pk"), found.take("sk"))
                && Some(&*sk) != keep
            {
                self.delete(pk, sk).await?;
            }
        }
        Ok(())
    }
}

/// A number that is occupied: by our own earlier try, or by somebody else.
fn occupied(old: Option<&Item>, entry: &NewEntry) -> Outcome {
    let ours = old.and_then(|old| old.get("w")).and_then(|id| id.as_s().ok());
    if ours == Some(&entry.write_id) { Outcome::Landed } else { Outcome::Taken }
}

/// A message's update under the condition that it is as it was read.
fn unchanged(
    update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    message: &Entry,
) -> Result<TransactWriteItem> {
    let update = match &message.now {
        None => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(n)"),
        Some(now) => update
            .condition_expression("n = :before")
            .expression_attribute_values(":before", text(now)),
    };
    let update = update.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().update(update).build())
}
