use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    api::{Done, Event},
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    user::Caller,
};

/// Tell a group of anything. Not stored.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct GroupActivity {
    group_id: Id,
    #[garde(length(chars, min = 1, max = 128))]
    r#type: String,
    /// Any JSON.
    #[serde(default)]
    data: Option<Value>,
}

/// What somebody told the group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Activity {
    user_id: Id,
    username: String,
    group_id: Id,
    r#type: String,
    data: Value,
    timestamp: Timestamp,
}

impl Signal for Activity {
    const NAME: &'static str = "group-activity";
}

impl Event for GroupActivity {
    const NAME: &'static str = "group-activity";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let room = Room::group(&self.group_id);
        cx.require_member(caller, &room).await?;
        let user = caller.user()?;
        let activity = Activity {
            user_id: user.id.clone(),
            username: user.username.clone(),
            group_id: self.group_id,
            r#type: self.r#type,
            data: self.data.unwrap_or_default(),
            timestamp: Timestamp::now(),
        };
        cx.to_room(&room, &activity).await?;
        Ok(Done {})
    }
}
