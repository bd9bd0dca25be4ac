//! Frames of Socket.IO clients. Whatever they are, only packets go back: any other text would end the session.

use shared::{
    api::encode_failure,
    engineio::{
        self, Kind as PacketKind, NAMESPACES, Packet, ack_packet, connect_error_packet, event_name,
        message,
    },
    error::{Error, Result},
    metrics::frame_refused,
    store::connections::{Connection, Kind},
};

use super::{call, enter, language, tell};
use crate::{
    Cloud,
    address::{Address, connection_id},
    connections,
    invocation::Invocation,
};

pub(super) async fn answer(
    cloud: &Cloud,
    invocation: &Invocation,
    rows: Result<Vec<Connection>>,
) -> Option<String> {
    let text = match invocation.text() {
        Ok(text) => text,
        Err(error) => return refuse(rows.as_deref().unwrap_or_default(), "/", &error),
    };
    match text.as_bytes().first() {
        // A ping of the client's; a pong; close, upgrade and no-op, which say nothing here.
        Some(b'2') => Some(format!("3{}", &text[1..])),
        Some(b'3' | b'1' | b'5' | b'6') => None,
        Some(b'4') => match Packet::parse(&text[1..]) {
            Some(packet) => answer_packet(cloud, invocation.socket(), &packet, rows).await,
            None => refuse(rows.as_deref().unwrap_or_default(), "/", &engineio::no_packet()),
        },
        _ => refuse(rows.as_deref().unwrap_or_default(), "/", &engineio::no_packet()),
    }
}

async fn answer_packet(
    cloud: &Cloud,
    socket: &str,
    packet: &Packet<'_>,
    rows: Result<Vec<Connection>>,
) -> Option<String> {
    let served = NAMESPACES.into_iter().find(|served| *served == packet.namespace);
    let Some(namespace) = served else {
        let language = language(rows.as_deref().unwrap_or_default());
        let error = engineio::no_namespace();
        return Some(message(&connect_error_packet(packet.namespace, &error, language)));
    };
    match packet.kind {
        PacketKind::Connect => enter::answer(cloud, namespace, packet.json, rows).await,
        PacketKind::Disconnect => {
            let left = rows.unwrap_or_default();
            let id = connection_id(socket, namespace);
            let left = left.iter().find(|row| row.id == id.as_str())?;
            connections::end_one(cloud, left)
                .await
                .unwrap_or_else(|error| error.report("disconnect"));
            None
        }
        // We ask for no answers, so none is waited for.
        PacketKind::Ack | PacketKind::BinaryAck => None,
        PacketKind::Event | PacketKind::BinaryEvent => {
            event(cloud, socket, namespace, packet, rows).await
        }
    }
}

async fn event(
    cloud: &Cloud,
    socket: &str,
    namespace: &'static str,
    packet: &Packet<'_>,
    rows: Result<Vec<Connection>>,
) -> Option<String> {
    let id = connection_id(socket, namespace);
    let before = language(rows.as_deref().unwrap_or_default());
    let row = match rows {
        Ok(rows) => match entered(cloud, rows, id.as_str()).await {
            Ok(Some(row)) => Ok(row),
            Ok(None) => {
                let error = engineio::not_entered();
                return Some(message(&connect_error_packet(namespace, &error, before)));
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error.without_cause()),
    };
    let language = row.as_ref().map_or(before, |row| row.language);
    let handled = async {
        let event = match packet.kind {
            PacketKind::BinaryEvent => Err(engineio::no_binary()),
            _ => engineio::event(packet.json),
        };
        let ((name, arguments), row) = (event.inspect_err(frame_refused)?, row?);
        call(cloud, &row, &name, &arguments, packet.json.len(), packet.id.is_some()).await
    };
    match (handled.await, packet.id) {
        (Ok(ack), Some(id)) => Some(message(&ack_packet(namespace, id, &ack))),
        (Ok(_), None) => None,
        (Err(error), Some(id)) => {
            Some(message(&ack_packet(namespace, id, &encode_failure(&error, language))))
        }
        (Err(error), None) => {
            tell(Some(namespace), event_name(packet.json).as_deref(), &error, language)
        }
    }
}

/// The namespace's row; a client that sends without waiting may be entering at this moment.
async fn entered(cloud: &Cloud, rows: Vec<Connection>, id: &str) -> Result<Option<Connection>> {
    let socket = rows.first().map(|row| row.socket.clone()).unwrap_or_default();
    if let Some(row) = rows.into_iter().find(|row| row.id == id) {
        return Ok(Some(row));
    }
    cloud.cx.awaited(|| cloud.cx.store.connection(&socket, id)).await
}

/// Answers what belongs to no event, where the client can hear it.
fn refuse(rows: &[Connection], namespace: &'static str, error: &Error) -> Option<String> {
    frame_refused(error);
    match rows.iter().find(|row| row.kind == Kind::Namespace) {
        Some(row) => tell(Some(Address::of(&row.id).namespace()?), None, error, row.language),
        None => Some(message(&connect_error_packet(namespace, error, language(rows)))),
    }
}
