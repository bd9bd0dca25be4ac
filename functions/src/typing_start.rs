use std::{collections::BTreeMap, time::Duration};

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    later::Job,
    limits::Limits,
    push::Audience,
    signal::{Frame, Signal},
    user::{Caller, ConnectionId, User},
};

/// What is kept with a connection: in which channels its user types.
const KEPT: &str = "typing";

/// Say that one is typing. It ends by itself unless said again.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct TypingStart {
    channel_id: Id,
}

/// Somebody types in a channel, or does so no longer. A slow reader may miss it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserTyping<'a> {
    user_id: &'a Id,
    username: &'a str,
    channel_id: &'a Id,
    is_typing: bool,
}

impl Signal for UserTyping<'_> {
    const NAME: &'static str = "user_typing";
    const VOLATILE: bool = true;
}

/// One channel in which a connection's user types.
#[derive(Serialize, Deserialize)]
struct Typing {
    channel: Id,
    user: Id,
    username: String,
    due: i64,
}

type Kept = BTreeMap<String, Typing>;

impl Event for TypingStart {
    const NAME: &'static str = "typing_start";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        cx.require_member(caller, &Room::channel(&self.channel_id)).await?;
        let user = caller.user()?;
        let lasts = cx.config.presence.typing;
        let due = Timestamp::now().millis() + i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let mut kept = recall(cx, &caller.connection).await?;
        let typing = Typing {
            channel: self.channel_id.clone(),
            user: user.id.clone(),
            username: user.username.clone(),
            due,
        };
        kept.insert(self.channel_id.to_string(), typing);
        remember(cx, &caller.connection, &kept).await?;
        let connection = caller.connection.as_str().to_owned();
        let job = Job::TypingEnd { connection, channel: self.channel_id.clone(), due };
        cx.later.after(lasts + Duration::from_millis(1), job).await?;
        tell(cx, &caller.connection, user, &self.channel_id, true).await?;
        Ok(Done {})
    }
}

/// Ends typing in a channel, whether or not it had begun.
///
/// # Errors
/// `INTERNAL` when connections cannot be reached.
pub(crate) async fn end(cx: &Context, caller: &Caller, channel: &Id) -> Result<()> {
    let mut kept = recall(cx, &caller.connection).await?;
    kept.remove(channel.as_str());
    remember(cx, &caller.connection, &kept).await?;
    tell(cx, &caller.connection, caller.user()?, channel, false).await
}

/// Ends typing that was not renewed.
///
/// # Errors
/// `INTERNAL` when connections cannot be reached.
pub(crate) async fn expire(cx: &Context, on: &ConnectionId, channel: &Id, due: i64) -> Result<()> {
    let mut kept = recall(cx, on).await?;
    if kept.get(channel.as_str()).is_none_or(|typing| typing.due != due) {
        return Ok(());
    }
    let Some(typing) = kept.remove(channel.as_str()) else {
        return Ok(());
    };
    remember(cx, on, &kept).await?;
    stopped(cx, on, &typing).await
}

/// Ends all typing of a connection that has ended.
///
/// # Errors
/// `INTERNAL` when connections cannot be reached.
pub(crate) async fn end_all(cx: &Context, caller: &Caller) -> Result<()> {
    for typing in recall(cx, &caller.connection).await?.into_values() {
        stopped(cx, &caller.connection, &typing).await?;
    }
    Ok(())
}

async fn stopped(cx: &Context, on: &ConnectionId, typing: &Typing) -> Result<()> {
    let user = shared::auth::claimed(typing.user.clone(), typing.username.clone());
    tell(cx, on, &user, &typing.channel, false).await
}

async fn tell(
    cx: &Context,
    on: &ConnectionId,
    user: &User,
    channel_id: &Id,
    is_typing: bool,
) -> Result<()> {
    let (user_id, username) = (&user.id, user.username.as_str());
    let frame = Frame::of(&UserTyping { user_id, username, channel_id, is_typing })?;
    let room = Room::channel(channel_id);
    cx.push.broadcast(&Audience::others(&room, on), &frame).await.map(drop)
}

async fn recall(cx: &Context, on: &ConnectionId) -> Result<Kept> {
    let kept = cx.push.recall(on, KEPT).await?;
    Ok(if kept.is_null() { Kept::new() } else { serde_json::from_value(kept)? })
}

async fn remember(cx: &Context, on: &ConnectionId, kept: &Kept) -> Result<()> {
    cx.push.remember(on, KEPT, serde_json::to_value(kept)?).await
}
