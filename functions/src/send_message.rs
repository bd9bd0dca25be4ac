use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
    limits::{self, ADDRESS_CHARS, ATTACHMENTS, LINKS, Limits, MENTIONS},
    log::{Patience, Refused, Slot},
    store::clients::kept_ack,
    user::Caller,
};

use crate::{
    content::{Content, Lists},
    draft::Draft,
    mentions,
};

/// Where a client message id stands among an entry's further writes: after the two that count a reply.
const CLIENT_ID_ALONE: usize = 0;
const CLIENT_ID_IN_THREAD: usize = 2;

/// Say something to a channel the caller belongs to, or to one of its threads.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct SendMessage {
    channel_id: Id,
    #[garde(custom(|text: &String, limits: &Limits| limits::text(text, limits)))]
    #[schemars(schema_with = "limits::text_schema")]
    text: String,
    /// The thread that it replies to; replying joins it.
    thread_id: Option<Id>,
    /// The message that it quotes.
    parent_message_id: Option<Id>,
    #[garde(length(max = ATTACHMENTS), inner(inner(length(chars, max = ADDRESS_CHARS))))]
    #[schemars(inner(length(max = ADDRESS_CHARS)))]
    attachments: Option<Vec<String>>,
    /// User ids or usernames. Who is no member of the channel is passed over.
    #[garde(length(max = MENTIONS))]
    mentions: Option<Vec<Id>>,
    #[garde(length(max = LINKS), inner(inner(length(chars, max = ADDRESS_CHARS))))]
    #[schemars(inner(length(max = ADDRESS_CHARS)))]
    links: Option<Vec<String>>,
    /// The client's own id: the same again within 24 hours gets the same ack, and nothing is stored twice.
    #[garde(length(chars, min = 1, max = 128))]
    client_message_id: Option<String>,
}

/// The ack: the message is durable.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sent {
    message_id: String,
    seq: u64,
    created_at: Timestamp,
}

impl Sent {
    pub(crate) fn at(slot: &Slot) -> Self {
        Self { message_id: slot.message_id(), seq: slot.seq, created_at: slot.at }
    }
}

impl Event for SendMessage {
    const NAME: &'static str = "send_message";
    type Ack = Sent;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Sent> {
        let room = Room::channel(&self.channel_id);
        cx.require_member(caller, &room).await?;
        if let Some(parent) = &self.parent_message_id {
            cx.store.message(&self.channel_id, parent.as_str()).await?;
        }
        let author = Arc::clone(caller.user()?);
        let (attachments, mentions, links) = (self.attachments, self.mentions, self.links);
        let content = Content::new(self.text, Lists { attachments, mentions, links });
        let mentioned = mentions::resolve(cx, &room, &author, &content.mentions).await?;
        let draft = Draft {
            store: cx.store.clone(),
            author,
            channel_id: self.channel_id,
            content,
            thread: None,
            parent_message_id: self.parent_message_id,
            client_message_id: self.client_message_id,
            mentioned,
        };
        match self.thread_id {
            Some(thread_id) => reply(cx, draft, room, thread_id).await,
            None if draft.client_message_id.is_none() => {
                let channel_id = draft.channel_id.clone();
                let slot = cx.log.append(&channel_id, move |slot| draft.record(slot)).await?;
                Ok(Sent::at(&slot))
            }
            None => append_once(cx, Arc::new(draft), CLIENT_ID_ALONE).await?.ok_or_else(busy),
        }
    }
}

/// A reply counts the thread up; another reply in between makes it count again.
async fn reply(cx: &Context, mut draft: Draft, channel: Room, thread_id: Id) -> Result<Sent> {
    let room = Room::thread(&thread_id);
    let _turn = cx.log.turn(&draft.channel_id).await;
    let mut patience = Patience::default();
    let mut joined = false;
    loop {
        let thread = cx.store.thread(&draft.channel_id, thread_id.as_str()).await?;
        let thread = thread.ok_or_else(|| Error::no_room(RoomKind::Thread))?;
        if !std::mem::replace(&mut joined, true) {
            let since = cx.push.evictions();
            cx.store.join(&draft.author, &room, Some(&channel)).await?;
            cx.admit(&draft.author.id, &room, since).await?;
        }
        draft.thread = Some((thread_id.clone(), thread));
        let shared = Arc::new(draft);
        if let Some(sent) = append_once(cx, Arc::clone(&shared), CLIENT_ID_IN_THREAD).await? {
            return Ok(sent);
        }
        draft = Arc::into_inner(shared).ok_or_else(busy)?;
        patience.wait().await?;
    }
}

/// Appends, unless the client's id was used: then its ack. `None` when another reply came in between.
async fn append_once(cx: &Context, draft: Arc<Draft>, client_id: usize) -> Result<Option<Sent>> {
    let channel_id = draft.channel_id.clone();
    match cx.log.append_with(&channel_id, move |slot| draft.record(slot)).await {
        Ok(slot) => Ok(Some(Sent::at(&slot))),
        Err(Refused::Also(index, item)) if index == client_id => {
            let ack = kept_ack(item).ok_or_else(busy)?;
            Ok(Some(serde_json::from_str(&ack)?))
        }
        Err(Refused::Also(..)) => Ok(None),
        Err(Refused::Failed(error)) => Err(error),
    }
}

fn busy() -> Error {
    Error::rate_limited(500)
}
