use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    api::{Done, Event},
    context::Context,
    error::Result,
    limits::Limits,
    user::Caller,
};

use crate::presence;

/// Say that one is away from this connection, or back.
#[derive(Deserialize, Validate, JsonSchema)]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct SetPresence {
    status: Chosen,
}

#[derive(Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Chosen {
    Online,
    Away,
}

impl Event for SetPresence {
    const NAME: &'static str = "set_presence";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let connection = presence::connection(cx, caller);
        let away = self.status == Chosen::Away;
        let now = cx.store.set_away(&caller.user()?.id, &connection, away).await?;
        presence::settle(cx, &now).await?;
        Ok(Done {})
    }
}
