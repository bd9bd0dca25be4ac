//! What the server sends without being asked: named payloads, encoded once.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    language::Language,
};

/// A server event: the type is its payload.
pub trait Signal: Serialize + JsonSchema {
    /// The name on the wire.
    const NAME: &'static str;
    /// Whether it may be dropped for a slow reader.
    const VOLATILE: bool = false;
}

/// A signal, encoded: name and JSON payload. Each wire form is a concatenation of the two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// The event's name.
    pub event: Cow<'static, str>,
    /// The payload's JSON.
    pub data: Box<RawValue>,
    /// Whether a slow reader may miss it.
    pub volatile: bool,
}

impl Frame {
    /// Encodes a signal.
    ///
    /// # Errors
    /// `INTERNAL` when the payload cannot be JSON.
    pub fn of<S: Signal>(signal: &S) -> Result<Self> {
        let data = serde_json::value::to_raw_value(signal)?;
        Ok(Self { event: S::NAME.into(), data, volatile: S::VOLATILE })
    }

    /// The `error` event, for who waits for no ack; `event` is the one that failed, where it is one.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be JSON.
    pub fn error(event: Option<&str>, error: &Error, language: Language) -> Result<Self> {
        Ok(Self::new("error", serde_json::value::to_raw_value(&error.event(event, language))?))
    }

    /// A frame from a name and JSON that is encoded already.
    #[must_use]
    pub fn new(event: impl Into<Cow<'static, str>>, data: Box<RawValue>) -> Self {
        Self { event: event.into(), data, volatile: false }
    }

    /// The plain WebSocket's form: `{"event":…,"data":…}`.
    #[must_use]
    pub fn plain(&self) -> String {
        format!(r#"{{"event":{},"data":{}}}"#, quoted(&self.event), self.data)
    }
}

/// A name as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
