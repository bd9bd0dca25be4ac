//! A connection begins: its rooms, its presence, what the server says first.

use std::{borrow::Cow, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    signal::{Frame, Signal},
    store::{
        notifications::Notification,
        users::{Presence, Status},
    },
    text::Text,
    user::{Caller, User, UserRef},
};

use crate::{disconnect, notify::NewNotification, presence};

const WAITING_NOTIFICATIONS: usize = 100;

/// The connection stands: the first that it is told.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connected<'a> {
    message: Cow<'static, str>,
    /// Null for an anonymous connection that has no identity yet.
    user: Option<UserRef>,
    /// Names the connection in `exceptConnections` of the emit calls.
    connection_id: &'a str,
}

impl Signal for Connected<'_> {
    const NAME: &'static str = "connected";
}

/// The session of the connection. Its id is a secret: give it as `auth.sessionID` to come back as the same user.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionStarted<'a> {
    #[serde(rename = "sessionID")]
    session_id: &'a str,
    #[serde(rename = "userID")]
    user_id: &'a Id,
}

impl Signal for SessionStarted<'_> {
    const NAME: &'static str = "session";
}

/// Makes a user present on a connection: the rooms of all memberships, and `online` for others if that is news.
///
/// # Errors
/// `UNAUTHORIZED` when the id is only claimed and a JWT has proven it before.
pub async fn enter(cx: &Context, caller: &Caller) -> Result<()> {
    let Some(user) = &caller.user else {
        return Ok(());
    };
    let before = cx.store.arrive(user, &presence::connection(cx, caller)).await?;
    let settled = settle_in(cx, caller, user, before).await;
    if settled.is_err() {
        disconnect::leave(cx, caller).await?;
    }
    settled
}

async fn settle_in(
    cx: &Context,
    caller: &Caller,
    user: &User,
    before: Option<Presence>,
) -> Result<()> {
    // Before the memberships are read: who is admitted to a room from now on is found among the user's connections.
    cx.push.join(caller, &[user.room()]).await?;
    let since = cx.push.evictions();
    let memberships = cx.store.memberships(&user.id).await?;
    let rooms: Vec<Room> = memberships.into_iter().map(|membership| membership.room).collect();
    cx.subscribe(caller, &rooms, since).await?;
    if user.verified && before.as_ref().is_some_and(|before| before.claimed && !before.proven) {
        cx.push.close_unverified(&user.id).await?;
    }
    if before.is_none_or(|before| !is_shown_online(cx, &before)) {
        let status = presence::Change::online(user.id.clone());
        presence::announce(cx, status, &rooms).await?;
    }
    Ok(())
}

/// Whether others believe that the user is online: told so, and a last connection that ended is not long ago.
fn is_shown_online(cx: &Context, before: &Presence) -> bool {
    let grace = cx.config.presence.grace.as_secs() + 1;
    let within_grace = |seen: Timestamp| seen.plus_seconds(grace) > Timestamp::now();
    before.shown == Status::Online
        && (!before.connections.is_empty() || before.last_seen.is_some_and(within_grace))
}

/// What a connection is told first: `connected`, and its session if it has one.
///
/// # Errors
/// `INTERNAL` when it cannot be encoded.
pub fn greeting(caller: &Caller, session: Option<&str>) -> Result<Vec<Frame>> {
    let connected = Connected {
        message: Text::Connected.say(caller.language),
        user: caller.user.as_ref().map(|user| user.reference()),
        connection_id: caller.connection.as_str(),
    };
    let mut frames = vec![Frame::of(&connected)?];
    if let (Some(session_id), Some(user)) = (session, &caller.user) {
        frames.push(Frame::of(&SessionStarted { session_id, user_id: &user.id })?);
    }
    Ok(frames)
}

/// Sends the notifications that wait for a user, oldest first, to one connection.
///
/// # Errors
/// `INTERNAL` or `RATE_LIMITED` from the store.
pub async fn deliver_waiting(cx: &Context, caller: &Caller) -> Result<()> {
    let Some(user) = &caller.user else {
        return Ok(());
    };
    for notification in cx.store.waiting_notifications(&user.id, WAITING_NOTIFICATIONS).await? {
        let notification = Notification { user_id: user.id.clone(), ..notification };
        cx.reply(caller, &NewNotification(notification)).await?;
    }
    Ok(())
}

/// Binds an identity to a connection that has none: what `enter` does, and the notifications.
///
/// # Errors
/// As [`enter`].
pub async fn bind(cx: &Context, caller: &Caller, user: User) -> Result<Caller> {
    let user = Arc::new(user);
    let bound = Caller { user: Some(Arc::clone(&user)), ..caller.clone() };
    enter(cx, &bound).await?;
    cx.push.identify(&caller.connection, user, None).await?;
    deliver_waiting(cx, &bound).await?;
    Ok(bound)
}
