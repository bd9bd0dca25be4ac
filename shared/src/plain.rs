//! The plain WebSocket's frames: JSON text, a request or a flat request in, acks and signals out.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    text::Text,
};

/// Sent now and then, so that nobody between takes an idle connection for dead. It wants no answer.
pub const PING: &str = r#"{"event":"ping"}"#;

/// `{"action":"<event>","data":{…},"id":<string or number>}`. In the flat form all fields but `action` and `id` are the data.
pub struct Request<'a> {
    action: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    data: Data<'a>,
}

enum Data<'a> {
    Nested(&'a RawValue),
    Flat(Box<RawValue>),
}

impl<'a> Request<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is no JSON object, or its `id` neither string nor number.
    pub fn parse(text: &'a str) -> Result<Self> {
        let mut fields: BTreeMap<Cow<'a, str>, &'a RawValue> =
            serde_json::from_str(text).map_err(|_| Error::invalid("", Text::FrameNotAnObject))?;
        let action = fields.remove("action");
        let id = fields.remove("id").filter(|id| id.get() != "null");
        if id.is_some_and(|id| {
            !id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
        }) {
            return Err(Error::invalid("id", Text::FrameIdWrong));
        }
        let data = match fields.remove("data") {
            Some(data) => Data::Nested(data),
            None => Data::Flat(serde_json::value::to_raw_value(&fields)?),
        };
        Ok(Self { action, id, data })
    }

    /// The event's name; `None` when no text names one.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.action.and_then(|action| serde_json::from_str(action.get()).ok())
    }

    /// What the ack is to carry; `None` when none is wanted.
    #[must_use]
    pub fn id(&self) -> Option<&'a RawValue> {
        self.id
    }

    /// The event's payload.
    #[must_use]
    pub fn data(&self) -> &RawValue {
        match &self.data {
            Data::Nested(data) => data,
            Data::Flat(data) => data,
        }
    }
}

/// `{"event":"ack","id":…,"data":…}`
#[must_use]
pub fn ack_frame(id: &RawValue, data: &RawValue) -> String {
    format!(r#"{{"event":"ack","id":{id},"data":{data}}}"#)
}

/// The error for a frame that names no event.
#[must_use]
pub fn nameless() -> Error {
    Error::invalid("action", Text::ActionMissing)
}
