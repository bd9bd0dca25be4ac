use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    user::Caller,
};

use crate::{
    join_channel::{InChannel, Moved},
    members,
};

/// End one's membership of a channel, and of its threads.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct LeaveChannel {
    channel_id: Id,
}

/// Somebody left a channel, or was removed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserLeftChannel(pub(crate) Moved);

impl Signal for UserLeftChannel {
    const NAME: &'static str = "user_left_channel";
}

impl Event for LeaveChannel {
    const NAME: &'static str = "leave_channel";
    type Ack = InChannel;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<InChannel> {
        let room = Room::channel(&self.channel_id);
        members::leave_own(cx, caller, &room).await?;
        let left = UserLeftChannel(Moved::now(caller.user()?, &self.channel_id));
        cx.to_others(caller, &room, &left).await?;
        Ok(InChannel { channel_id: self.channel_id })
    }
}
