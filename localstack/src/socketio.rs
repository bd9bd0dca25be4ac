//! Socket.IO: admitted in the middleware, so that all a client may rely on is there before it learns that it is
//! connected; events taken in the extractor, the only place that sees them in the order in which they came.

use std::{collections::VecDeque, convert::Infallible, fmt, sync::Arc, time::Duration};

use axum::http::request::Parts;
use parking_lot::Mutex;
use serde_json::{Value, value::RawValue};
use shared::{
    api::too_large,
    auth::{Admitted, Credentials},
    engineio::NAMESPACES,
    error::{Code, Error},
    ids::Room,
    user::ConnectionId,
};
use socketioxide::{
    SocketIo,
    adapter::LocalAdapter,
    extract::{AckSender, SocketRef, TryData},
    handler::{ConnectHandler, FromConnectParts, FromMessage, FromMessageParts, Value as Packet},
    layer::SocketIoLayer,
    socket::Socket,
};

use crate::{
    App,
    connection::{Connection, Outbox, Wire},
    dispatch, network,
};

/// Packets queued for one socket. A reader that falls further behind is cut off.
const QUEUED_PACKETS: usize = 1024;
/// Events of one socket that wait for the one being handled.
const WAITING_EVENTS: usize = 256;
/// The transport reads up to this many times the frame limit, so that a frame over it gets an answer.
const READ_FACTOR: usize = 16;
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The layer that serves `/socket.io/`, and the handle to close it.
pub(crate) fn layer(app: &App) -> (SocketIoLayer, SocketIo) {
    let read = app.cx.config.limits.frame_bytes * READ_FACTOR;
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(QUEUED_PACKETS)
        .max_payload(read as u64)
        .ws_max_message_size(read)
        .ws_max_frame_size(read)
        .ws_read_buffer_size(4096)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .build_layer();
    for namespace in NAMESPACES {
        let app = app.clone();
        let admit = move |handshake: Handshake, TryData(auth): TryData<Value>| {
            admit(app.clone(), handshake, auth.unwrap_or_default(), namespace)
        };
        io.ns(namespace, welcome.with(admit));
    }
    (layer, io)
}

/// What a client came with.
struct Handshake {
    socket: Arc<Socket<LocalAdapter>>,
}

impl FromConnectParts<LocalAdapter> for Handshake {
    type Error = Infallible;

    fn from_connect_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        _: &Option<Packet>,
    ) -> Result<Self, Infallible> {
        Ok(Self { socket: Arc::clone(socket) })
    }
}

/// A refusal as the client reads it: socketioxide carries the text, and nothing else.
struct Refused(Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        error.log("connect");
        Self(error)
    }
}

async fn admit(
    app: App,
    handshake: Handshake,
    auth: Value,
    namespace: &'static str,
) -> Result<(), Refused> {
    let socket = handshake.socket;
    if app.is_draining() {
        return Err(Error::new(Code::Internal, "The server is going down").into());
    }
    let credentials = credentials(socket.req_parts(), auth);
    let admitted = app.cx.auth.admit(&app.cx.store, &credentials).await?;
    let outbox = Outbox::SocketIo { socket: Arc::downgrade(&socket), namespace };
    let id = ConnectionId::in_namespace(socket.id.as_str(), namespace);
    let Admitted { user, expires, session } = admitted;
    let limits = &app.cx.config.limits;
    let connection = Arc::new(Connection::new(id, outbox, user, expires, limits));
    if let Some(cut) = network::of(&app, socket.id.as_str(), socket.req_parts()) {
        connection.runs_over(cut);
    }
    let lobby = (namespace == "/").then(Room::lobby);
    app.open(&connection, lobby).await?;
    socket.extensions.insert(Arc::new(Held {
        app: app.clone(),
        connection: Arc::clone(&connection),
        session,
        inbox: Mutex::default(),
    }));
    socket.on_fallback(async |_: Taken| {});
    socket.on_disconnect(async move |_: SocketRef| app.closed(&connection).await);
    Ok(())
}

fn credentials(parts: &Parts, auth: Value) -> Credentials {
    let header = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    Credentials {
        header: header.map(str::to_owned),
        auth,
        query: network::query(&parts.uri, "token"),
    }
}

/// What a socket carries: its connection, and the events that wait.
struct Held {
    app: App,
    connection: Arc<Connection>,
    session: Option<String>,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<Incoming>,
    busy: bool,
}

struct Incoming {
    text: String,
    ack: Option<AckSender>,
}

fn held(socket: &Socket<LocalAdapter>) -> Option<Arc<Held>> {
    socket.extensions.get::<Arc<Held>>()
}

/// The greeting is queued here, right behind the CONNECT packet and before any answer.
struct Greeted(Option<Arc<Held>>);

impl FromConnectParts<LocalAdapter> for Greeted {
    type Error = Infallible;

    fn from_connect_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        _: &Option<Packet>,
    ) -> Result<Self, Infallible> {
        let held = held(socket);
        if let Some(held) = &held {
            let caller = held.connection.caller(false);
            match functions::connect::greeting(&caller, held.session.as_deref()) {
                Ok(frames) => frames.iter().for_each(|frame| {
                    held.connection.send(&Wire::new(frame));
                }),
                Err(error) => error.log("connect"),
            }
        }
        Ok(Self(held))
    }
}

async fn welcome(Greeted(held): Greeted) {
    let Some(held) = held else { return };
    let caller = held.connection.caller(false);
    if let Err(error) = functions::connect::deliver_waiting(&held.app.cx, &caller).await {
        error.log("connect");
    }
}

/// An event, put into the socket's queue.
struct Taken;

impl FromMessage<LocalAdapter> for Taken {
    type Error = Infallible;

    fn from_message(
        socket: Arc<Socket<LocalAdapter>>,
        mut packet: Packet,
        ack_id: Option<i64>,
    ) -> Result<Self, Infallible> {
        let ack =
            ack_id.and_then(|_| AckSender::from_message_parts(&socket, &mut packet, &ack_id).ok());
        if let Some(held) = held(&socket) {
            take(&held, packet, ack);
        }
        Ok(Self)
    }
}

fn take(held: &Arc<Held>, packet: Packet, ack: Option<AckSender>) {
    let refuse = |error: &Error, ack: Option<AckSender>| {
        let refusal = dispatch::refuse(&held.connection, None, error, ack.is_some());
        send_ack(ack, refusal);
    };
    if let Err(error) = dispatch::count(&held.connection) {
        return refuse(&error, ack);
    }
    let limit = held.app.cx.config.limits.frame_bytes;
    let text = match packet {
        Packet::Str(text, binary) if binary.as_ref().is_none_or(VecDeque::is_empty) => text,
        _ => return refuse(&Error::invalid("", "binary data is not accepted"), ack),
    };
    if text.len() > limit {
        return refuse(&too_large(limit), ack);
    }
    let mut inbox = held.inbox.lock();
    if inbox.waiting.len() >= WAITING_EVENTS {
        drop(inbox);
        return refuse(&Error::rate_limited(1000), ack);
    }
    inbox.waiting.push_back(Incoming { text: text.to_string(), ack });
    if !std::mem::replace(&mut inbox.busy, true) {
        held.app.tasks.spawn(work(Arc::clone(held)));
    }
}

/// Handles a socket's events one after the other, until none waits.
async fn work(held: Arc<Held>) {
    loop {
        let incoming = {
            let mut inbox = held.inbox.lock();
            let next = inbox.waiting.pop_front();
            inbox.busy = next.is_some();
            next
        };
        let Some(Incoming { text, ack }) = incoming else { return };
        let answer = handle(&held, &text, ack.is_some()).await;
        send_ack(ack, answer);
    }
}

async fn handle(held: &Held, text: &str, wants_ack: bool) -> Option<Box<RawValue>> {
    let parsed: Result<Vec<&RawValue>, _> = serde_json::from_str(text);
    let name = parsed.as_ref().ok().and_then(|parts| parts.first()).map(|name| name.get());
    let name: Option<String> = name.and_then(|name| serde_json::from_str(name).ok());
    let (Ok(parts), Some(name)) = (parsed, name) else {
        let error = Error::invalid("", "the packet is no event");
        return dispatch::refuse(&held.connection, None, &error, wants_ack);
    };
    dispatch::answer(&held.app, &held.connection, &name, &parts[1..], wants_ack).await
}

fn send_ack(ack: Option<AckSender>, answer: Option<Box<RawValue>>) {
    if let (Some(ack), Some(answer)) = (ack, answer)
        && let Err(error) = ack.send(&answer)
    {
        // The client has gone, or will be cut off at the next broadcast; it asks again after coming back.
        tracing::debug!(%error, "an ack was not sent");
    }
}
