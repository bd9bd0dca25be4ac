use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    fields,
    ids::{Id, Room},
    limits::Limits,
    push::Audience,
    signal::Frame,
    store::messages::Conversation,
    text::Text,
    user::Caller,
};
use uuid::Uuid;

use crate::message::Stored;

/// Say anything to the lobby: a JSON object, kept and sent on as it is.
#[derive(Deserialize, Validate)]
#[serde(transparent)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct EventMessage(Map<String, Value>);

impl Event for EventMessage {
    const NAME: &'static str = "event_message";
    const OPEN: bool = true;
    type Ack = Stored;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Stored> {
        let mut object = self.0;
        if object.get("message").is_some_and(Value::is_object) {
            return Err(Error::invalid("message", Text::LobbyObject));
        }
        for name in ["authorId", "senderId"] {
            match object.get(name) {
                None | Some(Value::Null) => {}
                Some(claimed) => {
                    let id = Id::deserialize(claimed)
                        .map_err(|e| fields::wrong(name, &e.to_string()))?;
                    caller.must_be(&id)?;
                }
            }
        }
        let message_id = Uuid::now_v7().to_string();
        object.insert("id".into(), json!(message_id));
        object.insert("createdAt".into(), json!(Timestamp::now()));
        object.insert("authorId".into(), json!(caller.user.as_ref().map(|user| &user.id)));
        let frame = Frame::new("new_message", serde_json::value::to_raw_value(&object)?);
        cx.store.keep_message(Conversation::Lobby, &message_id, frame.data.get()).await?;
        cx.push.broadcast(&Audience::room(&Room::lobby()), &frame).await?;
        Ok(Stored { message_id })
    }
}
