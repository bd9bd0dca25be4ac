use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    ids::{Id, Room},
    limits::Limits,
    log::{Record, Slot},
    signal::{Frame, Signal},
    store::{Store, entries::Entry, memberships::Role},
    text::Text,
    user::{Caller, User, UserRef},
};

use crate::{
    content::Content,
    edit_message::OfMessage,
    stored::{self, Now},
};

/// Erase a message: its text, and that of its edits. Its author may, the room's owners and moderators, and administrators.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct DeleteMessage {
    channel_id: Id,
    message_id: Id,
}

/// A message is gone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageDeleted<'a> {
    message_id: &'a Id,
    channel_id: &'a Id,
    deleted_at: Timestamp,
    deleted_by: UserRef,
    seq: u64,
}

impl Signal for MessageDeleted<'_> {
    const NAME: &'static str = "message_deleted";
}

struct Deletion {
    store: Store,
    by: Arc<User>,
    channel_id: Id,
    message_id: Id,
    message: Entry,
    edits: Vec<Entry>,
}

impl Event for DeleteMessage {
    const NAME: &'static str = "delete_message";
    type Ack = OfMessage;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<OfMessage> {
        let room = Room::channel(&self.channel_id);
        cx.require_member(caller, &room).await?;
        cx.log.change(&self.channel_id, || self.prepare(cx, caller, &room)).await?;
        Ok(OfMessage { message_id: self.message_id })
    }
}

impl DeleteMessage {
    async fn prepare(
        &self,
        cx: &Context,
        caller: &Caller,
        room: &Room,
    ) -> Result<impl Fn(&Slot) -> Result<Record> + use<>> {
        let by = Arc::clone(caller.user()?);
        let message = cx.store.message(&self.channel_id, self.message_id.as_str()).await?;
        if message.author.as_deref() != Some(by.id.as_str()) {
            may_moderate(cx, &by, room).await?;
        }
        let deletion = Deletion {
            store: cx.store.clone(),
            by,
            channel_id: self.channel_id.clone(),
            message_id: self.message_id.clone(),
            edits: cx.store.entries_at(&self.channel_id, &message.edits).await?,
            message,
        };
        Ok(move |slot: &Slot| deletion.record(slot))
    }
}

async fn may_moderate(cx: &Context, user: &User, room: &Room) -> Result<()> {
    if user.has_role(&["admin", "moderator"]) {
        return Ok(());
    }
    match cx.membership(user, room).await?.role {
        Role::Owner | Role::Moderator => Ok(()),
        Role::Member => Err(Error::forbidden(Text::AuthorDeletes)),
    }
}

impl Deletion {
    fn record(&self, slot: &Slot) -> Result<Record> {
        let mut record = Record::new(Frame::of(&MessageDeleted {
            message_id: &self.message_id,
            channel_id: &self.channel_id,
            deleted_at: slot.at,
            deleted_by: self.by.reference(),
            seq: slot.seq,
        })?);
        let now = serde_json::to_string(&Now {
            content: Content::default(),
            updated_at: slot.at,
            edited_at: None,
            deleted_at: Some(slot.at),
        })?;
        let (channel, message) = (&self.channel_id, &self.message);
        let data = stored::erased(&message.data)?;
        let at = slot.at.millis();
        record.also.push(self.store.erase_message(channel, message, &data, &now, at)?);
        for edit in &self.edits {
            let data = stored::erased(&edit.data)?;
            record.also.push(self.store.erase_edit(channel, edit.seq, &data)?);
        }
        Ok(record)
    }
}
