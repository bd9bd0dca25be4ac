//! `broadcast`: reads the log entries from the table's stream and sends them, each channel's in the order of their
//! numbers. What the stream delivers again is skipped where this container still knows that it was sent.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use shared::{
    error::Result,
    ids::Id,
    log::announce_entry,
    store::entries::{Entry, from_stream},
};

use crate::{
    Cloud,
    invocation::{BatchAnswer, Change, Changes},
};

/// Channels served side by side.
const AT_ONCE: usize = 16;
/// Channels whose last number is remembered.
const REMEMBERED: usize = 10_000;

/// The last number that was sent from here, by channel.
#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<Id, u64>>);

impl Sent {
    fn is_new(&self, channel: &Id, seq: u64) -> bool {
        self.0.lock().get(channel).is_none_or(|sent| *sent < seq)
    }

    fn note(&self, channel: &Id, seq: u64) {
        let mut sent = self.0.lock();
        if sent.len() >= REMEMBERED {
            sent.clear();
        }
        sent.insert(channel.clone(), seq);
    }
}

/// An entry, and its place in the batch.
struct Numbered {
    place: usize,
    entry: Entry,
}

/// Sends what was appended. The first that could not be sent is delivered again, with all that follows.
pub(crate) async fn handle(cloud: &Cloud, changes: Changes) -> BatchAnswer {
    let mut channels: HashMap<Id, Vec<Numbered>> = HashMap::new();
    for (place, change) in changes.records.iter().enumerate() {
        match appended(change) {
            Ok(Some((channel, entry))) => {
                channels.entry(channel).or_default().push(Numbered { place, entry });
            }
            Ok(None) => {}
            // It would be no entry the next time either.
            Err(error) => error.report("broadcast"),
        }
    }
    let sending = channels.into_iter().map(|(channel, entries)| send(cloud, channel, entries));
    let failures: Vec<Option<usize>> =
        stream::iter(sending).buffer_unordered(AT_ONCE).collect().await;
    let mut answer = BatchAnswer::default();
    if let Some(first) = failures.into_iter().flatten().min() {
        answer.fail(changes.records[first].dynamodb.sequence_number.clone());
    }
    answer
}

fn appended(change: &Change) -> Result<Option<(Id, Entry)>> {
    let sort = change.dynamodb.new_image.get("sk").and_then(|sk| sk["S"].as_str());
    let is_entry = change.event_name == "INSERT" && sort.is_some_and(|sk| sk.starts_with("LOG#"));
    if is_entry { from_stream(&change.dynamodb.new_image).map(Some) } else { Ok(None) }
}

/// Sends a channel's entries and says which of them could not be sent, if any; those after it are not tried.
async fn send(cloud: &Cloud, channel: Id, entries: Vec<Numbered>) -> Option<usize> {
    for Numbered { place, entry } in entries {
        if !cloud.sent.is_new(&channel, entry.seq) {
            continue;
        }
        if let Err(error) = announce_entry(cloud.cx.push.as_ref(), &channel, &entry).await {
            error.report("broadcast");
            return Some(place);
        }
        cloud.sent.note(&channel, entry.seq);
    }
    None
}
