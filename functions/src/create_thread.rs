use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::{Limits, TITLE_CHARS},
    log::{Record, Refused, Slot},
    signal::{Frame, Signal},
    store::threads::Thread,
    user::{Caller, UserRef},
};

/// Hang a thread on a message. On a message that has one: that thread, and nobody is told.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct CreateThread {
    channel_id: Id,
    message_id: Id,
    #[garde(length(chars, max = TITLE_CHARS))]
    title: Option<String>,
}

/// The ack that names the thread.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfThread {
    pub(crate) thread_id: Id,
}

/// A thread hangs on a message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadCreated<'a> {
    thread_id: &'a Id,
    channel_id: &'a Id,
    parent_message_id: &'a Id,
    title: Option<&'a str>,
    created_by: UserRef,
    created_at: Timestamp,
    seq: u64,
}

impl Signal for ThreadCreated<'_> {
    const NAME: &'static str = "thread_created";
}

impl Event for CreateThread {
    const NAME: &'static str = "create_thread";
    type Ack = OfThread;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<OfThread> {
        let channel = Room::channel(&self.channel_id);
        cx.require_member(caller, &channel).await?;
        let user = Arc::clone(caller.user()?);
        let message = cx.store.message(&self.channel_id, self.message_id.as_str()).await?;
        let thread = Thread {
            id: self.message_id.to_string(),
            message_seq: message.seq,
            title: self.title.clone(),
            created_by: user.id.clone(),
            replies: 0,
        };
        let since = cx.push.evictions();
        let room = Room::thread(&self.message_id);
        cx.store.join(&user, &room, Some(&channel)).await?;
        cx.admit(&user.id, &room, since).await?;
        let (store, channel_id) = (cx.store.clone(), self.channel_id.clone());
        let thread_id = self.message_id.clone();
        let encode = move |slot: &Slot| {
            let mut record = Record::new(Frame::of(&ThreadCreated {
                thread_id: &self.message_id,
                channel_id: &self.channel_id,
                parent_message_id: &self.message_id,
                title: self.title.as_deref(),
                created_by: user.reference(),
                created_at: slot.at,
                seq: slot.seq,
            })?);
            record.also.push(store.put_thread(&self.channel_id, &thread)?);
            Ok(record)
        };
        match cx.log.append_with(&channel_id, encode).await {
            Ok(_) | Err(Refused::Also(..)) => Ok(OfThread { thread_id }),
            Err(Refused::Failed(error)) => Err(error),
        }
    }
}
