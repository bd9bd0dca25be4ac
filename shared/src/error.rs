//! One error for every transport: a code and a text for the caller, a cause for the log.

use std::{borrow::Cow, error::Error as StdError, fmt};

use garde::Report;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;

/// What a handler answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The codes that clients may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Our fault. The cause is in the log and never leaves the server.
    Internal,
}

impl Code {
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

/// A refusal or a failure. `message` and `details` go to the caller, `cause` only to the log.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    details: Option<Value>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a text for the caller.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: None, cause: None }
    }

    /// A payload that is not what was asked for: one field and what is wrong with it.
    #[must_use]
    pub fn invalid(field: &str, message: impl fmt::Display) -> Self {
        Self::invalid_fields(vec![json!({"field": field, "message": message.to_string()})])
    }

    fn invalid_fields(fields: Vec<Value>) -> Self {
        Self::new(Code::InvalidRequest, "Invalid data").with_details(Value::Array(fields))
    }

    /// The room, message or other thing does not exist for this caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// Known, and not allowed.
    #[must_use]
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// Come back later.
    #[must_use]
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        Self::new(Code::RateLimited, "Too many requests")
            .with_details(json!({ "retryAfterMs": retry_after_ms }))
    }

    /// A failure on our side. The caller learns nothing but that.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(Code::Internal, "Internal error");
        error.cause = Some(cause.into());
        error
    }

    /// Adds what the caller needs to know besides the text.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same answer to another caller; the cause stays with the first, so that it is logged once.
    #[must_use]
    pub fn without_cause(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
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
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the caller needs to know besides the text.
    #[must_use]
    pub fn details(&self) -> Option<&Value> {
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
                tracing::error!(event = what, code = self.code.as_str(), "{}", self.message);
            }
        }
    }

    /// The answer to a request that asked for an ack.
    #[must_use]
    pub fn ack(&self) -> Refusal<'_> {
        Refusal {
            success: false,
            error: &self.message,
            error_code: self.code,
            details: self.details.as_ref(),
        }
    }

    /// The `error` event for a request that did not ask for an ack.
    #[must_use]
    pub fn event<'a>(&'a self, event: Option<&'a str>) -> ErrorEvent<'a> {
        ErrorEvent {
            error_code: self.code,
            message: &self.message,
            details: self.details.as_ref(),
            event,
            timestamp: Timestamp::now(),
        }
    }
}

/// A failed ack: `{success: false, error, errorCode, details?}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal<'a> {
    success: bool,
    error: &'a str,
    error_code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

/// The `error` event: `{errorCode, message, details?, event?, timestamp}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorEvent<'a> {
    error_code: Code,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    timestamp: Timestamp,
}

impl From<Report> for Error {
    fn from(report: Report) -> Self {
        let fields = report
            .iter()
            .map(|(path, error)| json!({"field": camel_case(&path.to_string()), "message": error.to_string()}))
            .collect();
        Self::invalid_fields(fields)
    }
}

impl From<serde_json::Error> for Error {
    /// Only for our own data: a payload's errors are answered by field, in `api`.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

/// A field's name on the wire.
fn camel_case(path: &str) -> String {
    let mut words = path.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}

/// An error with the causes below it, on one line.
struct Chain<'a>(&'a (dyn StdError + Send + Sync));

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
