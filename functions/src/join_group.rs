use std::borrow::Cow;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    text::Text,
    user::{Caller, User},
};

use crate::members;

/// Become a member of a series group.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct JoinGroup {
    group_id: Id,
}

/// What the caller is told.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GroupNotice")]
pub(crate) struct Told {
    pub(crate) group_id: Id,
    pub(crate) message: Cow<'static, str>,
}

/// The caller is a member now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JoinedGroup(Told);

impl Signal for JoinedGroup {
    const NAME: &'static str = "joined-group";
}

/// Who joined or left a group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GroupMember")]
pub(crate) struct Moved {
    user_id: Id,
    username: String,
    group_id: Id,
    timestamp: Timestamp,
}

impl Moved {
    pub(crate) fn now(user: &User, group_id: &Id) -> Self {
        Self {
            user_id: user.id.clone(),
            username: user.username.clone(),
            group_id: group_id.clone(),
            timestamp: Timestamp::now(),
        }
    }
}

/// Somebody joined a group, or was added.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserJoinedGroup(pub(crate) Moved);

impl Signal for UserJoinedGroup {
    const NAME: &'static str = "user-joined-group";
}

impl Event for JoinGroup {
    const NAME: &'static str = "join-group";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let room = Room::group(&self.group_id);
        let joined = members::join(cx, caller, &room, &self.group_id).await?;
        if joined {
            let joined = UserJoinedGroup(Moved::now(caller.user()?, &self.group_id));
            cx.to_others(caller, &room, &joined).await?;
        }
        let message = Text::JoinedGroup.say(caller.language);
        cx.reply(caller, &JoinedGroup(Told { group_id: self.group_id, message })).await?;
        Ok(Done {})
    }
}
