//! Mentions: by user id, or by a username that only one member has.

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    signal::{Frame, Signal},
    user::{Author, User},
};

/// A message mentions this user.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MentionReceived<'a> {
    message_id: String,
    text: &'a str,
    author: Author,
    channel_id: &'a Id,
    timestamp: Timestamp,
}

impl Signal for MentionReceived<'_> {
    const NAME: &'static str = "mention_received";
}

/// The rooms of those mentioned who are members of the channel, the author left out.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub(crate) async fn resolve(
    cx: &Context,
    channel: &Room,
    author: &User,
    mentions: &[Id],
) -> Result<Vec<Room>> {
    if mentions.is_empty() {
        return Ok(Vec::new());
    }
    let by_id = cx.store.members_among(channel, mentions).await?;
    let mut users: Vec<Id> = by_id.into_iter().map(|member| member.user).collect();
    let names: Vec<&Id> = mentions.iter().filter(|mention| !users.contains(mention)).collect();
    for name in names {
        let named = cx.store.members(channel, Some(name.as_str())).await?;
        if let [only] = named.as_slice()
            && only.username == name.as_str()
        {
            users.push(only.user.clone());
        }
    }
    users.retain(|user| *user != author.id);
    users.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    users.dedup();
    Ok(users.iter().map(Room::user).collect())
}

/// What those who are mentioned are told.
///
/// # Errors
/// `INTERNAL` when it cannot be encoded.
pub(crate) fn told(
    message_id: String,
    text: &str,
    author: &User,
    channel_id: &Id,
    timestamp: Timestamp,
) -> Result<Frame> {
    let author = author.author();
    Frame::of(&MentionReceived { message_id, text, author, channel_id, timestamp })
}
