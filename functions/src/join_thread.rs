use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    api::Event,
    context::Context,
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
    limits::Limits,
    user::Caller,
};

use crate::create_thread::OfThread;

/// Follow a thread of a channel that one is a member of.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct JoinThread {
    channel_id: Id,
    thread_id: Id,
}

impl Event for JoinThread {
    const NAME: &'static str = "join_thread";
    type Ack = OfThread;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<OfThread> {
        let channel = Room::channel(&self.channel_id);
        cx.require_member(caller, &channel).await?;
        if cx.store.thread(&self.channel_id, self.thread_id.as_str()).await?.is_none() {
            return Err(Error::no_room(RoomKind::Thread));
        }
        let (user, room) = (caller.user()?, Room::thread(&self.thread_id));
        let since = cx.push.evictions();
        cx.store.join(user, &room, Some(&channel)).await?;
        cx.admit(&user.id, &room, since).await?;
        Ok(OfThread { thread_id: self.thread_id })
    }
}
