use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    fields,
    ids::{Id, Room},
    limits::Limits,
    push::Audience,
    signal::{Frame, Signal},
    store::messages::Conversation,
    text::Text,
    user::Caller,
};
use uuid::Uuid;

use crate::message::Stored;

/// Say anything to the lobby: a JSON object, kept and sent on as it is.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(transparent)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct EventMessage(#[schemars(schema_with = "said")] Map<String, Value>);

fn said(generator: &mut SchemaGenerator) -> Schema {
    let caller = generator.subschema_for::<Option<Id>>();
    json_schema!({
        "type": "object",
        "properties": {
            "message": {
                "description": "Anything but an object: that is how a channel's message looks.",
                "type": ["array", "boolean", "null", "number", "string"],
            },
            "authorId": caller,
            "senderId": caller,
        },
        "additionalProperties": true,
    })
}

/// A message of the lobby: the object as it was sent, with what the server knows of it. A channel's has no `createdAt`
/// of its own, so that tells the two forms apart.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LobbyMessage {
    id: String,
    created_at: Timestamp,
    /// Who said it; null for a connection without an identity.
    author_id: Option<Id>,
    #[serde(flatten)]
    said: Map<String, Value>,
}

impl Signal for LobbyMessage {
    const NAME: &'static str = "new_message";
}

impl Event for EventMessage {
    const NAME: &'static str = "event_message";
    const OPEN: bool = true;
    type Ack = Stored;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Stored> {
        let mut said = self.0;
        if said.get("message").is_some_and(Value::is_object) {
            return Err(Error::invalid("message", Text::LobbyObject));
        }
        for name in ["authorId", "senderId"] {
            match said.get(name) {
                None | Some(Value::Null) => {}
                Some(claimed) => {
                    let id = Id::deserialize(claimed)
                        .map_err(|e| fields::wrong(name, &e.to_string()))?;
                    caller.must_be(&id)?;
                }
            }
        }
        let message_id = Uuid::now_v7().to_string();
        said.retain(|name, _| !["id", "createdAt", "authorId"].contains(&name.as_str()));
        let frame = Frame::of(&LobbyMessage {
            id: message_id.clone(),
            created_at: Timestamp::now(),
            author_id: caller.user.as_ref().map(|user| user.id.clone()),
            said,
        })?;
        cx.store.keep_message(Conversation::Lobby, &message_id, frame.data.get()).await?;
        cx.push.broadcast(&Audience::room(&Room::lobby()), &frame).await?;
        Ok(Stored { message_id })
    }
}
