//! An event that came in on any transport: count it, answer it.

use std::sync::Arc;

use serde_json::value::RawValue;
use shared::{
    api::encode_failure,
    error::{Code, Error},
    limits::{Limiter, Verdict},
    metrics,
    push::Delivery,
    signal::Frame,
    text::Text,
};

use crate::{
    App,
    connection::{Connection, Wire},
};

/// The error for what comes while the host is going down.
pub(crate) fn going_down() -> Error {
    Error::new(Code::Internal, Text::GoingDown)
}

/// Counts an event against the connection's limits. One that floods is cut off.
///
/// # Errors
/// `RATE_LIMITED` for an event that comes too soon.
pub(crate) fn count(connection: &Connection) -> Result<(), Error> {
    let verdict = connection.limiter.as_ref().map_or(Verdict::Pass, Limiter::check);
    if verdict == Verdict::Flood {
        connection.cut();
    }
    verdict.into_result()
}

/// Answers an event: the ack if the client waits for one, else nothing, or an `error` event.
pub(crate) async fn answer(
    app: &App,
    connection: &Arc<Connection>,
    name: &str,
    arguments: &[&RawValue],
    wants_ack: bool,
) -> Option<Box<RawValue>> {
    connection.touch();
    let caller = connection.caller(wants_ack);
    match app.api.call(&app.cx, &caller, name, arguments).await {
        Ok(ack) => wants_ack.then_some(ack),
        Err(error) => tell(connection, Some(name), &error, wants_ack),
    }
}

/// The answer to what is refused before it is an event: the ack if the client waits for one, else an `error` event.
pub(crate) fn refuse(
    connection: &Connection,
    name: Option<&str>,
    error: &Error,
    wants_ack: bool,
) -> Option<Box<RawValue>> {
    metrics::frame_refused(error);
    tell(connection, name, error, wants_ack)
}

fn tell(
    connection: &Connection,
    name: Option<&str>,
    error: &Error,
    wants_ack: bool,
) -> Option<Box<RawValue>> {
    if wants_ack {
        return Some(encode_failure(error, connection.language));
    }
    tell_error(connection, name, error);
    None
}

/// Sends an `error` event.
pub(crate) fn tell_error(connection: &Connection, name: Option<&str>, error: &Error) -> Delivery {
    match Frame::error(name, error, connection.language) {
        Ok(frame) => connection.send(&Wire::new(&frame)),
        Err(error) => {
            error.log("error");
            Delivery::Gone
        }
    }
}
