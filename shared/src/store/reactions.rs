//! Reactions: a row for each message, emoji and user.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use super::{Store, attributes, entries::padded, item, key, text};
use crate::{
    error::{Error, Result},
    ids::Id,
};

/// Who reacted to a message, by emoji.
pub type Reactions = BTreeMap<String, Vec<Id>>;

fn keys(channel: &Id, seq: u64, emoji: &str, user: &Id) -> (String, String) {
    (key(&["CHANNEL", channel.as_str()]), key(&["REACTION", &padded(seq), emoji, user.as_str()]))
}

impl Store {
    /// The write that adds a reaction; refused when it is there.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn put_reaction(
        &self,
        channel: &Id,
        seq: u64,
        emoji: &str,
        user: &Id,
    ) -> Result<TransactWriteItem> {
        let (pk, sk) = keys(channel, seq, emoji, user);
        let mut row = item(pk, sk);
        row.insert("emoji".into(), text(emoji));
        row.insert("user".into(), attributes::id(user));
        self.write_new(row)
    }

    /// The write that takes a reaction away; refused when there is none.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn delete_reaction(
        &self,
        channel: &Id,
        seq: u64,
        emoji: &str,
        user: &Id,
    ) -> Result<TransactWriteItem> {
        let (pk, sk) = keys(channel, seq, emoji, user);
        let delete = Delete::builder()
            .table_name(&*self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// The reactions to messages with numbers from `first` to `last`, both included.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn reactions(
        &self,
        channel: &Id,
        first: u64,
        last: u64,
    ) -> Result<BTreeMap<u64, Reactions>> {
        let query = self.between(
            key(&["CHANNEL", channel.as_str()]),
            key(&["REACTION", &padded(first)]) + "#",
            key(&["REACTION", &padded(last)]) + "#~",
        );
        let mut reactions: BTreeMap<u64, Reactions> = BTreeMap::new();
        for row in self.collect(query, usize::MAX).await? {
            let seq = row.required("sk")?.split('#').nth(1).and_then(|seq| seq.parse().ok());
            let of_message = reactions.entry(seq.unwrap_or(0)).or_default();
            of_message.entry(row.required("emoji")?.to_owned()).or_default().push(row.id("user")?);
        }
        Ok(reactions)
    }
}
