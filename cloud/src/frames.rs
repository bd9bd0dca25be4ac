//! A frame that came in, of a plain WebSocket or of a Socket.IO client: find out whose it is, count it, answer it.

mod enter;
mod plain;
mod socketio;

use std::time::Duration;

use serde_json::value::RawValue;
use shared::{
    api::too_large,
    error::{Code, Error, Result},
    language::Language,
    limits::Verdict,
    metrics::frame_refused,
    signal::Frame,
    store::connections::{Connection, Kind},
};

use crate::{
    Cloud,
    address::wire,
    connections::caller,
    invocation::{Answer, Invocation},
    later::Work,
};

/// A Socket.IO client's answer to a ping.
const PONG: &str = "3";
/// An answer comes before the function's own time is over, for then API Gateway would send what is no packet.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);
const RETRY_AFTER_MS: u64 = 1000;

/// Answers a frame; the answer's body is the one frame that goes back at once.
pub(crate) async fn handle(cloud: &Cloud, invocation: Invocation) -> Answer {
    if invocation.text().is_ok_and(|text| text == PONG) {
        return Answer::frame(None);
    }
    let socket = invocation.socket();
    let rows = cloud.cx.store.connections_of(socket).await;
    let plain = match &rows {
        Ok(rows) => match rows.iter().find(|row| row.kind != Kind::Namespace) {
            Some(row) => row.kind == Kind::Plain,
            // Unknown to us, or ended: nobody is there who could be told.
            None => return Answer::frame(None),
        },
        Err(error) => {
            error.log("frame");
            invocation.text().is_ok_and(|text| text.starts_with('{'))
        }
    };
    Answer::frame(if plain {
        plain::answer(cloud, &invocation, rows).await
    } else {
        socketio::answer(cloud, &invocation, rows).await
    })
}

/// Handles an event of a connection.
async fn call(
    cloud: &Cloud,
    row: &Connection,
    name: &str,
    arguments: &[&RawValue],
    bytes: usize,
    wants_ack: bool,
) -> Result<Box<RawValue>> {
    let limit = cloud.cx.config.limits.frame_bytes;
    let fits = || if bytes > limit { Err(too_large(limit)) } else { Ok(()) };
    count(cloud, row).await.and_then(|()| fits()).inspect_err(frame_refused)?;
    let called = async {
        let answer = cloud.api.call(&cloud.cx, &caller(row, wants_ack), name, arguments).await;
        match answer {
            Err(error) if error.code() == Code::Unauthorized && row.user.is_none() => {
                let Some(row) = bound(cloud, row).await? else { return Err(error) };
                cloud.api.call(&cloud.cx, &caller(&row, wants_ack), name, arguments).await
            }
            answer => answer,
        }
    };
    let late = |_| Err(Error::rate_limited(RETRY_AFTER_MS));
    tokio::time::timeout(ANSWER_WITHIN, called).await.unwrap_or_else(late)
}

/// An anonymous connection again, if an event beside this one has bound it.
async fn bound(cloud: &Cloud, row: &Connection) -> Result<Option<Connection>> {
    let look = async || {
        let found = cloud.cx.store.connection(&row.socket, &row.id).await?;
        Ok(found.filter(|row| row.user.is_some()))
    };
    cloud.cx.awaited(look).await
}

/// Counts a frame against the connection's limits. One that floods is ended.
async fn count(cloud: &Cloud, row: &Connection) -> Result<()> {
    let limits = &cloud.cx.config.limits;
    let verdict = cloud.rate.count(&cloud.cx.store, limits, &row.socket, &row.id).await?;
    if verdict == Verdict::Flood {
        cloud.gateway.posts.close(&row.socket).await?;
        cloud.queue.later(Work::gone(std::slice::from_ref(&row.socket))).await?;
    }
    verdict.into_result()
}

/// The language of the client that a socket's rows are about; the default where they could not be read.
fn language(rows: &[Connection]) -> Language {
    let socket = rows.iter().find(|row| row.kind != Kind::Namespace);
    socket.map(|row| row.language).unwrap_or_default()
}

/// An `error` event, as a namespace, or without one a plain WebSocket, gets it.
fn tell(
    namespace: Option<&str>,
    name: Option<&str>,
    error: &Error,
    language: Language,
) -> Option<String> {
    match Frame::error(name, error, language) {
        Ok(frame) => Some(wire(namespace, &frame)),
        Err(error) => {
            error.log("frame");
            None
        }
    }
}
