use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Code, Error, Result},
    ids::{Id, Room},
    limits::{self, ADDRESS_CHARS, ATTACHMENTS, EDITS, LINKS, Limits, MENTIONS},
    log::{Follow, Record, Slot},
    signal::{Frame, Signal},
    store::{Store, entries::Entry},
    text::Text,
    user::{Caller, User, UserRef},
};

use crate::{
    content::{Content, Lists},
    mentions,
    stored::{self, Now},
};

/// Change the text of one's own message. A list left out stays as it was.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct EditMessage {
    channel_id: Id,
    message_id: Id,
    #[garde(custom(|text: &String, limits: &Limits| limits::text(text, limits)))]
    #[schemars(schema_with = "limits::text_schema")]
    text: String,
    #[garde(length(max = ATTACHMENTS), inner(inner(length(chars, max = ADDRESS_CHARS))))]
    #[schemars(inner(length(max = ADDRESS_CHARS)))]
    attachments: Option<Vec<String>>,
    /// User ids or usernames. Who is newly mentioned is told.
    #[garde(length(max = MENTIONS))]
    mentions: Option<Vec<Id>>,
    #[garde(length(max = LINKS), inner(inner(length(chars, max = ADDRESS_CHARS))))]
    #[schemars(inner(length(max = ADDRESS_CHARS)))]
    links: Option<Vec<String>>,
}

/// The ack that names the message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfMessage {
    pub(crate) message_id: Id,
}

/// A message has another text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageEdited<'a> {
    message_id: &'a Id,
    channel_id: &'a Id,
    #[serde(flatten)]
    content: &'a Content,
    edited_at: Timestamp,
    edited_by: UserRef,
    seq: u64,
}

impl Signal for MessageEdited<'_> {
    const NAME: &'static str = "message_edited";
}

struct Edit {
    store: Store,
    editor: Arc<User>,
    channel_id: Id,
    message_id: Id,
    before: Entry,
    content: Content,
    mentioned: Vec<Room>,
}

impl Event for EditMessage {
    const NAME: &'static str = "edit_message";
    type Ack = OfMessage;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<OfMessage> {
        let room = Room::channel(&self.channel_id);
        cx.require_member(caller, &room).await?;
        cx.log.change(&self.channel_id, || self.prepare(cx, caller, &room)).await?;
        Ok(OfMessage { message_id: self.message_id })
    }
}

impl EditMessage {
    async fn prepare(
        &self,
        cx: &Context,
        caller: &Caller,
        room: &Room,
    ) -> Result<impl Fn(&Slot) -> Result<Record> + use<>> {
        let editor = Arc::clone(caller.user()?);
        let before = cx.store.message(&self.channel_id, self.message_id.as_str()).await?;
        if before.author.as_deref() != Some(editor.id.as_str()) {
            return Err(Error::forbidden(Text::AuthorEdits));
        }
        if before.edits.len() >= EDITS {
            return Err(Error::new(Code::Conflict, Text::TooManyEdits { max: EDITS }));
        }
        let old = stored::content(&before)?;
        let mentioned_before = old.mentions.clone();
        let content = old.edited(
            self.text.clone(),
            Lists {
                attachments: self.attachments.clone(),
                mentions: self.mentions.clone(),
                links: self.links.clone(),
            },
        );
        let told = mentions::resolve(cx, room, &editor, &mentioned_before).await?;
        let mut mentioned = mentions::resolve(cx, room, &editor, &content.mentions).await?;
        mentioned.retain(|user| !told.contains(user));
        let edit = Edit {
            store: cx.store.clone(),
            mentioned,
            editor,
            channel_id: self.channel_id.clone(),
            message_id: self.message_id.clone(),
            before,
            content,
        };
        Ok(move |slot: &Slot| edit.record(slot))
    }
}

impl Edit {
    fn record(&self, slot: &Slot) -> Result<Record> {
        let mut record = Record::new(Frame::of(&MessageEdited {
            message_id: &self.message_id,
            channel_id: &self.channel_id,
            content: &self.content,
            edited_at: slot.at,
            edited_by: self.editor.reference(),
            seq: slot.seq,
        })?);
        let now = serde_json::to_string(&Now {
            content: self.content.clone(),
            updated_at: slot.at,
            edited_at: Some(slot.at),
            deleted_at: None,
        })?;
        let change =
            self.store.change_message(&self.channel_id, &self.before, &now, Some(slot.seq))?;
        record.also.push(change);
        if !self.mentioned.is_empty() {
            let (id, text) = (self.message_id.to_string(), &self.content.text);
            let told = mentions::told(id, text, &self.editor, &self.channel_id, slot.at)?;
            record.follow.push(Follow::new(&self.mentioned, told));
        }
        Ok(record)
    }
}
