//! A stored message: what was broadcast, and what is true of it now.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    clock::Timestamp,
    error::{Error, Result},
    store::{entries::Entry, reactions::Reactions},
};

use crate::content::Content;

/// What is true of a message once it was edited or deleted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Now {
    pub(crate) content: Content,
    pub(crate) updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edited_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_at: Option<Timestamp>,
}

/// The content as it is now.
///
/// # Errors
/// `INTERNAL` when the entry is no message.
pub(crate) fn content(entry: &Entry) -> Result<Content> {
    if let Some(now) = &entry.now {
        return Ok(serde_json::from_str::<Now>(now)?.content);
    }
    let data: Value = serde_json::from_str(&entry.data)?;
    Ok(Content::deserialize(&data["message"]["content"])?)
}

/// A message as history shows it: as broadcast, with what is true now laid over it, its author and its reactions.
///
/// # Errors
/// `INTERNAL` when the entry is no message.
pub(crate) fn shown(entry: &Entry, reactions: Option<&Reactions>) -> Result<Map<String, Value>> {
    let mut data: Value = serde_json::from_str(&entry.data)?;
    let author = data["author"].take();
    let Value::Object(mut message) = data["message"].take() else {
        return Err(Error::internal("an entry is no message"));
    };
    message.insert("author".into(), author);
    if let Some(now) = &entry.now {
        message.extend(serde_json::from_str::<Map<_, _>>(now)?);
    }
    if let Some(reactions) = reactions.filter(|_| !entry.deleted) {
        message.insert("reactions".into(), json!(reactions));
    }
    Ok(message)
}

/// The data of a message's own entry, or of an edit's, without the text and lists.
///
/// # Errors
/// `INTERNAL` when the data cannot be read.
pub(crate) fn erased(data: &str) -> Result<String> {
    let mut data: Value = serde_json::from_str(data)?;
    let is_message = data.get("message").is_some();
    let content = if is_message { &mut data["message"]["content"] } else { &mut data };
    content["text"] = "".into();
    for list in ["attachments", "mentions", "links"] {
        content[list] = json!([]);
    }
    Ok(data.to_string())
}
