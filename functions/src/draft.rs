//! A message on its way into the log: all that its entry is made of, once its place is known.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room},
    log::{Follow, Record, Slot},
    signal::{Frame, Signal},
    store::{Store, threads::Thread},
    user::{Author, User},
};

use crate::{content::Content, mentions, send_message::Sent};

/// A message as it is broadcast.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChannelMessage")]
struct Message<'a> {
    id: String,
    channel_id: &'a Id,
    seq: u64,
    author_id: &'a Id,
    content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_message_id: Option<&'a Id>,
    /// The users by emoji: none yet.
    reactions: BTreeMap<String, Vec<Id>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A new message in a channel, or in one of its threads.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewMessage<'a> {
    message: Message<'a>,
    author: Author,
    seq: u64,
}

impl Signal for NewMessage<'_> {
    const NAME: &'static str = "new_message";
}

/// A thread has a reply. For all of the channel; the reply itself goes to who is in the thread.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadUpdated<'a> {
    thread_id: &'a Id,
    channel_id: &'a Id,
    reply_count: u64,
    last_reply_at: Timestamp,
    seq: u64,
}

impl Signal for ThreadUpdated<'_> {
    const NAME: &'static str = "thread_updated";
}

/// What is known before the entry has its place.
pub(crate) struct Draft {
    pub(crate) store: Store,
    pub(crate) author: Arc<User>,
    pub(crate) channel_id: Id,
    pub(crate) content: Content,
    pub(crate) thread: Option<(Id, Thread)>,
    pub(crate) parent_message_id: Option<Id>,
    pub(crate) client_message_id: Option<String>,
    pub(crate) mentioned: Vec<Room>,
}

impl Draft {
    /// The entry at its place.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be encoded.
    pub(crate) fn record(&self, slot: &Slot) -> Result<Record> {
        let mut record = Record::new(Frame::of(&self.new_message(slot))?);
        record.author = Some(self.author.id.clone());
        if let Some((thread_id, thread)) = &self.thread {
            record.thread = Some(thread.id.clone());
            record.also.extend(self.store.put_reply(
                &self.channel_id,
                thread,
                slot.seq,
                slot.at,
            )?);
            let updated = ThreadUpdated {
                thread_id,
                channel_id: &self.channel_id,
                reply_count: thread.replies + 1,
                last_reply_at: slot.at,
                seq: slot.seq,
            };
            let channel = Room::channel(&self.channel_id);
            record.follow.push(Follow::new(&[channel], Frame::of(&updated)?));
        }
        if !self.mentioned.is_empty() {
            let text = &self.content.text;
            let (id, author) = (slot.message_id(), &self.author);
            let told = mentions::told(id, text, author, &self.channel_id, slot.at)?;
            record.follow.push(Follow::new(&self.mentioned, told));
        }
        if let Some(id) = &self.client_message_id {
            let ack = serde_json::to_string(&Sent::at(slot))?;
            let (channel, author) = (&self.channel_id, &self.author.id);
            record.also.push(self.store.put_client_id(channel, author, id, &ack)?);
        }
        Ok(record)
    }

    fn new_message(&self, slot: &Slot) -> NewMessage<'_> {
        NewMessage {
            message: Message {
                id: slot.message_id(),
                channel_id: &self.channel_id,
                seq: slot.seq,
                author_id: &self.author.id,
                content: &self.content,
                thread_id: self.thread.as_ref().map(|(id, _)| id),
                parent_message_id: self.parent_message_id.as_ref(),
                reactions: BTreeMap::new(),
                created_at: slot.at,
                updated_at: slot.at,
            },
            author: self.author.author(),
            seq: slot.seq,
        }
    }
}
