//! A socket of the engine, the namespaces it is in, and how frames reach it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
};

use engineioxide::{DisconnectReason, TransportType};
use parking_lot::Mutex;
use shared::engineio::disconnect_packet;

use crate::{
    connection::{Connection, Queued, Transport, Wire},
    listener::Cut,
};

/// A socket of the engine: one transport connection.
pub(crate) type Socket = engineioxide::Socket<Session>;

/// What a socket carries: the namespaces it is in, and the network connection below a websocket.
#[derive(Default)]
pub(crate) struct Session {
    pub(super) namespaces: Mutex<Namespaces>,
    network: Mutex<Option<Cut>>,
}

impl Session {
    /// Notes which network connection the websocket uses.
    pub(crate) fn runs_over(&self, network: Cut) {
        *self.network.lock() = Some(network);
    }

    /// How many events wait, in each namespace.
    pub(crate) fn inboxes(&self) -> Vec<usize> {
        let namespaces = self.namespaces.lock();
        namespaces.entered.values().map(|entered| entered.inbox.lock().waiting.len()).collect()
    }

    /// Cuts the network connection: the writer of a reader that takes nothing would wait for ever.
    pub(crate) fn cut(&self) {
        if let Some(network) = self.network.lock().take() {
            network.now();
        }
    }
}

#[derive(Default)]
pub(super) struct Namespaces {
    pub(super) entered: HashMap<&'static str, Arc<Entered>>,
    /// Those that are being entered: a second CONNECT meanwhile is ignored.
    pub(super) entering: Vec<&'static str>,
    pub(super) ended: bool,
}

/// A connection, and its events that wait.
pub(super) struct Entered {
    pub(super) connection: Arc<Connection>,
    pub(super) namespace: &'static str,
    pub(super) inbox: Mutex<Inbox>,
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) waiting: VecDeque<Incoming>,
    pub(super) busy: bool,
}

pub(super) struct Incoming {
    pub(super) json: String,
    pub(super) ack: Option<u64>,
}

/// One namespace of a socket. It does not keep the socket alive.
pub(super) struct NamespaceTransport {
    pub(super) socket: Weak<Socket>,
    pub(super) namespace: &'static str,
}

impl Transport for NamespaceTransport {
    fn queue(&self, wire: &Wire<'_>) -> Queued {
        match self.socket.upgrade() {
            Some(socket) => socket.emit(wire.packet(self.namespace)).into(),
            None => Queued::Gone,
        }
    }

    fn close(&self) -> bool {
        let farewell = |socket: Arc<Socket>| socket.emit(disconnect_packet(self.namespace)).is_ok();
        self.socket.upgrade().is_none_or(farewell)
    }

    fn go_away(&self) {
        if let Some(socket) = self.socket.upgrade() {
            socket.close(DisconnectReason::ClosingServer);
        }
    }

    fn cut(&self) {
        if let Some(socket) = self.socket.upgrade() {
            socket.close(DisconnectReason::TransportError);
            socket.data.cut();
        }
    }

    fn is_forgotten(&self, closing: bool) -> bool {
        closing || self.socket.strong_count() == 0
    }

    /// The engine keeps that to itself.
    fn waiting(&self) -> Option<usize> {
        None
    }

    fn name(&self) -> (&'static str, Option<&'static str>) {
        let polling = |socket: Arc<Socket>| socket.transport_type() == TransportType::Polling;
        let polling = self.socket.upgrade().is_some_and(polling);
        (if polling { "polling" } else { "websocket" }, Some(self.namespace))
    }
}
