//! Threads: each hangs on a message and has that message's id.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};

use super::{Store, attributes, entries::padded, item, key, number, prefix, text};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::Id,
};

/// A thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id: that of the message it hangs on.
    pub id: String,
    /// The number of that message's entry.
    pub message_seq: u64,
    /// A title to show.
    pub title: Option<String>,
    /// Who made it.
    pub created_by: Id,
    /// How many replies there were.
    pub replies: u64,
}

fn keys(channel: &Id, thread: &str) -> (String, String) {
    (key(&["CHANNEL", channel.as_str()]), key(&["THREAD", thread]))
}

impl Store {
    /// The thread of that id in a channel.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn thread(&self, channel: &Id, id: &str) -> Result<Option<Thread>> {
        let (pk, sk) = keys(channel, id);
        let Some(item) = self.get(pk, sk).await? else {
            return Ok(None);
        };
        Ok(Some(Thread {
            id: id.to_owned(),
            message_seq: item.count("message"),
            title: item.text("title").map(str::to_owned),
            created_by: item.id("user")?,
            replies: item.count("replies"),
        }))
    }

    /// The write that makes a thread; refused when there is one on that message.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn put_thread(&self, channel: &Id, thread: &Thread) -> Result<TransactWriteItem> {
        let (pk, sk) = keys(channel, &thread.id);
        let mut row = item(pk, sk);
        row.insert("message".into(), number(thread.message_seq));
        row.insert("user".into(), attributes::id(&thread.created_by));
        row.insert("replies".into(), number(thread.replies));
        if let Some(title) = &thread.title {
            row.insert("title".into(), text(title));
        }
        self.write_new(row)
    }

    /// The writes that count a reply and note where it is; refused when another reply came in between.
    ///
    /// # Errors
    /// `INTERNAL` when a write cannot be built.
    pub fn put_reply(
        &self,
        channel: &Id,
        thread: &Thread,
        seq: u64,
        at: Timestamp,
    ) -> Result<[TransactWriteItem; 2]> {
        let (pk, sk) = keys(channel, &thread.id);
        let count = Update::builder()
            .table_name(&*self.table)
            .key("pk", text(&pk))
            .key("sk", text(sk))
            .update_expression("SET replies = :next, lastReplyAt = :at")
            .condition_expression("replies = :before")
            .expression_attribute_values(":next", number(thread.replies + 1))
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":before", number(thread.replies))
            .build()
            .map_err(Error::internal)?;
        let row = item(pk, key(&["REPLY", &padded(thread.message_seq), &padded(seq)]));
        let note = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(row))
            .build()
            .map_err(Error::internal)?;
        Ok([
            TransactWriteItem::builder().update(count).build(),
            TransactWriteItem::builder().put(note).build(),
        ])
    }

    /// The numbers of a thread's replies from `first` to `last`, both included, at most `limit`:
    /// the oldest of them, or the newest, and in that order.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn replies(
        &self,
        channel: &Id,
        thread: &Thread,
        first: u64,
        last: u64,
        newest: bool,
        limit: usize,
    ) -> Result<Vec<u64>> {
        if first > last {
            return Ok(Vec::new());
        }
        let of_thread = prefix(&["REPLY", &padded(thread.message_seq)]);
        let query = self
            .between(
                key(&["CHANNEL", channel.as_str()]),
                of_thread.clone() + &padded(first),
                of_thread + &padded(last),
            )
            .scan_index_forward(!newest)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        self.collect(query, limit)
            .await?
            .iter()
            .map(|row| {
                let seq = row.required("sk")?.rsplit('#').next().and_then(|seq| seq.parse().ok());
                seq.ok_or_else(|| Error::internal("a reply has no number"))
            })
            .collect()
    }
}
