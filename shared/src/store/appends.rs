//! Writing to a channel's log. Appending is one conditional put at the next free `seq`; edits, deletions and replies
//! are transactions of the new entry and the items that they change.

use aws_sdk_dynamodb::{
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{
        AttributeValue, Put, ReturnValuesOnConditionCheckFailure as ReturnOld, TransactWriteItem,
        Update, builders::UpdateBuilder,
    },
};

use super::{
    Attributes, Item, NEW, Store,
    entries::{Entry, partition, sort},
    failed, item, number, text,
};
use crate::{
    error::{Error, Result},
    ids::Id,
};

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

/// What became of an append.
#[derive(Debug)]
pub enum Outcome {
    /// All of it is durable.
    Landed,
    /// Somebody else has one of the numbers.
    Taken,
    /// A further write was refused.
    Refused {
        /// Which of them.
        index: usize,
        /// Its item as it is.
        item: Attributes,
        /// Whether somebody else has one of the numbers as well.
        taken: bool,
    },
    /// It may have landed or not: the same append must be tried again.
    Unknown(Error),
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

impl Store {
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
            .put_item(entry.row(channel))
            .condition_expression(NEW)
            .return_values_on_condition_check_failure(ReturnOld::AllOld);
        let Err(error) = self.send(put).await else {
            return Outcome::Landed;
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
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
        // A number that a further write is about exists: the end of the log is not where it was believed to be.
        let changed = |seq| also.iter().any(|write| is_about(write, &sort(seq)));
        if entries.iter().any(|entry| changed(entry.seq)) {
            return Outcome::Taken;
        }
        let puts = entries.iter().map(|entry| {
            let put = Put::builder()
                .table_name(&*self.table)
                .set_item(Some(entry.row(channel)))
                .condition_expression(NEW)
                .return_values_on_condition_check_failure(ReturnOld::AllOld);
            put.build().map(|put| TransactWriteItem::builder().put(put).build())
        });
        let puts = match puts.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(puts) => puts,
            Err(error) => return Outcome::Unknown(Error::internal(error)),
        };
        let writes = puts.into_iter().chain(also).collect();
        let Err(error) = self.transact(writes).await else {
            return Outcome::Landed;
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Outcome::Unknown(failed(error));
        };
        let reasons = canceled.cancellation_reasons().iter().enumerate();
        let failures =
            reasons.filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
        let (numbers, others): (Vec<_>, Vec<_>) =
            failures.partition(|(index, _)| *index < entries.len());
        let taken = numbers.first().map(|(at, reason)| occupied(reason.item(), &entries[*at]));
        match (taken, others.first()) {
            (Some(Outcome::Landed), _) => Outcome::Landed,
            (taken, Some((at, reason))) => Outcome::Refused {
                index: at - entries.len(),
                item: Attributes(reason.item().cloned().unwrap_or_default()),
                taken: taken.is_some(),
            },
            (Some(taken), None) => taken,
            // Throttled, or in conflict with another transaction.
            (None, None) if error.code() == Some("TransactionCanceledException") => {
                Outcome::Unknown(Error::rate_limited(super::THROTTLED_MS))
            }
            (None, None) => {
                Outcome::Unknown(Error::internal(DisplayErrorContext(error).to_string()))
            }
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

    fn update_entry(&self, channel: &Id, seq: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(&*self.table)
            .key("pk", text(partition(channel)))
            .key("sk", text(sort(seq)))
    }
}

fn is_about(write: &TransactWriteItem, sort: &str) -> bool {
    let key = write.update().and_then(|update| update.key().get("sk"));
    key.and_then(|key| key.as_s().ok()).is_some_and(|key| key == sort)
}

/// A number that is occupied: by our own earlier try, or by somebody else.
fn occupied(old: Option<&Item>, entry: &NewEntry) -> Outcome {
    let ours = old.and_then(|old| old.get("w")).and_then(|id| id.as_s().ok());
    if ours == Some(&entry.write_id) { Outcome::Landed } else { Outcome::Taken }
}

/// A message's update under the condition that it is as it was read.
fn unchanged(update: UpdateBuilder, message: &Entry) -> Result<TransactWriteItem> {
    let update = match &message.now {
        None => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(n)"),
        Some(now) => update
            .condition_expression("n = :before")
            .expression_attribute_values(":before", text(now)),
    };
    let update = update.build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().update(update).build())
}
