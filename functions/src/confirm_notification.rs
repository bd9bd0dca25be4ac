use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    api::{Done, Event},
    context::Context,
    error::{Error, Result},
    ids::Id,
    limits::Limits,
    text::Text,
    user::Caller,
};
use utoipa::ToSchema;

/// Say that one has seen a notification. Only then is it not sent again.
#[derive(Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct ConfirmNotification {
    #[schema(value_type = String)]
    pub(crate) notification_id: Id,
    /// If given, the caller.
    #[schema(value_type = Option<String>)]
    pub(crate) user_id: Option<Id>,
}

impl Event for ConfirmNotification {
    const NAME: &'static str = "confirmNotification";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        if let Some(user) = &self.user_id {
            caller.must_be(user)?;
        }
        let user = &caller.user()?.id;
        if cx.store.confirm_notification(user, self.notification_id.as_str()).await? {
            Ok(Done {})
        } else {
            Err(Error::not_found(Text::NotificationNotFound))
        }
    }
}
