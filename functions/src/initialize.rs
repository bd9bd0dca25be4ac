use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    api::Event,
    context::Context,
    error::Result,
    ids::Id,
    limits::{self, Limits},
    user::Caller,
};

use crate::{
    connect,
    message::{self, Stored},
};

/// Open a conversation: send a first message, and name whom the following ones are for. Binds an anonymous connection to its sender.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct Initialize {
    /// The caller; binds a connection that has no identity yet.
    sender_id: Id,
    /// Whom it is for, and later messages that name nobody.
    receiver_id: Id,
    #[garde(custom(|text: &String, limits: &Limits| limits::text(text, limits)))]
    #[schemars(schema_with = "limits::text_schema")]
    message_content: String,
    /// Any JSON.
    #[serde(default)]
    multimedia: Option<Value>,
}

impl Event for Initialize {
    const NAME: &'static str = "initialize";
    const OPEN: bool = true;
    type Ack = Stored;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Stored> {
        if self.sender_id == self.receiver_id {
            return Err(message::to_oneself());
        }
        let caller = if caller.user.is_none() {
            let name = self.sender_id.to_string();
            let user = shared::auth::claimed(self.sender_id, name);
            &Box::pin(connect::bind(cx, caller, user)).await?
        } else {
            caller
        };
        let receiver = serde_json::to_value(&self.receiver_id)?;
        cx.push.remember(&caller.connection, message::RECEIVER, receiver).await?;
        message::send(cx, caller, self.receiver_id, self.message_content, self.multimedia).await
    }
}
