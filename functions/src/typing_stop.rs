use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    api::{Done, Event},
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    user::Caller,
};

use crate::typing_start;

/// Say that one is typing no longer.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct TypingStop {
    channel_id: Id,
}

impl Event for TypingStop {
    const NAME: &'static str = "typing_stop";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        cx.require_member(caller, &Room::channel(&self.channel_id)).await?;
        typing_start::end(cx, caller, &self.channel_id).await?;
        Ok(Done {})
    }
}
