//! Logs, on stderr: text for people, JSON for machines. No text of messages, no token, no session id is ever in them.

use std::{io::IsTerminal, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::{Level, Metadata, Span, field::Empty, level_filters::LevelFilter};
use tracing_subscriber::{
    Registry,
    filter::{FilterExt, Targets, filter_fn},
    fmt,
    prelude::*,
};

use crate::{
    config::{ConfigError, LogConfig},
    error::Code,
    ids::{Id, Room},
    metrics::OK,
    user::Caller,
};

/// The target of the events' spans: `RUST_LOG=info,tertulia::event=debug` logs a line for each event.
pub const EVENT: &str = "tertulia::event";

/// The crates whose lines are ours.
const OWN: [&str; 4] = ["tertulia", "shared", "functions", "bootstrap"];

/// Where spans go besides the log.
pub type SpanLayer = Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>;

/// Starts logging for the whole process, once.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub fn start(config: &LogConfig, spans: Option<SpanLayer>) -> Result<(), ConfigError> {
    let filter: Targets =
        config.filter.parse().map_err(|error| ConfigError::new("RUST_LOG", error))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let log = if config.json {
        log.json().boxed()
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    let log = log.with_filter(filter.and(filter_fn(is_discreet)));
    tracing_subscriber::registry().with(spans).with(log).init();
    Ok(())
}

/// Below `info` libraries print requests, packets and items whole: whatever `RUST_LOG` says, they do not.
fn is_discreet(line: &Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::INFO || OWN.contains(&library)
}

/// Only the events' spans, whatever is logged.
#[must_use]
pub fn events_only() -> Targets {
    Targets::new().with_target(EVENT, LevelFilter::DEBUG)
}

/// The span of an event that is being answered. It costs nothing where nobody listens.
pub(crate) fn event(name: &'static str, caller: &Caller, arguments: &[&RawValue]) -> Span {
    let span = tracing::debug_span!(
        target: EVENT,
        "event",
        event = name,
        user.id = Empty,
        connection.id = caller.connection.as_str(),
        room = Empty,
        code = Empty,
        duration_ms = Empty,
    );
    if !span.is_disabled() {
        if let Some(user) = &caller.user {
            span.record("user.id", user.id.as_str());
        }
        if let Some(room) = room_of(arguments) {
            span.record("room", room.to_string());
        }
    }
    span
}

/// Ends an event's span; no code is success.
pub(crate) fn answered(span: &Span, code: Option<Code>, took: Duration) {
    if !span.is_disabled() {
        span.record("code", code.map_or(OK, Code::as_str));
        span.record("duration_ms", took.as_secs_f64() * 1000.0);
        tracing::debug!(target: EVENT, parent: span, "answered");
    }
}

/// The room that a payload names.
fn room_of(arguments: &[&RawValue]) -> Option<Room> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        channel_id: Option<Id>,
        group_id: Option<Id>,
    }
    let named: Named = serde_json::from_str(arguments.first()?.get()).ok()?;
    named.channel_id.map(|id| Room::channel(&id)).or(named.group_id.map(|id| Room::group(&id)))
}
