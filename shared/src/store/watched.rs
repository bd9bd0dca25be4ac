//! Who watched which episode in a group.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Store, attributes, hash, item, key, number, prefix, text};
use crate::{clock::Timestamp, error::Result, ids::Id};

/// That a user watched an episode.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Watched {
    /// Who.
    pub user_id: Id,
    /// The name of who.
    pub username: String,
    /// The series.
    pub series_id: Id,
    /// The episode.
    pub episode_id: Id,
    /// When first.
    pub timestamp: Timestamp,
}

impl Store {
    /// Stores that an episode was watched, once per user and episode.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn keep_watched(&self, group: &Id, watched: &Watched) -> Result<()> {
        let episode = hash(&[watched.series_id.as_str(), watched.episode_id.as_str()]);
        let mut row = item(
            key(&["GROUP", group.as_str()]),
            key(&["WATCHED", watched.user_id.as_str(), &episode]),
        );
        row.insert("user".into(), attributes::id(&watched.user_id));
        row.insert("username".into(), text(&watched.username));
        row.insert("series".into(), attributes::id(&watched.series_id));
        row.insert("episode".into(), attributes::id(&watched.episode_id));
        row.insert("at".into(), number(watched.timestamp.millis()));
        self.put_new(row).await.map(drop)
    }

    /// Everything that was watched in a group.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn watched(&self, group: &Id) -> Result<Vec<Watched>> {
        let query = self.prefixed(key(&["GROUP", group.as_str()]), &prefix(&["WATCHED"]));
        self.collect(query, usize::MAX)
            .await?
            .iter()
            .map(|item| {
                Ok(Watched {
                    user_id: item.id("user")?,
                    username: item.required("username")?.to_owned(),
                    series_id: item.id("series")?,
                    episode_id: item.id("episode")?,
                    timestamp: item.time("at").unwrap_or_else(Timestamp::now),
                })
            })
            .collect()
    }
}
