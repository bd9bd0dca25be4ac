//! What was said: pages of a channel's messages.

use serde_json::{Map, Value};
use shared::{
    context::Context,
    error::{Error, Result},
    ids::{Id, RoomKind},
    store::entries::Entry,
};

use crate::stored;

/// Which page of a channel's messages. `before` and `after` are numbers of entries.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) limit: usize,
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
    pub(crate) thread: Option<&'a str>,
}

/// Messages, oldest first, with edits, deletions and reactions applied, and whether there are more.
///
/// # Errors
/// `NOT_FOUND` for a thread that is not of the channel.
pub(crate) async fn page(
    cx: &Context,
    channel: &Id,
    page: &Page<'_>,
) -> Result<(Vec<Map<String, Value>>, bool)> {
    let first = page.after.map_or(0, |after| after.saturating_add(1));
    let last = page.before.map_or(u64::MAX >> 12, |before| before.saturating_sub(1));
    let newest = page.after.is_none();
    let mut entries = read(cx, channel, page, first, last, newest).await?;
    let more = entries.len() > page.limit;
    entries.truncate(page.limit);
    entries.sort_unstable_by_key(|entry| entry.seq);
    let (Some(oldest), Some(latest)) = (entries.first(), entries.last()) else {
        return Ok((Vec::new(), false));
    };
    let reactions = cx.store.reactions(channel, oldest.seq, latest.seq).await?;
    let messages: Result<Vec<_>> =
        entries.iter().map(|entry| stored::shown(entry, reactions.get(&entry.seq))).collect();
    Ok((messages?, more))
}

async fn read(
    cx: &Context,
    channel: &Id,
    page: &Page<'_>,
    first: u64,
    last: u64,
    newest: bool,
) -> Result<Vec<Entry>> {
    let limit = page.limit + 1;
    let Some(thread) = page.thread else {
        return cx.store.messages(channel, first, last, newest, limit).await;
    };
    let thread = cx.store.thread(channel, thread).await?;
    let thread = thread.ok_or_else(|| Error::no_room(RoomKind::Thread))?;
    let seqs = cx.store.replies(channel, &thread, first, last, newest, limit).await?;
    let mut entries = cx.store.entries_at(channel, &seqs).await?;
    if newest {
        entries.reverse();
    }
    Ok(entries)
}
