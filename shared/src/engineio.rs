//! Socket.IO v5 packets as text: `<type>[<attachments>-][/namespace,][id][json]`. The Engine.IO v4 type in front of them
//! is only for those who have no engine below them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::{
    config::Heartbeat,
    error::{Code, Error, Result},
    language::Language,
    signal::{Frame, quoted},
    text::Text,
};

/// Engine.IO: asks whether the client is still there; resets its timer.
pub const PING: &str = "2";

/// Engine.IO: a Socket.IO packet.
#[must_use]
pub fn message(packet: &str) -> String {
    format!("4{packet}")
}

/// Engine.IO: the first packet. After `interval` and `timeout` without a ping the client takes the server for dead.
#[must_use]
pub fn open_packet(sid: &str, heartbeat: Heartbeat, max_payload: usize) -> String {
    let open = json!({
        "sid": sid,
        "upgrades": [],
        "pingInterval": heartbeat.interval.as_millis(),
        "pingTimeout": heartbeat.timeout.as_millis(),
        "maxPayload": max_payload,
    });
    format!("0{open}")
}

/// The namespaces that are served; every event works in each of them.
pub const NAMESPACES: [&str; 2] = ["/", "/chat"];

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which kind of packet it is.
    pub kind: Kind,
    /// The namespace, `/` when none is written.
    pub namespace: &'a str,
    /// The number of the ack that the client waits for.
    pub id: Option<u64>,
    /// The JSON behind it, unread.
    pub json: &'a str,
}

/// The kinds of packets that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Enter a namespace.
    Connect,
    /// Leave a namespace.
    Disconnect,
    /// An event.
    Event,
    /// The answer to an event of ours; we ask for none.
    Ack,
    /// An event whose binary attachments follow.
    BinaryEvent,
    /// An answer with binary attachments.
    BinaryAck,
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let kind = match text.as_bytes().first()? {
            b'0' => Kind::Connect,
            b'1' => Kind::Disconnect,
            b'2' => Kind::Event,
            b'3' => Kind::Ack,
            b'5' => Kind::BinaryEvent,
            b'6' => Kind::BinaryAck,
            _ => return None,
        };
        let mut rest = &text[1..];
        if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
            let (attachments, after) = rest.split_once('-')?;
            attachments.parse::<u32>().ok()?;
            rest = after;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
            namespace = namespace.split('?').next().unwrap_or(namespace);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, json) = rest.split_at(digits);
        let id = if id.is_empty() { None } else { Some(id.parse().ok()?) };
        Some(Self { kind, namespace, id, json })
    }
}

/// The name and arguments of an event packet's JSON.
///
/// # Errors
/// `INVALID_REQUEST` when it is no array that begins with a name.
pub fn event(json: &str) -> Result<(String, Vec<&RawValue>)> {
    let no_event = || Error::invalid("", Text::NoEvent);
    let mut parts: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| no_event())?;
    let name = event_name(json).ok_or_else(no_event)?;
    parts.remove(0);
    Ok((name, parts))
}

/// The event's name, the first of the packet's array, even where the rest is cut short or wrong.
#[must_use]
pub fn event_name(json: &str) -> Option<String> {
    let rest = json.trim_start().strip_prefix('[')?;
    serde_json::Deserializer::from_str(rest).into_iter::<String>().next()?.ok()
}

/// The error for text that is no packet.
#[must_use]
pub fn no_packet() -> Error {
    Error::invalid("", Text::NoPacket)
}

/// The error for a namespace that is not served.
#[must_use]
pub fn no_namespace() -> Error {
    Error::new(Code::NotFound, Text::InvalidNamespace)
}

/// The error for an event in a namespace that was not entered.
#[must_use]
pub fn not_entered() -> Error {
    Error::new(Code::Unauthorized, Text::NotEntered)
}

/// The error for an event that comes with attachments.
#[must_use]
pub fn no_binary() -> Error {
    Error::invalid("", Text::NoBinary)
}

/// `2["event",data]`
#[must_use]
pub fn event_packet(namespace: &str, frame: &Frame) -> String {
    format!("2{}[{},{}]", prefix(namespace), quoted(&frame.event), frame.data)
}

/// `3<id>[data]`
#[must_use]
pub fn ack_packet(namespace: &str, id: u64, data: &RawValue) -> String {
    format!("3{}{id}[{data}]", prefix(namespace))
}

/// `0{"sid":…}`: the namespace is entered.
#[must_use]
pub fn connect_packet(namespace: &str, sid: &str) -> String {
    format!("0{}{}", prefix(namespace), json!({ "sid": sid }))
}

/// `4{"message":…,"data":…}`: the namespace is not entered; `data` is the error as an `error` event has it.
#[must_use]
pub fn connect_error_packet(namespace: &str, error: &Error, language: Language) -> String {
    #[derive(Serialize)]
    struct Refusal<D> {
        message: Cow<'static, str>,
        data: D,
    }
    let message = error.text().say(language);
    let refusal = Refusal { message, data: error.event(None, language) };
    let refusal = serde_json::to_string(&refusal).unwrap_or_else(|_| "{}".into());
    format!("4{}{refusal}", prefix(namespace))
}

/// `1`: the namespace is left.
#[must_use]
pub fn disconnect_packet(namespace: &str) -> String {
    format!("1{}", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}
