use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    user::{Caller, User},
};

use crate::members;

/// Become a member of a channel.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct JoinChannel {
    channel_id: Id,
}

/// The ack that names the channel.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InChannel {
    pub(crate) channel_id: Id,
}

/// Who joined or left a channel.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChannelMember")]
pub(crate) struct Moved {
    user_id: Id,
    username: String,
    channel_id: Id,
    timestamp: Timestamp,
}

impl Moved {
    pub(crate) fn now(user: &User, channel_id: &Id) -> Self {
        Self {
            user_id: user.id.clone(),
            username: user.username.clone(),
            channel_id: channel_id.clone(),
            timestamp: Timestamp::now(),
        }
    }
}

/// Somebody joined a channel, or was added.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserJoinedChannel(pub(crate) Moved);

impl Signal for UserJoinedChannel {
    const NAME: &'static str = "user_joined_channel";
}

impl Event for JoinChannel {
    const NAME: &'static str = "join_channel";
    type Ack = InChannel;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<InChannel> {
        let room = Room::channel(&self.channel_id);
        if members::join(cx, caller, &room, &self.channel_id).await? {
            let joined = UserJoinedChannel(Moved::now(caller.user()?, &self.channel_id));
            cx.to_others(caller, &room, &joined).await?;
        }
        Ok(InChannel { channel_id: self.channel_id })
    }
}
