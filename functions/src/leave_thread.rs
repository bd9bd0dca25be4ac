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

/// Follow a thread no longer.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct LeaveThread {
    channel_id: Id,
    thread_id: Id,
}

impl Event for LeaveThread {
    const NAME: &'static str = "leave_thread";
    type Ack = OfThread;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<OfThread> {
        cx.require_member(caller, &Room::channel(&self.channel_id)).await?;
        if cx.store.thread(&self.channel_id, self.thread_id.as_str()).await?.is_none() {
            return Err(Error::no_room(RoomKind::Thread));
        }
        let (user, room) = (caller.user()?, Room::thread(&self.thread_id));
        cx.store.leave(&user.id, &room).await?;
        cx.push.evict(&user.id, std::slice::from_ref(&room)).await?;
        Ok(OfThread { thread_id: self.thread_id })
    }
}
