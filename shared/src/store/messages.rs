//! Messages outside of channels: the lobby's and the direct ones. Plain puts under time-ordered ids.

use super::{Store, item, key, text};
use crate::{error::Result, ids::Id};

/// Where a message belongs.
#[derive(Clone, Copy, Debug)]
pub enum Conversation<'a> {
    /// Everybody.
    Lobby,
    /// Two users, in either order.
    Direct(&'a Id, &'a Id),
}

impl Conversation<'_> {
    fn partition(&self) -> String {
        match self {
            Self::Lobby => key(&["LOBBY"]),
            Self::Direct(a, b) => {
                let (a, b) = (a.as_str(), b.as_str());
                key(&["DIRECT", a.min(b), a.max(b)])
            }
        }
    }
}

impl Store {
    /// Keeps a message, as the JSON that is sent, under its id.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn keep_message(&self, of: Conversation<'_>, id: &str, json: &str) -> Result<()> {
        let mut row = item(of.partition(), id.to_owned());
        row.insert("d".into(), text(json));
        self.put(row).await
    }

    /// The JSON of the last messages before an id, oldest first, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn kept_messages(
        &self,
        of: Conversation<'_>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, bool)> {
        let mut query = self
            .prefixed(of.partition(), "")
            .scan_index_forward(false)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX));
        if let Some(before) = before {
            query = query.set_exclusive_start_key(Some(item(of.partition(), before.to_owned())));
        }
        let mut found = self.collect(query, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found.into_iter().rev().filter_map(|mut item| item.take("d")).collect(), more))
    }
}
