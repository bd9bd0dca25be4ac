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
    user::Caller,
};

/// Say how far one has read a channel. The mark never moves backwards, and never beyond the head.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct MarkRead {
    channel_id: Id,
    seq: u64,
}

/// How many messages are left.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Unread {
    /// Others' messages beyond the mark, without those deleted.
    unread: u64,
}

/// Somebody has read a channel this far.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageRead {
    user_id: Id,
    channel_id: Id,
    seq: u64,
    timestamp: Timestamp,
}

impl Signal for MessageRead {
    const NAME: &'static str = "message_read";
}

impl Event for MarkRead {
    const NAME: &'static str = "mark_read";
    type Ack = Unread;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Unread> {
        let room = Room::channel(&self.channel_id);
        cx.require_member(caller, &room).await?;
        let user_id = caller.user()?.id.clone();
        let head = cx.store.head(&self.channel_id).await?.map_or(0, |head| head.seq);
        let mut seq = self.seq.min(head);
        if seq > 0 && cx.store.mark_read(&user_id, &self.channel_id, seq).await? {
            let read = MessageRead {
                user_id: user_id.clone(),
                channel_id: self.channel_id.clone(),
                seq,
                timestamp: Timestamp::now(),
            };
            cx.to_others(caller, &room, &read).await?;
        } else {
            seq = cx.store.read_mark(&user_id, &self.channel_id).await?;
        }
        let unread = cx.store.count_unread(&self.channel_id, &user_id, seq + 1, head).await?;
        Ok(Unread { unread })
    }
}
