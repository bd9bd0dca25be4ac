//! A connection ends: typing stops, presence follows after a grace.

use shared::{context::Context, error::Result, later::Job, store::users::Status, user::Caller};

use crate::{presence, typing_start};

/// Undoes what a connection stood for. Its rooms are gone with it.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn leave(cx: &Context, caller: &Caller) -> Result<()> {
    let Some(user) = &caller.user else {
        return Ok(());
    };
    typing_start::end_all(cx, caller).await?;
    let left = cx.store.depart(&user.id, vec![presence::connection(cx, caller)]).await?;
    if left.status == Status::Offline {
        let job = Job::PresenceGrace { user: user.id.clone() };
        return cx.later.after(cx.config.presence.grace, job).await;
    }
    presence::settle(cx, &left).await
}
