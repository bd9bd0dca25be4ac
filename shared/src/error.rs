//! One error for every transport: a code and a text for the caller, a cause for the log.

use std::{borrow::Cow, error::Error as StdError, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{clock::Timestamp, ids::RoomKind, language::Language, text::Text};

/// What a handler answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The codes that clients may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename = "ErrorCode", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The payload is not what the event takes; `details` lists the fields.
    InvalidRequest,
    /// Nobody is known on this connection, or the token is no longer good.
    Unauthorized,
    /// The caller is known and may not do this.
    Forbidden,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// It exists already, or its state does not allow this.
    Conflict,
    /// Too much at once; `details.retryAfterMs` says when to come back.
    RateLimited,
    /// The frame or body is over the limit.
    PayloadTooLarge,
    /// No event of that name.
    UnknownEvent,
    /// Our fault. The cause is in the log and never leaves the server. The last one, by which they are counted.
    Internal,
}

impl Code {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Internal as usize + 1;

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::RateLimited => "RATE_LIMITED",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnknownEvent => "UNKNOWN_EVENT",
            Self::Internal => "INTERNAL",
        }
    }

    /// The HTTP status that REST answers with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::UnknownEvent => 404,
            Self::Conflict => 409,
            Self::PayloadTooLarge => 413,
            Self::RateLimited => 429,
            Self::Internal => 500,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal or a failure. `text` and `details` go to the caller, in the caller's language, `cause` only to the log.
#[derive(Debug)]
pub struct Error {
    code: Code,
    text: Text,
    details: Option<Details>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the caller needs to know besides the text.
#[derive(Clone, Debug)]
pub enum Details {
    /// The fields that are wrong, each with what is wrong with it.
    Fields(Vec<(String, Text)>),
    /// When to come back, in milliseconds.
    RetryAfter(u64),
    /// What to do about it.
    Advice(Text),
}

impl Details {
    /// The details as they are sent.
    #[must_use]
    pub fn say(&self, language: Language) -> Value {
        match self {
            Self::Fields(fields) => fields
                .iter()
                .map(|(field, text)| json!({"field": field, "message": text.say(language)}))
                .collect(),
            Self::RetryAfter(milliseconds) => json!({ "retryAfterMs": milliseconds }),
            Self::Advice(text) => text.say(language).into(),
        }
    }
}

impl Error {
    /// An error with a text for the caller.
    #[must_use]
    pub fn new(code: Code, text: Text) -> Self {
        Self { code, text, details: None, cause: None }
    }

    /// A payload that is not what was asked for: one field and what is wrong with it.
    #[must_use]
    pub fn invalid(field: &str, text: Text) -> Self {
        Self::invalid_fields(vec![(field.to_owned(), text)])
    }

    /// A payload of whose fields several are wrong.
    #[must_use]
    pub fn invalid_fields(fields: Vec<(String, Text)>) -> Self {
        Self::new(Code::InvalidRequest, Text::InvalidData).with_details(Details::Fields(fields))
    }

    /// The message or other thing does not exist for this caller.
    #[must_use]
    pub fn not_found(text: Text) -> Self {
        Self::new(Code::NotFound, text)
    }

    /// The room does not exist for this caller.
    #[must_use]
    pub fn no_room(room: RoomKind) -> Self {
        Self::not_found(Text::RoomNotFound { room })
    }

    /// Known, and not allowed.
    #[must_use]
    pub fn forbidden(text: Text) -> Self {
        Self::new(Code::Forbidden, text)
    }

    /// Come back later.
    #[must_use]
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        Self::new(Code::RateLimited, Text::TooManyRequests)
            .with_details(Details::RetryAfter(retry_after_ms))
    }

    /// A failure on our side. The caller learns nothing but that.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(Code::Internal, Text::InternalError);
        error.cause = Some(cause.into());
        error
    }

    /// Adds what the caller needs to know besides the text.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(details);
        self
    }

    /// The same answer to another caller; the cause stays with the first, so that it is logged once.
    #[must_use]
    pub fn without_cause(&self) -> Self {
        Self {
            code: self.code,
            text: self.text.clone(),
            details: self.details.clone(),
            cause: None,
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The text for the caller.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// What the caller needs to know besides the text.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_ref()
    }

    /// What happened on our side. Never for the caller.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync)> {
        self.cause.as_deref()
    }

    /// Logs the cause, if this is ours to know of. Called once, where the error is turned into an answer.
    pub fn log(&self, what: &str) {
        if let Some(cause) = &self.cause {
            tracing::error!(event = what, code = self.code.as_str(), cause = %Chain(cause.as_ref()), "failed");
        }
    }

    /// Logs the error, cause or not: nobody waits who could be told.
    pub fn report(&self, what: &str) {
        match &self.cause {
            Some(_) => self.log(what),
            None => {
                tracing::error!(event = what, code = self.code.as_str(), "{self}");
            }
        }
    }

    /// The answer to a request that asked for an ack.
    #[must_use]
    pub fn ack(&self, language: Language) -> Refusal {
        Refusal {
            success: false,
            error: self.text.say(language),
            error_code: self.code,
            details: self.details.as_ref().map(|details| details.say(language)),
        }
    }

    /// The `error` event for a request that did not ask for an ack.
    #[must_use]
    pub fn event<'a>(&self, event: Option<&'a str>, language: Language) -> ErrorEvent<'a> {
        ErrorEvent {
            error_code: self.code,
            message: self.text.say(language),
            details: self.details.as_ref().map(|details| details.say(language)),
            event,
            timestamp: Timestamp::now(),
        }
    }
}

/// A failed ack.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    #[schemars(extend("const" = false))]
    success: bool,
    /// The reason, for people.
    error: Cow<'static, str>,
    error_code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "details")]
    details: Option<Value>,
}

/// What went wrong with an event that asked for no ack, or with the connection.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorEvent<'a> {
    error_code: Code,
    /// The reason, for people.
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "details")]
    details: Option<Value>,
    /// The event that failed, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    timestamp: Timestamp,
}

/// How `details` look in a schema.
fn details(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "With `INVALID_REQUEST` the fields that are wrong, with `RATE_LIMITED` when to come back, else a hint for people.",
        "anyOf": [
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "field": { "type": "string" }, "message": { "type": "string" } },
                    "required": ["field", "message"],
                },
            },
            {
                "type": "object",
                "properties": { "retryAfterMs": { "type": "integer", "minimum": 1 } },
                "required": ["retryAfterMs"],
            },
            { "type": "string" },
        ],
    })
}

impl From<serde_json::Error> for Error {
    /// Only for our own data: a payload's errors are answered by field, in `api`.
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() {
            // It would quote what it found, and that may be a message.
            return Self::internal("JSON of another form than expected");
        }
        Self::internal(error)
    }
}

impl fmt::Display for Error {
    /// In English, for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.say(Language::En))
    }
}

impl StdError for Error {}

/// An error with the causes below it, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
