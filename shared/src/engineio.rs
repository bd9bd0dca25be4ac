//! Socket.IO v5 packets as text, without the Engine.IO type in front.

use serde_json::value::RawValue;

use crate::signal::{Frame, quoted};

/// The namespaces that are served; every event works in each of them.
pub const NAMESPACES: [&str; 2] = ["/", "/chat"];

/// `2["event",data]`, with the namespace where it is not `/`.
#[must_use]
pub fn event_packet(namespace: &str, frame: &Frame) -> String {
    format!("2{}[{},{}]", prefix(namespace), quoted(&frame.event), frame.data)
}

/// `3<id>[data]`, with the namespace where it is not `/`.
#[must_use]
pub fn ack_packet(namespace: &str, id: i64, data: &RawValue) -> String {
    format!("3{}{id}[{data}]", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}
