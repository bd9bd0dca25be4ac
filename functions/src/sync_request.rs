use garde::Validate;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Code, Error, Result},
    ids::{Id, Room},
    limits::{Limits, ROOMS_PER_USER},
    text::Text,
    user::Caller,
};

use crate::{
    forms,
    synced::{Channel, Logged, Synced},
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;
/// Most bytes of events in one answer. API Gateway takes 128 KiB.
const MAX_BYTES: usize = 96 * 1024;
/// What stands around an event's data.
const EVENT_OVERHEAD: usize = 64;

/// Get what happened in channels since the numbers one knows.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = forms)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct SyncRequest {
    #[garde(length(max = ROOMS_PER_USER))]
    #[schemars(with = "Vec<Since>")]
    channels: Option<Vec<Since>>,
    #[schemars(with = "Id")]
    channel_id: Option<Id>,
    /// As in `channels`.
    last_seq: Option<u64>,
    /// Most entries of each channel in one answer: 100 unless said.
    #[garde(range(min = 1, max = MAX_LIMIT))]
    limit: Option<usize>,
}

/// A channel, and how much of it one knows.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Since {
    channel_id: Id,
    /// The last number one has, 0 for none; without it the answer is the head's number and no entry.
    last_seq: Option<u64>,
}

/// Either `channels`, or the short form for one.
fn forms(schema: &mut Schema) {
    forms::split(schema, &[&["channels"], &["channelId", "lastSeq"]]);
}

impl Event for SyncRequest {
    const NAME: &'static str = "sync_request";
    type Ack = Synced;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Synced> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let asked = match (self.channels, self.channel_id) {
            (Some(channels), None) => channels,
            (None, Some(channel_id)) => vec![Since { channel_id, last_seq: self.last_seq }],
            _ => {
                return Err(Error::invalid("channels", Text::ChannelsOrChannel));
            }
        };
        let mut room = MAX_BYTES;
        let mut channels = Vec::with_capacity(asked.len());
        for since in asked {
            channels.push(read(cx, caller, since, limit, &mut room).await?);
        }
        let synced = Synced { channels, timestamp: Timestamp::now() };
        if !caller.wants_ack {
            cx.reply(caller, &synced).await?;
        }
        Ok(synced)
    }
}

/// Reads one channel, as far as there is room left in the answer: `room` in bytes, all of it while nothing is in.
async fn read(
    cx: &Context,
    caller: &Caller,
    since: Since,
    limit: usize,
    room: &mut usize,
) -> Result<Channel> {
    let channel_id = since.channel_id;
    match cx.require_member(caller, &Room::channel(&channel_id)).await {
        Ok(()) => {}
        Err(error) if matches!(error.code(), Code::NotFound | Code::Forbidden) => {
            return Ok(Channel::Refused { channel_id, error_code: error.code() });
        }
        Err(error) => return Err(error),
    }
    let head = async || Ok::<_, Error>(cx.store.head(&channel_id).await?.map_or(0, |h| h.seq));
    let Some(asked) = since.last_seq else {
        let last_seq = head().await?;
        return Ok(Channel::Events {
            channel_id,
            events: Vec::new(),
            last_seq,
            has_more: false,
            reset: false,
        });
    };
    let entries = cx.store.entries(&channel_id, asked.saturating_add(1), u64::MAX >> 12, limit + 1);
    let entries = entries.await?;
    let reset = entries.is_empty() && asked > head().await?;
    let mut last_seq = asked;
    let mut has_more = false;
    let mut events = Vec::new();
    for entry in entries {
        let bytes = entry.data.len() + EVENT_OVERHEAD;
        let first = *room == MAX_BYTES;
        if events.len() == limit || (bytes > *room && !first) {
            has_more = true;
            break;
        }
        last_seq = entry.seq;
        if entry.event.is_empty() {
            continue;
        }
        *room = room.saturating_sub(bytes);
        let data = RawValue::from_string(entry.data)?;
        events.push(Logged { seq: entry.seq, event: entry.event, data });
    }
    Ok(Channel::Events { channel_id, events, last_seq, has_more, reset })
}
