use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    text::Text,
    user::Caller,
};

use crate::{
    join_group::{Moved, Told},
    members,
};

/// End one's membership of a series group.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct LeaveGroup {
    group_id: Id,
}

/// The caller is a member no longer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LeftGroup(Told);

impl Signal for LeftGroup {
    const NAME: &'static str = "left-group";
}

/// Somebody left a group, or was removed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserLeftGroup(pub(crate) Moved);

impl Signal for UserLeftGroup {
    const NAME: &'static str = "user-left-group";
}

impl Event for LeaveGroup {
    const NAME: &'static str = "leave-group";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let room = Room::group(&self.group_id);
        members::leave_own(cx, caller, &room).await?;
        let left = UserLeftGroup(Moved::now(caller.user()?, &self.group_id));
        cx.to_others(caller, &room, &left).await?;
        let message = Text::LeftGroup.say(caller.language);
        cx.reply(caller, &LeftGroup(Told { group_id: self.group_id, message })).await?;
        Ok(Done {})
    }
}
