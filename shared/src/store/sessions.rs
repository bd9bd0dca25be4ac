//! Sessions. The id is a secret: only its hash is stored.

use super::{EXPIRES, Store, attributes, expires_in, failed, hash, item, key, text};
use crate::{error::Result, ids::Id};

/// Whose session it is.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user, in the form in which the id was first written.
    pub user: Id,
    /// The user's name.
    pub username: String,
}

fn keys(session_id: &str) -> (String, String) {
    (key(&["SESSION", &hash(&["session", session_id])]), "-".into())
}

impl Store {
    /// The session of that id, unless it has run out.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn session(&self, session_id: &str) -> Result<Option<Session>> {
        let (pk, sk) = keys(session_id);
        let Some(item) = self.get(pk, sk).await? else {
            return Ok(None);
        };
        Ok(Some(Session {
            user: item.id("user")?,
            username: item.required("username")?.to_owned(),
        }))
    }

    /// Stores a new session; says whether the id was free.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn create_session(
        &self,
        id: &str,
        session: &Session,
        ttl_seconds: u64,
    ) -> Result<bool> {
        let (pk, sk) = keys(id);
        let mut row = item(pk, sk);
        row.insert("user".into(), attributes::id(&session.user));
        row.insert("username".into(), text(&session.username));
        row.insert(EXPIRES.into(), expires_in(ttl_seconds));
        self.put_new(row).await
    }

    /// Keeps a session that is in use for another while.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn extend_session(&self, id: &str, ttl_seconds: u64) -> Result<()> {
        let (pk, sk) = keys(id);
        let update = self
            .update_item(pk, sk)
            .update_expression("SET expiresAt = :until")
            .expression_attribute_values(":until", expires_in(ttl_seconds));
        self.send(update).await.map_err(failed).map(drop)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn end_session(&self, id: &str) -> Result<()> {
        let (pk, sk) = keys(id);
        self.delete(pk, sk).await
    }
}
