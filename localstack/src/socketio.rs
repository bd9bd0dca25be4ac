//! Socket.IO over engineioxide, the engine of socketioxide. The protocol above it is `shared::engineio`, the same
//! that the cloud speaks: events stay in order, a broadcast is encoded once for all sockets of a namespace, and no
//! packet, however wrong, goes without an answer or ends the connection.

mod session;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{body::Bytes, extract::ConnectInfo};
use engineioxide::{
    DisconnectReason, Str, TransportType, config::EngineIoConfig, handler::EngineIoHandler,
    layer::EngineIoLayer,
};
use parking_lot::Mutex;
use serde_json::{Value, value::RawValue};
use shared::{
    api::too_large,
    auth::Admitted,
    engineio::{
        self, Kind, NAMESPACES, Packet, ack_packet, connect_error_packet, connect_packet,
        event_name,
    },
    error::{Error, Result},
    ids::Room,
    user::ConnectionId,
};
use uuid::Uuid;

use self::session::{Entered, Incoming, NamespaceTransport};
pub(crate) use self::session::{Session, Socket};
use crate::{
    App,
    connection::{Connection, Wire},
    dispatch,
    listener::Peer,
    network,
};

/// Packets queued for one socket. A reader that falls further behind is cut off.
const QUEUED_PACKETS: usize = 1024;
/// Events of one connection that wait for the one being handled.
const WAITING_EVENTS: usize = 256;
/// How long a socket may stay in no namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The layer that serves `/socket.io/`.
pub(crate) fn layer(app: &App) -> EngineIoLayer<Handler> {
    let read = app.cx.config.limits.frame_bytes * network::READ_FACTOR;
    let heartbeat = app.cx.config.heartbeat;
    let config = EngineIoConfig::builder()
        .req_path("/socket.io")
        .max_buffer_size(QUEUED_PACKETS)
        .max_payload(read as u64)
        .ws_read_buffer_size(network::READ_BYTES)
        .ws_max_message_size(read)
        .ws_max_frame_size(read)
        .ping_interval(heartbeat.interval)
        .ping_timeout(heartbeat.timeout)
        .build();
    EngineIoLayer::from_config(Arc::new(Handler(app.clone())), config)
}

/// What the engine calls.
#[derive(Clone)]
pub(crate) struct Handler(App);

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl EngineIoHandler for Handler {
    type Data = Session;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket>) {
        if socket.transport_type() == TransportType::Websocket
            && let Some(ConnectInfo(peer)) = socket.req_parts.extensions.get::<ConnectInfo<Peer>>()
        {
            socket.data.runs_over(peer.cut.clone());
        }
        let id = socket.id.to_string();
        let socket = Arc::downgrade(&socket);
        self.0.sockets.lock().insert(id, Weak::clone(&socket));
        tokio::spawn(async move {
            tokio::time::sleep(CONNECT_TIMEOUT).await;
            if let Some(socket) = socket.upgrade()
                && socket.data.namespaces.lock().entered.is_empty()
            {
                socket.close(DisconnectReason::TransportClose);
            }
        });
    }

    fn on_disconnect(&self, socket: Arc<Socket>, _: DisconnectReason) {
        let mut namespaces = socket.data.namespaces.lock();
        namespaces.ended = true;
        for (_, entered) in namespaces.entered.drain() {
            let app = self.0.clone();
            tokio::spawn(async move { app.closed(&entered.connection).await });
        }
        self.0.sockets.lock().remove(socket.id.as_str());
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket>) {
        let app = &self.0;
        let Some(packet) = Packet::parse(&text) else {
            return refuse_packet(&socket, "/", &engineio::no_packet());
        };
        let namespace = NAMESPACES.into_iter().find(|served| *served == packet.namespace);
        let Some(namespace) = namespace else {
            let error = engineio::no_namespace();
            return refuse(&socket, packet.namespace, &error, &Value::Null);
        };
        match packet.kind {
            Kind::Connect => self.connect(&socket, namespace, packet.json),
            Kind::Disconnect => {
                let left = socket.data.namespaces.lock().entered.remove(namespace);
                if let Some(left) = left {
                    let app = app.clone();
                    tokio::spawn(async move { app.closed(&left.connection).await });
                }
            }
            // We ask for no answers, so none is waited for.
            Kind::Ack | Kind::BinaryAck => {}
            Kind::Event | Kind::BinaryEvent => {
                let entered = socket.data.namespaces.lock().entered.get(namespace).cloned();
                match entered.filter(|entered| !entered.connection.is_closing()) {
                    Some(entered) => take(app, &socket, &entered, &packet),
                    None => {
                        refuse(&socket, namespace, &engineio::not_entered(), &Value::Null);
                    }
                }
            }
        }
    }

    /// Attachments: the packet that announced them was refused already.
    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket>) {}
}

impl Handler {
    fn connect(self: &Arc<Self>, socket: &Arc<Socket>, namespace: &'static str, auth: &str) {
        let mut namespaces = socket.data.namespaces.lock();
        let is_open = |entered: &Arc<Entered>| !entered.connection.is_closing();
        if namespaces.entering.contains(&namespace)
            || namespaces.entered.get(namespace).is_some_and(is_open)
        {
            return;
        }
        namespaces.entering.push(namespace);
        drop(namespaces);
        let auth: Value = serde_json::from_str(auth).unwrap_or_default();
        let (app, socket) = (self.0.clone(), Arc::clone(socket));
        tokio::spawn(async move {
            if let Err(error) = Box::pin(enter(&app, &socket, namespace, &auth)).await {
                error.log("connect");
                refuse(&socket, namespace, &error, &auth);
            }
            socket.data.namespaces.lock().entering.retain(|entering| *entering != namespace);
        });
    }
}

/// Admits a client to a namespace. All that it may rely on is there before it learns that it is connected.
async fn enter(
    app: &App,
    socket: &Arc<Socket>,
    namespace: &'static str,
    auth: &Value,
) -> Result<()> {
    if app.is_draining() {
        return Err(dispatch::going_down());
    }
    let parts = &socket.req_parts;
    let language = network::language(&parts.headers, &parts.uri, auth);
    let credentials = network::credentials(&parts.headers, &parts.uri, auth.clone());
    let Admitted { user, expires, session } =
        app.cx.auth.admit(&app.cx.store, &credentials).await?;
    let sid = Uuid::new_v4().simple().to_string();
    let transport = Box::new(NamespaceTransport { socket: Arc::downgrade(socket), namespace });
    let limits = &app.cx.config.limits;
    let id = ConnectionId::new(&sid);
    let connection = Arc::new(Connection::new(id, transport, user, expires, language, limits));
    let lobby = (namespace == "/").then(Room::lobby);
    Box::pin(app.open(&connection, lobby)).await?;
    let caller = connection.caller(false);
    let greeting = functions::connect::greeting(&caller, session.as_deref())?;
    let entered = Entered { connection, namespace, inbox: Mutex::default() };
    let connection = Arc::clone(&entered.connection);
    let ended = {
        let mut namespaces = socket.data.namespaces.lock();
        if !namespaces.ended {
            // Under the lock, so that no event of the client comes before it.
            emit(socket, connect_packet(namespace, &sid));
            for frame in &greeting {
                connection.send(&Wire::new(frame));
            }
            namespaces.entered.insert(namespace, Arc::new(entered));
        }
        namespaces.ended
    };
    if ended {
        app.closed(&connection).await;
        return Ok(());
    }
    functions::connect::deliver_waiting(&app.cx, &caller).await.unwrap_or_else(|error| {
        // The client is connected; what waits stays, and comes at the next connection.
        error.log("connect");
    });
    Ok(())
}

/// Puts an event into the connection's queue, or refuses it at once.
fn take(app: &App, socket: &Arc<Socket>, entered: &Arc<Entered>, packet: &Packet<'_>) {
    let limit = app.cx.config.limits.frame_bytes;
    let refused = if app.is_draining() {
        Some(dispatch::going_down())
    } else if let Err(error) = dispatch::count(&entered.connection) {
        Some(error)
    } else if packet.json.len() > limit {
        Some(too_large(limit))
    } else if packet.kind == Kind::BinaryEvent {
        Some(engineio::no_binary())
    } else if entered.inbox.lock().waiting.len() >= WAITING_EVENTS {
        Some(Error::rate_limited(1000))
    } else {
        None
    };
    if let Some(error) = refused {
        let name = event_name(packet.json);
        let connection = &entered.connection;
        let refusal = dispatch::refuse(connection, name.as_deref(), &error, packet.id.is_some());
        return send_ack(socket, entered.namespace, packet.id, refusal);
    }
    let mut inbox = entered.inbox.lock();
    inbox.waiting.push_back(Incoming { json: packet.json.to_owned(), ack: packet.id });
    if !std::mem::replace(&mut inbox.busy, true) {
        let work = work(app.clone(), Arc::downgrade(socket), Arc::clone(entered));
        app.tasks.spawn(work);
    }
}

/// Handles a connection's events one after the other, until none waits.
async fn work(app: App, socket: Weak<Socket>, entered: Arc<Entered>) {
    loop {
        let incoming = {
            let mut inbox = entered.inbox.lock();
            let next = inbox.waiting.pop_front();
            inbox.busy = next.is_some();
            next
        };
        let Some(Incoming { json, ack }) = incoming else { return };
        let answer = handle(&app, &entered.connection, &json, ack.is_some()).await;
        if let Some(socket) = socket.upgrade() {
            send_ack(&socket, entered.namespace, ack, answer);
        }
    }
}

async fn handle(
    app: &App,
    connection: &Arc<Connection>,
    json: &str,
    wants_ack: bool,
) -> Option<Box<RawValue>> {
    match engineio::event(json) {
        Ok((name, arguments)) => {
            dispatch::answer(app, connection, &name, &arguments, wants_ack).await
        }
        Err(error) => dispatch::refuse(connection, event_name(json).as_deref(), &error, wants_ack),
    }
}

fn send_ack(socket: &Socket, namespace: &str, ack: Option<u64>, answer: Option<Box<RawValue>>) {
    if let (Some(id), Some(answer)) = (ack, answer) {
        emit(socket, ack_packet(namespace, id, &answer));
    }
}

/// Answers what belongs to no event, where the client can hear it.
fn refuse_packet(socket: &Socket, namespace: &'static str, error: &Error) {
    let namespaces = socket.data.namespaces.lock();
    let entered = namespaces.entered.get(namespace).or(namespaces.entered.values().next());
    match entered {
        Some(entered) => {
            dispatch::refuse(&entered.connection, None, error, false);
        }
        None => refuse(socket, namespace, error, &Value::Null),
    }
}

/// Says why a namespace is not entered, in the language of the request, or of the `auth` that came with the packet.
fn refuse(socket: &Socket, namespace: &str, error: &Error, auth: &Value) {
    let parts = &socket.req_parts;
    let language = network::language(&parts.headers, &parts.uri, auth);
    emit(socket, connect_error_packet(namespace, error, language));
}

/// Queues a packet that must not be lost: a socket that has no room for it is closed, and its client comes back.
fn emit(socket: &Socket, packet: String) {
    if socket.emit(packet).is_err() {
        socket.close(DisconnectReason::TransportError);
    }
}
