//! One connection of this process: how to send to it, and what is kept with it.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use engineioxide::{DisconnectReason, Str, TransportType};
use parking_lot::Mutex;
use serde_json::Value;
use shared::{
    clock::Timestamp,
    engineio::{NAMESPACES, disconnect_packet, event_packet},
    ids::Room,
    limits::{Limiter, Limits},
    push::{ConnectionInfo, Delivery},
    signal::Frame,
    user::{Caller, ConnectionId, User},
};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{listener::Cut, socketio::Socket};

/// What a plain WebSocket's task is told to do.
pub(crate) enum Outgoing {
    Frame(Utf8Bytes),
    Close,
}

/// Where frames for a connection go.
pub(crate) enum Outbox {
    SocketIo { socket: Weak<Socket>, namespace: &'static str },
    Plain { outgoing: mpsc::Sender<Outgoing>, cut: Cut },
}

/// A frame on its way to many: each wire form is made once, when the first connection needs it.
pub(crate) struct Wire<'a> {
    frame: &'a Frame,
    plain: OnceCell<Utf8Bytes>,
    packets: [OnceCell<Str>; NAMESPACES.len()],
}

impl<'a> Wire<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Self {
        Self { frame, plain: OnceCell::new(), packets: Default::default() }
    }

    fn plain(&self) -> Utf8Bytes {
        self.plain.get_or_init(|| self.frame.plain().into()).clone()
    }

    fn packet(&self, namespace: &'static str) -> Str {
        let index = NAMESPACES.iter().position(|known| *known == namespace).unwrap_or(0);
        self.packets[index].get_or_init(|| event_packet(namespace, self.frame).into()).clone()
    }
}

/// What changes over a connection's life.
#[derive(Default)]
struct State {
    user: Option<Arc<User>>,
    expires: Option<Timestamp>,
    rooms: HashSet<Room>,
    kept: BTreeMap<String, Value>,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) limiter: Option<Limiter>,
    outbox: Outbox,
    closing: AtomicBool,
    ended: AtomicBool,
    connected_at: Timestamp,
    last_activity: AtomicI64,
    state: Mutex<State>,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        outbox: Outbox,
        user: Option<Arc<User>>,
        expires: Option<Timestamp>,
        limits: &Limits,
    ) -> Self {
        let connected_at = Timestamp::now();
        Self {
            id,
            limiter: Limiter::new(limits),
            outbox,
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            connected_at,
            last_activity: AtomicI64::new(connected_at.millis()),
            state: Mutex::new(State { user, expires, ..State::default() }),
        }
    }

    /// Who is calling, at this moment.
    pub(crate) fn caller(&self, wants_ack: bool) -> Caller {
        let state = self.state.lock();
        Caller {
            connection: self.id.clone(),
            user: state.user.clone(),
            expires: state.expires,
            wants_ack,
        }
    }

    pub(crate) fn touch(&self) {
        self.last_activity.store(Timestamp::now().millis(), Ordering::Relaxed);
    }

    pub(crate) fn user(&self) -> Option<Arc<User>> {
        self.state.lock().user.clone()
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.state.lock().expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the connection takes no more events.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Notes that the connection has ended; false when that was known.
    pub(crate) fn end(&self) -> bool {
        self.closing.store(true, Ordering::Relaxed);
        !self.ended.swap(true, Ordering::Relaxed)
    }

    /// Whether nobody else will say that the connection has ended: its transport vanished, or left only a namespace.
    pub(crate) fn is_dead(&self) -> bool {
        match &self.outbox {
            Outbox::SocketIo { socket, .. } => self.is_closing() || socket.strong_count() == 0,
            Outbox::Plain { outgoing, .. } => outgoing.is_closed(),
        }
    }

    pub(crate) fn identify(&self, user: Arc<User>, expires: Option<Timestamp>) {
        let mut state = self.state.lock();
        state.user = Some(user);
        state.expires = expires;
    }

    pub(crate) fn enter(&self, room: &Room) -> bool {
        self.state.lock().rooms.insert(room.clone())
    }

    pub(crate) fn leave(&self, room: &Room) -> bool {
        self.state.lock().rooms.remove(room)
    }

    pub(crate) fn leave_all(&self) -> HashSet<Room> {
        std::mem::take(&mut self.state.lock().rooms)
    }

    pub(crate) fn holds(&self, room: &Room) -> bool {
        self.state.lock().rooms.contains(room)
    }

    pub(crate) fn rooms(&self) -> Vec<Room> {
        self.state.lock().rooms.iter().cloned().collect()
    }

    pub(crate) fn remember(&self, name: &str, value: Value) {
        let mut state = self.state.lock();
        if value.is_null() {
            state.kept.remove(name);
        } else {
            state.kept.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn recall(&self, name: &str) -> Value {
        self.state.lock().kept.get(name).cloned().unwrap_or_default()
    }

    /// Queues a frame. A reader whose queue is full misses volatile frames, and is cut off at any other.
    pub(crate) fn send(&self, wire: &Wire<'_>) -> Delivery {
        if self.is_closing() {
            return Delivery::Gone;
        }
        let queued = match &self.outbox {
            Outbox::SocketIo { socket, namespace } => match socket.upgrade() {
                Some(socket) => queued(&socket.emit(wire.packet(namespace))),
                None => Queued::Gone,
            },
            Outbox::Plain { outgoing, .. } => {
                // Half of the queue is kept for what must not be lost.
                let volatile = wire.frame.volatile;
                if volatile && outgoing.capacity() * 2 < outgoing.max_capacity() {
                    Queued::Full
                } else {
                    queued(&outgoing.try_send(Outgoing::Frame(wire.plain())))
                }
            }
        };
        match queued {
            Queued::Yes => Delivery::Sent,
            Queued::Full if wire.frame.volatile => Delivery::Sent,
            Queued::Full => {
                tracing::info!(connection.id = self.id.as_str(), "cut off a slow reader");
                self.cut();
                Delivery::Gone
            }
            Queued::Gone => Delivery::Gone,
        }
    }

    /// Ends the connection after what is queued.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        match &self.outbox {
            Outbox::SocketIo { socket, namespace } => {
                if let Some(socket) = socket.upgrade()
                    && socket.emit(disconnect_packet(namespace)).is_err()
                {
                    self.cut();
                }
            }
            Outbox::Plain { outgoing, .. } => {
                if outgoing.try_send(Outgoing::Close).is_err() {
                    self.cut();
                }
            }
        }
    }

    /// Ends the transport connection after what is queued, so that the client comes back, to another host or later.
    pub(crate) fn go_away(&self) {
        match &self.outbox {
            Outbox::SocketIo { socket, .. } => {
                if let Some(socket) = socket.upgrade() {
                    socket.close(DisconnectReason::ClosingServer);
                }
            }
            Outbox::Plain { .. } => self.close(),
        }
    }

    /// Ends the connection at once, whatever is queued. The client takes it for a network failure and comes back.
    pub(crate) fn cut(&self) {
        self.closing.store(true, Ordering::Relaxed);
        match &self.outbox {
            Outbox::SocketIo { socket, .. } => {
                if let Some(socket) = socket.upgrade() {
                    socket.close(DisconnectReason::TransportError);
                    socket.data.cut();
                }
            }
            Outbox::Plain { cut, .. } => cut.now(),
        }
    }

    /// The connection as administrators see it.
    pub(crate) fn info(&self) -> ConnectionInfo {
        let state = self.state.lock();
        let mut rooms: Vec<Room> = state.rooms.iter().cloned().collect();
        rooms.sort_unstable();
        let (transport, namespace) = match &self.outbox {
            Outbox::SocketIo { socket, namespace } => {
                let polling = socket
                    .upgrade()
                    .is_some_and(|socket| socket.transport_type() == TransportType::Polling);
                (if polling { "polling" } else { "websocket" }, Some(*namespace))
            }
            Outbox::Plain { .. } => ("plain", None),
        };
        ConnectionInfo {
            connection_id: self.id.as_str().to_owned(),
            user_id: state.user.as_ref().map(|user| user.id.clone()),
            username: state.user.as_ref().map(|user| user.username.clone()),
            transport,
            namespace,
            rooms,
            connected_at: self.connected_at,
            last_activity: Timestamp::from_millis(self.last_activity.load(Ordering::Relaxed)),
        }
    }
}

enum Queued {
    Yes,
    Full,
    Gone,
}

fn queued<T>(sent: &Result<(), TrySendError<T>>) -> Queued {
    match sent {
        Ok(()) => Queued::Yes,
        Err(TrySendError::Full(_)) => Queued::Full,
        Err(TrySendError::Closed(_)) => Queued::Gone,
    }
}
