//! What AWS calls a function with, and what it answers. Tolerant of fields that emulators leave out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    error::{Code, Error},
    text::Text,
};

/// A request of the WebSocket API: `$connect`, `$disconnect`, or a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Invocation {
    pub(crate) request_context: RequestContext,
    headers: Option<HashMap<String, String>>,
    query_string_parameters: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// Which connection it is about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RequestContext {
    pub(crate) connection_id: String,
    pub(crate) stage: Option<String>,
    event_type: Option<String>,
}

impl Invocation {
    pub(crate) fn socket(&self) -> &str {
        &self.request_context.connection_id
    }

    /// Whether it is a frame, even one that names `$connect` or `$disconnect` as its action.
    pub(crate) fn is_frame(&self) -> bool {
        self.request_context.event_type.as_deref() == Some("MESSAGE")
    }

    /// A header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers.as_ref()?;
        let found = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// A frame's text.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a binary frame.
    pub(crate) fn text(&self) -> Result<&str, Error> {
        if self.is_base64_encoded {
            return Err(Error::invalid("", Text::NoBinary));
        }
        Ok(self.body.as_deref().unwrap_or_default())
    }
}

/// The answer to API Gateway. A body is sent to the client as a frame.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Answer {
    /// All is well; the frame, if there is one, goes to the client.
    pub(crate) fn frame(body: Option<String>) -> Self {
        Self { status_code: 200, body }
    }

    /// A connection that is not let in.
    pub(crate) fn refused(code: Code) -> Self {
        Self { status_code: code.status(), body: None }
    }
}

/// What a function answers that cannot do its work at all.
pub(crate) trait Failed {
    /// The answer.
    fn failed() -> Self;
}

impl Failed for Answer {
    /// API Gateway is told that all is well: what it would tell the client otherwise is no packet.
    fn failed() -> Self {
        Self::frame(None)
    }
}

impl Failed for BatchAnswer {
    /// All of the batch comes again. So AWS reads an item without a name.
    fn failed() -> Self {
        let mut answer = Self::default();
        answer.fail(String::new());
        answer
    }
}

impl Failed for () {
    /// Nobody waits.
    fn failed() -> Self {}
}

impl Failed for Value {
    /// HTTP's own failure.
    fn failed() -> Self {
        json!({ "statusCode": 500 })
    }
}

/// Messages of a queue.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Messages {
    #[serde(rename = "Records", default)]
    pub(crate) records: Vec<Message>,
}

/// A message of a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

impl Message {
    /// The group whose messages are in order.
    pub(crate) fn group(&self) -> &str {
        self.attributes.get("MessageGroupId").map_or("", String::as_str)
    }

    /// When the message was sent, in milliseconds since 1970.
    pub(crate) fn sent_at(&self) -> Option<u64> {
        self.attributes.get("SentTimestamp")?.parse().ok()
    }
}

/// Changes of the table.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Changes {
    #[serde(rename = "Records", default)]
    pub(crate) records: Vec<Change>,
}

/// A change of the table.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    #[serde(rename = "eventName", default)]
    pub(crate) event_name: String,
    #[serde(default)]
    pub(crate) dynamodb: Images,
}

/// What has changed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Images {
    pub(crate) sequence_number: String,
    pub(crate) new_image: Map<String, Value>,
}

/// Which messages, or changes, have to be delivered again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl BatchAnswer {
    pub(crate) fn fail(&mut self, item_identifier: String) {
        self.batch_item_failures.push(Failure { item_identifier });
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.batch_item_failures.is_empty()
    }
}
