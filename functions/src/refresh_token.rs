use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::Event,
    clock::Timestamp,
    context::Context,
    error::{Error, Result},
    limits::Limits,
    text::Text,
    user::Caller,
};

/// Show a newer token of the same user, so that the connection may go on.
#[derive(Deserialize, Validate, JsonSchema)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct RefreshToken {
    /// A JWT of the same user.
    token: String,
}

/// When the token ends.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refreshed {
    expires_at: Timestamp,
}

impl Event for RefreshToken {
    const NAME: &'static str = "refresh_token";
    type Ack = Refreshed;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Refreshed> {
        let current = caller.user()?;
        if !current.verified {
            return Err(Error::forbidden(Text::TokenNotUsed));
        }
        let (user, expires_at) = cx.auth.verify(&self.token).await?;
        if user.id != current.id {
            return Err(Error::forbidden(Text::TokenOfAnother));
        }
        cx.push.identify(&caller.connection, user, Some(expires_at)).await?;
        Ok(Refreshed { expires_at })
    }
}
