//! Names of connections. A plain WebSocket is called what API Gateway calls it; a namespace of a Socket.IO client is
//! called that and the namespace's place in the list, so that nothing has to be looked up to reach it.

use shared::{
    engineio::{NAMESPACES, event_packet, message},
    signal::Frame,
    user::ConnectionId,
};

/// Where a connection is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    /// API Gateway's id.
    pub(crate) socket: &'a str,
    /// The place in [`NAMESPACES`]; none for a plain WebSocket.
    namespace: Option<usize>,
}

impl<'a> Address<'a> {
    pub(crate) fn of(connection: &'a str) -> Self {
        let numbered = connection.rsplit_once('.').and_then(|(socket, namespace)| {
            let namespace = namespace.parse().ok().filter(|at| *at < NAMESPACES.len())?;
            Some(Self { socket, namespace: Some(namespace) })
        });
        numbered.unwrap_or(Self { socket: connection, namespace: None })
    }

    /// The Socket.IO namespace, where there is one.
    pub(crate) fn namespace(self) -> Option<&'static str> {
        self.namespace.map(|at| NAMESPACES[at])
    }

    /// Whether the connection is in the lobby: a plain WebSocket, or the namespace `/`.
    pub(crate) fn is_in_lobby(self) -> bool {
        self.namespace.is_none_or(|at| at == 0)
    }
}

/// The name of a namespace of a socket.
pub(crate) fn connection_id(socket: &str, namespace: &str) -> ConnectionId {
    let at = NAMESPACES.iter().position(|known| *known == namespace).unwrap_or(0);
    ConnectionId::new(&format!("{socket}.{at}"))
}

/// A frame as the connections of a namespace get it, or, without one, as plain WebSockets do.
pub(crate) fn wire(namespace: Option<&str>, frame: &Frame) -> String {
    match namespace {
        None => frame.plain(),
        Some(namespace) => message(&event_packet(namespace, frame)),
    }
}
