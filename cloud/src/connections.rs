//! The life of a connection: who it is for handlers, and how it ends.

use std::sync::Arc;

use functions::disconnect;
use shared::{
    error::Result,
    ids::Room,
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
        wants_ack,
    }
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
        let mut rooms = vec![Room::lobby()];
        if let Some(user) = &row.user {
            rooms.push(user.room());
            rooms.extend(store.memberships(&user.id).await?.into_iter().map(|one| one.room));
        }
        store.unsubscribe(std::slice::from_ref(&row.id), &rooms).await?;
        disconnect::leave(&cloud.cx, &caller(row, false)).await?;
    }
    store.forget_connection(&row.socket, &row.id).await
}
