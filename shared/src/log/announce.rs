//! Telling the connections of an entry.

use serde_json::value::RawValue;

use super::Follow;
use crate::{
    error::Result,
    ids::{Id, Room},
    push::{Audience, Push},
    signal::Frame,
    store::entries::Entry,
};

/// Sends an entry's broadcast to its room, then what follows.
///
/// # Errors
/// `INTERNAL` when the connections cannot be reached.
pub async fn announce(
    push: &dyn Push,
    channel: &Id,
    thread: Option<&str>,
    frame: &Frame,
    follow: Vec<Follow>,
) -> Result<()> {
    let room = match thread {
        Some(thread) => Room::thread(&Id::from_stored(thread, false)),
        None => Room::channel(channel),
    };
    push.broadcast(&Audience::room(&room), frame).await?;
    for follow in follow {
        let rooms: Vec<_> = follow.rooms.iter().filter_map(|name| Room::parse(name)).collect();
        let audience = Audience { rooms: Some(&rooms), ..Audience::default() };
        push.broadcast(&audience, &Frame::new(follow.event, follow.data)).await?;
    }
    Ok(())
}

/// Sends the broadcast of an entry that was read.
///
/// # Errors
/// `INTERNAL` when it cannot be read, or the connections cannot be reached.
pub async fn announce_entry(push: &dyn Push, channel: &Id, entry: &Entry) -> Result<()> {
    if entry.event.is_empty() {
        return Ok(());
    }
    let frame = Frame::new(entry.event.clone(), RawValue::from_string(entry.data.clone())?);
    let follow = entry.follow.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    announce(push, channel, entry.thread.as_deref(), &frame, follow).await
}
