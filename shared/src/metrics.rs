//! The instruments: all that is counted and measured. Where they are read from is the host's: it installs a recorder
//! first. No label is ever text of a client, and each has few values.

use std::{sync::OnceLock, time::Duration};

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    histogram,
};

use crate::error::{Code, Error};

/// What of an event stands for its answer where it succeeds.
pub(crate) const OK: &str = "OK";

/// Gauge: the connections, by `transport`.
pub const CONNECTIONS: &str = "tertulia_connections";
/// Gauge: what waits in all queues of a kind, by `queue`.
pub const QUEUE_DEPTH: &str = "tertulia_queue_depth";
/// Gauge: what waits in the fullest queue of a kind, by `queue`.
pub const QUEUE_DEPTH_MAX: &str = "tertulia_queue_depth_max";
/// Histogram: to how many connections a broadcast went.
pub const BROADCAST_RECEIVERS: &str = "tertulia_broadcast_receivers";
const EVENTS: &str = "tertulia_events_total";
const EVENT_DURATION: &str = "tertulia_event_duration_seconds";
const FRAMES_REFUSED: &str = "tertulia_frames_refused_total";
const HTTP_REQUESTS: &str = "tertulia_http_requests_total";
const SLOW_READERS: &str = "tertulia_slow_readers_total";
const STORE_DURATION: &str = "tertulia_store_duration_seconds";

/// Upper bounds for histograms of durations, in seconds.
pub const SECONDS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// Upper bounds for histograms of receivers.
pub const RECEIVERS: [f64; 12] =
    [0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0];

/// Tells the recorder each instrument's unit and meaning.
pub fn describe() {
    let (count, seconds) = (Unit::Count, Unit::Seconds);
    describe_counter!(EVENTS, count, "Events answered, by name and code");
    describe_histogram!(EVENT_DURATION, seconds, "From reading an event to its answer, by name");
    describe_counter!(FRAMES_REFUSED, count, "Frames refused before they were an event, by code");
    describe_counter!(HTTP_REQUESTS, count, "REST requests answered, by method, route and status");
    describe_counter!(SLOW_READERS, count, "Connections cut off because their queue was full");
    describe_histogram!(BROADCAST_RECEIVERS, count, "Connections that a broadcast went to");
    describe_histogram!(
        STORE_DURATION,
        seconds,
        "Calls to the table with all their tries, by operation and outcome"
    );
    describe_gauge!(CONNECTIONS, count, "Connections, by transport");
    describe_gauge!(QUEUE_DEPTH, count, "What waits in all queues of a kind");
    describe_gauge!(QUEUE_DEPTH_MAX, count, "What waits in the fullest queue of a kind");
}

/// One event's instruments. Each is looked up once: what a message costs is then a few atomic writes.
#[derive(Default)]
pub(crate) struct EventMeter {
    answered: [OnceLock<Counter>; Code::COUNT + 1],
    duration: OnceLock<Histogram>,
}

impl EventMeter {
    /// Notes an answer: no code is success.
    pub(crate) fn answered(&self, event: &'static str, code: Option<Code>, took: Duration) {
        let (place, code) = code.map_or((0, OK), |code| (code as usize + 1, code.as_str()));
        let new = || counter!(EVENTS, "event" => event, "code" => code);
        self.answered[place].get_or_init(new).increment(1);
        self.duration.get_or_init(|| histogram!(EVENT_DURATION, "event" => event)).record(took);
    }
}

/// Notes a frame that was refused before it was an event.
pub fn frame_refused(error: &Error) {
    counter!(FRAMES_REFUSED, "code" => error.code().as_str()).increment(1);
}

/// Notes a connection that was cut off because it did not read.
pub fn slow_reader() {
    counter!(SLOW_READERS).increment(1);
}

/// Notes to how many connections a broadcast went.
#[expect(clippy::cast_precision_loss, reason = "no host has 2^52 connections")]
pub fn broadcast(receivers: usize) {
    static RECEIVERS: OnceLock<Histogram> = OnceLock::new();
    RECEIVERS.get_or_init(|| histogram!(BROADCAST_RECEIVERS)).record(receivers as f64);
}

/// Notes an answer to a REST request. The route is the router's own text, never the path that was asked for.
pub fn http_request(method: &'static str, route: String, status: u16) {
    let status = status.to_string();
    counter!(HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
}

/// How a call to the table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Not done: a condition did not hold, or the request is wrong.
    Refused,
    /// Not done: the table is busy.
    Throttled,
    /// Nobody knows: a timeout, a broken connection, a failure of the table's.
    Failed,
}

impl Outcome {
    const COUNT: usize = Self::Failed as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

/// Measures one operation on the table.
pub(crate) struct StoreMeter {
    operation: &'static str,
    calls: [OnceLock<Histogram>; Outcome::COUNT],
}

impl StoreMeter {
    pub(crate) const fn of(operation: &'static str) -> Self {
        Self { operation, calls: [const { OnceLock::new() }; Outcome::COUNT] }
    }

    /// Notes a call, with all its tries.
    pub(crate) fn called(&self, outcome: Outcome, took: Duration) {
        let (operation, ended) = (self.operation, outcome.as_str());
        let new = || histogram!(STORE_DURATION, "operation" => operation, "outcome" => ended);
        self.calls[outcome as usize].get_or_init(new).record(took);
    }
}
