//! Read marks: how far a user has read a channel.

use super::{Store, failed, is_condition, key, number};
use crate::{error::Result, ids::Id};

fn keys(user: &Id, channel: &Id) -> (String, String) {
    (key(&["USER", user.as_str()]), key(&["READ", channel.as_str()]))
}

impl Store {
    /// How far a user has read a channel: the mark's seq, 0 when nothing.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn read_mark(&self, user: &Id, channel: &Id) -> Result<u64> {
        let (pk, sk) = keys(user, channel);
        Ok(self.get(pk, sk).await?.map_or(0, |mark| mark.count("seq")))
    }

    /// Moves a mark forward; says whether it moved.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn mark_read(&self, user: &Id, channel: &Id, seq: u64) -> Result<bool> {
        let (pk, sk) = keys(user, channel);
        let update = self
            .update_item(pk, sk)
            .update_expression("SET seq = :seq")
            .condition_expression("attribute_not_exists(seq) OR seq < :seq")
            .expression_attribute_values(":seq", number(seq));
        match self.send(update).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(error.as_service_error()) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}
