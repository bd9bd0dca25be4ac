//! Client message ids: the ack of a message, kept so that sending it again changes nothing.

use aws_sdk_dynamodb::types::{
    Put, ReturnValuesOnConditionCheckFailure as ReturnOld, TransactWriteItem,
};

use super::{Attributes, EXPIRES, Store, expires_in, hash, item, key, text};
use crate::{
    error::{Error, Result},
    ids::Id,
};

const KEPT_SECONDS: u64 = 86_400;

fn keys(channel: &Id, user: &Id, id: &str) -> (String, String) {
    (key(&["CHANNEL", channel.as_str()]), key(&["CLIENT", user.as_str(), &hash(&[id])]))
}

impl Store {
    /// The write that keeps an ack for a day; refused, with the ack that is there, when the id was used.
    ///
    /// # Errors
    /// `INTERNAL` when the write cannot be built.
    pub fn put_client_id(
        &self,
        channel: &Id,
        user: &Id,
        id: &str,
        ack: &str,
    ) -> Result<TransactWriteItem> {
        let (pk, sk) = keys(channel, user, id);
        let mut row = item(pk, sk);
        row.insert("ack".into(), text(ack));
        row.insert(EXPIRES.into(), expires_in(KEPT_SECONDS));
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", expires_in(0))
            .return_values_on_condition_check_failure(ReturnOld::AllOld)
            .build()
            .map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The ack kept under a client message id.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn client_ack(&self, channel: &Id, user: &Id, id: &str) -> Result<Option<String>> {
        let (pk, sk) = keys(channel, user, id);
        Ok(self.get(pk, sk).await?.and_then(|mut item| item.take("ack")))
    }
}

/// The ack in an item that refused a client message id.
#[must_use]
pub fn kept_ack(mut item: Attributes) -> Option<String> {
    item.take("ack")
}
