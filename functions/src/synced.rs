//! What is answered to who asks what happened.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{clock::Timestamp, error::Code, ids::Id, signal::Signal};

use crate::{
    add_reaction::ReactionAdded, create_thread::ThreadCreated, delete_message::MessageDeleted,
    draft::NewMessage, edit_message::MessageEdited, remove_reaction::ReactionRemoved,
};

/// What happened in the channels that were asked for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Synced {
    pub(crate) channels: Vec<Channel>,
    pub(crate) timestamp: Timestamp,
}

impl Signal for Synced {
    const NAME: &'static str = "sync_response";
}

/// A channel's entries, or why there are none for the caller.
#[derive(Serialize, JsonSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[schemars(rename = "SyncedChannel")]
pub(crate) enum Channel {
    Events {
        channel_id: Id,
        events: Vec<Logged>,
        /// The number of the last of `events`, or the one that was asked for: ask for what comes after it.
        last_seq: u64,
        /// There is more than fitted into this answer.
        has_more: bool,
        /// The number asked for lies beyond the channel's head: start again from 0.
        reset: bool,
    },
    Refused {
        channel_id: Id,
        error_code: Code,
    },
}

/// An entry of a channel's log.
#[derive(Serialize)]
pub(crate) struct Logged {
    pub(crate) seq: u64,
    pub(crate) event: String,
    pub(crate) data: Box<RawValue>,
}

impl JsonSchema for Logged {
    fn schema_name() -> Cow<'static, str> {
        "LogEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An entry of a channel's log, exactly as it was broadcast; only the text of a deleted message is gone.",
            "oneOf": [
                entry::<NewMessage>(generator),
                entry::<MessageEdited>(generator),
                entry::<MessageDeleted>(generator),
                entry::<ReactionAdded>(generator),
                entry::<ReactionRemoved>(generator),
                entry::<ThreadCreated>(generator),
            ],
        })
    }
}

fn entry<S: Signal>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "seq": generator.subschema_for::<u64>(),
            "event": { "type": "string", "const": S::NAME },
            "data": generator.subschema_for::<S>(),
        },
        "required": ["seq", "event", "data"],
    })
}
