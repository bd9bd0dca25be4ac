//! What a message says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::ids::Id;

/// The lists that come with a text. A list left out of an edit stays as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) attachments: Option<Vec<String>>,
    pub(crate) mentions: Option<Vec<Id>>,
    pub(crate) links: Option<Vec<String>>,
}

/// A text with its lists.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Content {
    pub(crate) text: String,
    pub(crate) attachments: Vec<String>,
    pub(crate) mentions: Vec<Id>,
    pub(crate) links: Vec<String>,
}

impl Content {
    pub(crate) fn new(text: String, lists: Lists) -> Self {
        Self::default().edited(text, lists)
    }

    /// The content with another text, and those lists that are given.
    pub(crate) fn edited(self, text: String, lists: Lists) -> Self {
        Self {
            text,
            attachments: lists.attachments.unwrap_or(self.attachments),
            mentions: lists.mentions.unwrap_or(self.mentions),
            links: lists.links.unwrap_or(self.links),
        }
    }
}
