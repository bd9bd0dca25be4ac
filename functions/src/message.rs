use garde::Validate;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Code, Details, Error, Result},
    ids::{Id, Room},
    limits::{self, Limits},
    push::Audience,
    signal::{Frame, Signal},
    store::messages::Conversation,
    text::Text,
    user::Caller,
};
use uuid::Uuid;

use crate::forms;

/// What is kept with an initialised connection: whom messages are for unless they say otherwise.
pub(crate) const RECEIVER: &str = "receiver";

/// Send a direct message. The connection must have passed `initialize`.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SendDirectMessage", transform = names)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct Message {
    /// Whom it is for; without it, whom `initialize` named.
    receiver_id: Option<Id>,
    #[serde(alias = "messageContent")]
    #[garde(custom(|text: &String, limits: &Limits| limits::text(text, limits)))]
    #[schemars(schema_with = "limits::text_schema")]
    content: String,
    /// Any JSON.
    #[serde(default)]
    multimedia: Option<Value>,
}

/// The text has two names, of which one is given.
fn names(schema: &mut Schema) {
    let object = schema.ensure_object();
    let content = object["properties"]["content"].clone();
    object["properties"]["messageContent"] = content;
    object["required"] = json!(["content", "messageContent"]);
    forms::split(schema, &[&["content"], &["messageContent"]]);
}

/// The ack that names the message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stored {
    pub(crate) message_id: String,
}

/// A direct message as both users get it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectMessage {
    id: String,
    sender_id: Id,
    receiver_id: Id,
    content: String,
    multimedia: Option<Value>,
    timestamp: Timestamp,
}

impl Signal for DirectMessage {
    const NAME: &'static str = "message";
}

impl Event for Message {
    const NAME: &'static str = "message";
    const OPEN: bool = true;
    type Ack = Stored;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Stored> {
        let recall = async || {
            let kept = cx.push.recall(&caller.connection, RECEIVER).await?;
            Ok(Some(kept).filter(|kept| !kept.is_null()))
        };
        let Some(kept) = cx.awaited(recall).await? else {
            return Err(Error::new(Code::Unauthorized, Text::NotInitialized)
                .with_details(Details::Advice(Text::InitializeFirst)));
        };
        let receiver = match self.receiver_id {
            Some(receiver) => receiver,
            None => serde_json::from_value(kept)?,
        };
        send(cx, caller, receiver, self.content, self.multimedia).await
    }
}

/// Stores a direct message, then sends it to every connection of the two users.
///
/// # Errors
/// `INVALID_REQUEST` for a message to oneself.
pub(crate) async fn send(
    cx: &Context,
    caller: &Caller,
    receiver_id: Id,
    content: String,
    multimedia: Option<Value>,
) -> Result<Stored> {
    let sender_id = caller.user()?.id.clone();
    if sender_id == receiver_id {
        return Err(to_oneself());
    }
    let message_id = Uuid::now_v7().to_string();
    let timestamp = Timestamp::now();
    let rooms = [Room::user(&sender_id), Room::user(&receiver_id)];
    let between = (sender_id.clone(), receiver_id.clone());
    let id = message_id.clone();
    let message = DirectMessage { id, sender_id, receiver_id, content, multimedia, timestamp };
    let frame = Frame::of(&message)?;
    let conversation = Conversation::Direct(&between.0, &between.1);
    cx.store.keep_message(conversation, &message_id, frame.data.get()).await?;
    let audience = Audience { rooms: Some(&rooms), ..Audience::default() };
    cx.push.broadcast(&audience, &frame).await?;
    Ok(Stored { message_id })
}

/// The error for a message to oneself.
pub(crate) fn to_oneself() -> Error {
    Error::new(Code::InvalidRequest, Text::ToOneself)
}
