//! Who is connecting: tokens, sessions, or nothing yet.

mod jwt;

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

pub use self::jwt::Claims;
use self::jwt::Verifier;
use crate::{
    clock::Timestamp,
    config::{AuthConfig, ConfigError, Modes},
    error::{Code, Error, Result},
    ids::Id,
    store::{Store, sessions::Session, users::Presence},
    text::Text,
    user::User,
};

const SESSION_ID_CHARS: usize = 16;
const NAME_CHARS: usize = 128;
const PROVEN_KEPT: usize = 100_000;

/// What a client shows of itself when it connects or calls.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The header `Authorization`.
    pub header: Option<String>,
    /// Socket.IO's `auth` object.
    pub auth: Value,
    /// The query's `token`.
    pub query: Option<String>,
}

/// Who was let in.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    /// The identity; none for an anonymous client.
    pub user: Option<Arc<User>>,
    /// When the token stops being good.
    pub expires: Option<Timestamp>,
    /// The session's id, to be told to the client.
    pub session: Option<String>,
}

#[derive(Deserialize)]
struct SessionAuth {
    #[serde(rename = "sessionID")]
    session_id: Option<String>,
    #[serde(rename = "userID")]
    user_id: Option<Id>,
    username: Option<String>,
}

/// Checks identities by the configured ways.
pub struct Auth {
    modes: Modes,
    /// Users known to be proven, so that REST calls need not write it again.
    proven: Mutex<HashSet<Id>>,
    verifier: Verifier,
    session_ttl_seconds: u64,
}

impl Auth {
    /// Reads the keys.
    ///
    /// # Errors
    /// The variable whose key cannot be used.
    pub fn new(config: &AuthConfig, session_ttl_seconds: u64) -> Result<Self, ConfigError> {
        Ok(Self {
            modes: config.modes,
            proven: Mutex::default(),
            verifier: Verifier::new(config)?,
            session_ttl_seconds,
        })
    }

    /// The ways that are allowed.
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes
    }

    /// A token signed with the configured secret, for development and services; `None` without one.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        self.verifier.sign(claims)
    }

    /// Decides about a connection: the first token present alone, else the session, else nothing.
    ///
    /// # Errors
    /// `UNAUTHORIZED` with the text that the client is told.
    pub async fn admit(&self, store: &Store, credentials: &Credentials) -> Result<Admitted> {
        if let Some(token) = credentials.token() {
            let (user, expires) = self.verify(&token).await?;
            return Ok(Admitted { user: Some(user), expires: Some(expires), session: None });
        }
        if self.modes.session {
            let given = ["sessionID", "userID", "username"]
                .iter()
                .any(|name| credentials.auth.get(name).is_some_and(|value| !value.is_null()));
            if given {
                return self.session(store, &credentials.auth).await;
            }
        }
        if self.modes.anonymous {
            return Ok(Admitted::default());
        }
        Err(unauthorized(if self.modes.jwt { Text::TokenMissing } else { Text::SessionIncomplete }))
    }

    /// Checks a token.
    ///
    /// # Errors
    /// `UNAUTHORIZED` when it is not good.
    pub async fn verify(&self, token: &str) -> Result<(Arc<User>, Timestamp)> {
        if !self.modes.jwt {
            return Err(unauthorized(Text::TokenInvalid));
        }
        let claims = self.verifier.verify(token).await?;
        let (user, expires) = claims.into_user()?;
        Ok((Arc::new(user), expires))
    }

    /// The user of a session that exists, for `Authorization: Session <sessionID>`.
    ///
    /// # Errors
    /// `UNAUTHORIZED` when there is none, or a JWT has proven its user's id since.
    pub async fn session_user(&self, store: &Store, session_id: &str) -> Result<Arc<User>> {
        let refused = || unauthorized(Text::SessionUnknown);
        if !self.modes.session {
            return Err(refused());
        }
        let session = store.session(session_id).await?.ok_or_else(refused)?;
        if is_proven(store.presence(&session.user).await?.as_ref()) {
            return Err(refused());
        }
        Ok(Arc::new(claimed(session.user, session.username)))
    }

    /// Notes that a user is proven from now on; false when that was known here.
    pub(crate) fn learn(&self, user: &Id) -> bool {
        let mut proven = self.proven.lock();
        if proven.len() >= PROVEN_KEPT {
            proven.clear();
        }
        proven.insert(user.clone())
    }

    async fn session(&self, store: &Store, auth: &Value) -> Result<Admitted> {
        let required = || unauthorized(Text::SessionIncomplete);
        let auth = SessionAuth::deserialize(auth).map_err(|_| required())?;
        if let Some(id) = &auth.session_id
            && let Some(session) = store.session(id).await?
        {
            if auth.user_id.is_some_and(|given| given != session.user) {
                return Err(unauthorized(Text::SessionOfAnother));
            }
            store.extend_session(id, self.session_ttl_seconds).await?;
            return Ok(admitted(session, id.clone()));
        }
        let user = auth.user_id.ok_or_else(required)?;
        let username = auth.username.filter(|name| is_name(name)).ok_or_else(required)?;
        let id = auth.session_id.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        if id.chars().count() < SESSION_ID_CHARS {
            return Err(unauthorized(Text::SessionIdTooShort));
        }
        if is_proven(store.presence(&user).await?.as_ref()) {
            return Err(unauthorized(Text::TokenNeeded));
        }
        let session = Session { user, username };
        if !store.create_session(&id, &session, self.session_ttl_seconds).await? {
            return Err(unauthorized(Text::SessionOfAnother));
        }
        Ok(admitted(session, id))
    }
}

impl Credentials {
    /// The first token present: header, then Socket.IO's `auth.token`, then the query.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        let header = self.header.as_deref().map(str::trim).map(|header| {
            let bearer = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            bearer.map_or(header, |_| header[7..].trim())
        });
        let auth = self
            .auth
            .get("token")
            .and_then(Value::as_str)
            .map(str::trim)
            .map(|token| token.strip_prefix("Bearer ").unwrap_or(token));
        [header, auth, self.query.as_deref()]
            .into_iter()
            .flatten()
            .find(|token| !token.is_empty())
            .map(str::to_owned)
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= NAME_CHARS
}

fn is_proven(presence: Option<&Presence>) -> bool {
    presence.is_some_and(|presence| presence.proven)
}

/// A user known only by the client's word.
#[must_use]
pub fn claimed(id: Id, username: String) -> User {
    User { id, username, avatar: None, roles: Vec::new(), verified: false }
}

fn admitted(session: Session, id: String) -> Admitted {
    let user = claimed(session.user, session.username);
    Admitted { user: Some(Arc::new(user)), expires: None, session: Some(id) }
}

fn unauthorized(text: Text) -> Error {
    Error::new(Code::Unauthorized, text)
}
