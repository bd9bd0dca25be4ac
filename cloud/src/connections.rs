//! The life of a connection: who it is for handlers, and how it ends.

use std::sync::Arc;

use functions::{connect, disconnect};
use shared::{
    error::Result,
    store::connections::{Connection, Kind},
    user::{Caller, ConnectionId},
};

use crate::Cloud;

/// A connection as handlers know it.
pub(crate) fn caller(row: &Connection, wants_ack: bool) -> Caller {
    Caller {
        connection: ConnectionId::new(&row.id),
        user: row.user.clone().map(Arc::new),
        expires: row.expires,
        language: row.language,
        wants_ack,
    }
}

/// Tells a client that it is connected, and what waits for it. What cannot be read now waits for the next connection.
pub(crate) async fn greet(cloud: &Cloud, caller: &Caller, session: Option<&str>) -> Result<()> {
    let cx = &cloud.cx;
    for frame in connect::greeting(caller, session)? {
        cx.push.send(&caller.connection, &frame).await?;
    }
    connect::deliver_waiting(cx, caller).await.unwrap_or_else(|error| error.report("connect"));
    Ok(())
}

/// Ends a socket with all that it stands for; nothing happens to one that has ended.
pub(crate) async fn end(cloud: &Cloud, socket: &str) -> Result<()> {
    for row in cloud.cx.store.connections_of(socket).await? {
        end_one(cloud, &row).await?;
    }
    Ok(())
}

/// Ends a connection: its rooms, its user's presence, its row. Last the row, so that what fails before it is done again.
pub(crate) async fn end_one(cloud: &Cloud, row: &Connection) -> Result<()> {
    let store = &cloud.cx.store;
    if row.kind != Kind::Socket {
        let rooms = cloud.gateway.rooms_of(row).await?;
        store.unsubscribe(std::slice::from_ref(&row.id), &rooms).await?;
        disconnect::leave(&cloud.cx, &caller(row, false)).await?;
    }
    store.forget_connection(&row.socket, &row.id).await
}
