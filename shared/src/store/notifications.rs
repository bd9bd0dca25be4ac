//! Notifications: waiting until confirmed, kept for 30 days.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Attributes, EXPIRES, Store, attributes, expires_in, failed, item, key, number, prefix, text,
};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::Id,
};

const KEPT_SECONDS: u64 = 30 * 86_400;

/// A notification as clients see it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its time-ordered id.
    pub id: String,
    /// The text.
    pub message: String,
    /// Whom it is for.
    pub user_id: Id,
    /// When it was sent.
    pub created_at: Timestamp,
}

fn partition(user: &Id) -> String {
    key(&["USER", user.as_str()])
}

impl Notification {
    fn row(&self, state: &str) -> super::Item {
        let mut row = item(partition(&self.user_id), key(&[state, &self.id]));
        row.insert("message".into(), text(&self.message));
        row.insert("user".into(), attributes::id(&self.user_id));
        row.insert("createdAt".into(), number(self.created_at.millis()));
        row.insert(EXPIRES.into(), expires_in(KEPT_SECONDS));
        row
    }

    fn read(item: &Attributes) -> Result<Self> {
        let id = item.required("sk")?.rsplit('#').next().unwrap_or_default().to_owned();
        Ok(Self {
            id,
            message: item.required("message")?.to_owned(),
            user_id: item.id("user")?,
            created_at: item.time("createdAt").unwrap_or_else(Timestamp::now),
        })
    }
}

impl Store {
    /// Keeps a notification until it is confirmed.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn keep_notification(&self, notification: &Notification) -> Result<()> {
        self.put(notification.row("WAITING")).await
    }

    /// A user's unconfirmed notifications, oldest first, at most `limit`.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn waiting_notifications(
        &self,
        user: &Id,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        let query = self
            .prefixed(partition(user), &prefix(&["WAITING"]))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        self.collect(query, limit).await?.iter().map(Notification::read).collect()
    }

    /// Confirms a notification of a user; false when there is none of that id. Twice is no error.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn confirm_notification(&self, user: &Id, id: &str) -> Result<bool> {
        let confirmed = key(&["CONFIRMED", id]);
        let waiting = key(&["WAITING", id]);
        let Some(found) = self.get(partition(user), waiting.clone()).await? else {
            return Ok(self.get(partition(user), confirmed).await?.is_some());
        };
        let mut row = found.0;
        row.insert("sk".into(), text(confirmed));
        let put = Put::builder().table_name(&*self.table).set_item(Some(row));
        let delete = Delete::builder()
            .table_name(&*self.table)
            .key("pk", text(partition(user)))
            .key("sk", text(waiting));
        let put = put.build().map_err(Error::internal)?;
        let delete = delete.build().map_err(Error::internal)?;
        let writes = vec![
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().delete(delete).build(),
        ];
        self.transact(writes).await.map_err(failed)?;
        Ok(true)
    }
}
