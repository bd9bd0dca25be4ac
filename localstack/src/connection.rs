//! One connection of this process: how to send to it, and what is kept with it.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use engineioxide::Str;
use parking_lot::Mutex;
use serde_json::Value;
use shared::{
    clock::Timestamp,
    engineio::{NAMESPACES, event_packet},
    ids::Room,
    language::Language,
    limits::{Limiter, Limits},
    metrics,
    push::{ConnectionInfo, Delivery},
    signal::Frame,
    user::{Caller, ConnectionId, User},
};
use tokio::sync::mpsc::error::TrySendError;

/// How frames get from here to one connection's client.
pub(crate) trait Transport: Send + Sync {
    /// Queues a frame.
    fn queue(&self, wire: &Wire<'_>) -> Queued;

    /// Ends the connection after what is queued; false when there is no room left to say so.
    fn close(&self) -> bool;

    /// Ends the transport connection after what is queued, so that the client comes back, to another host or later.
    fn go_away(&self);

    /// Ends the transport connection at once, whatever is queued.
    fn cut(&self);

    /// Whether nobody else will say that the connection has ended.
    fn is_forgotten(&self, closing: bool) -> bool;

    /// How many frames wait to be sent; `None` where the transport does not tell.
    fn waiting(&self) -> Option<usize>;

    /// The transport's name, and the Socket.IO namespace where there is one.
    fn name(&self) -> (&'static str, Option<&'static str>);
}

/// Whether a frame found room in a connection's queue.
pub(crate) enum Queued {
    Yes,
    Full,
    Gone,
}

impl<T> From<Result<(), TrySendError<T>>> for Queued {
    fn from(sent: Result<(), TrySendError<T>>) -> Self {
        match sent {
            Ok(()) => Self::Yes,
            Err(TrySendError::Full(_)) => Self::Full,
            Err(TrySendError::Closed(_)) => Self::Gone,
        }
    }
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

    pub(crate) fn is_volatile(&self) -> bool {
        self.frame.volatile
    }

    pub(crate) fn plain(&self) -> Utf8Bytes {
        self.plain.get_or_init(|| self.frame.plain().into()).clone()
    }

    pub(crate) fn packet(&self, namespace: &'static str) -> Str {
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
    pub(crate) language: Language,
    transport: Box<dyn Transport>,
    closing: AtomicBool,
    ended: AtomicBool,
    connected_at: Timestamp,
    last_activity: AtomicI64,
    state: Mutex<State>,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        transport: Box<dyn Transport>,
        user: Option<Arc<User>>,
        expires: Option<Timestamp>,
        language: Language,
        limits: &Limits,
    ) -> Self {
        let connected_at = Timestamp::now();
        Self {
            id,
            limiter: Limiter::new(limits),
            language,
            transport,
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
            language: self.language,
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
        self.transport.is_forgotten(self.is_closing())
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
        match self.transport.queue(wire) {
            Queued::Yes => Delivery::Sent,
            Queued::Full if wire.frame.volatile => Delivery::Sent,
            Queued::Full => {
                tracing::info!(connection.id = self.id.as_str(), "cut off a slow reader");
                metrics::slow_reader();
                self.cut();
                Delivery::Gone
            }
            Queued::Gone => Delivery::Gone,
        }
    }

    /// Ends the connection after what is queued.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        if !self.transport.close() {
            self.transport.cut();
        }
    }

    /// Ends the transport connection after what is queued: the host is going down.
    pub(crate) fn go_away(&self) {
        self.transport.go_away();
    }

    /// Ends the connection at once, whatever is queued. The client takes it for a network failure and comes back.
    pub(crate) fn cut(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.transport.cut();
    }

    /// How many frames wait to be sent; `None` where the transport does not tell.
    pub(crate) fn waiting(&self) -> Option<usize> {
        self.transport.waiting()
    }

    /// The transport's name.
    pub(crate) fn transport(&self) -> &'static str {
        self.transport.name().0
    }

    /// The connection as administrators see it.
    pub(crate) fn info(&self) -> ConnectionInfo {
        let state = self.state.lock();
        let mut rooms: Vec<Room> = state.rooms.iter().cloned().collect();
        rooms.sort_unstable();
        let (transport, namespace) = self.transport.name();
        ConnectionInfo {
            connection_id: self.id.as_str().to_owned(),
            user_id: state.user.as_ref().map(|user| user.id.clone()),
            username: state.user.as_ref().map(|user| user.username.clone()),
            transport: transport.into(),
            namespace: namespace.map(Into::into),
            rooms,
            connected_at: self.connected_at,
            last_activity: Timestamp::from_millis(self.last_activity.load(Ordering::Relaxed)),
        }
    }
}
