//! A Socket.IO client enters a namespace.

use std::sync::Arc;

use functions::connect;
use serde_json::Value;
use shared::{
    auth::{Admitted, Credentials},
    clock::Timestamp,
    engineio::{connect_error_packet, connect_packet, message},
    error::{Code, Error, Result},
    ids::Room,
    language::Language,
    store::connections::{Connection, Kind},
    text::Text,
};

use super::{count, language};
use crate::{
    Cloud,
    address::{Address, connection_id},
    connections,
    later::Work,
};

/// Lets a client in and greets it: posted, one frame after the other, so nothing is left to answer. Or says why not.
pub(super) async fn answer(
    cloud: &Cloud,
    namespace: &'static str,
    auth: &str,
    rows: Result<Vec<Connection>>,
) -> Option<String> {
    let auth: Value = serde_json::from_str(auth).unwrap_or_default();
    let asked = auth.get("lang").and_then(Value::as_str);
    let language = asked.map_or_else(
        || language(rows.as_deref().unwrap_or_default()),
        |asked| Language::preferred(Some(asked)),
    );
    let entered = async {
        let rows = rows.map_err(|error| error.without_cause())?;
        match rows.iter().find(|row| row.kind == Kind::Socket) {
            Some(socket) => enter(cloud, socket, namespace, auth, language).await,
            None => Err(Error::internal("a namespace without a socket")),
        }
    };
    let error = entered.await.err()?;
    error.log("connect");
    Some(message(&connect_error_packet(namespace, &error, language)))
}

async fn enter(
    cloud: &Cloud,
    socket: &Connection,
    namespace: &'static str,
    auth: Value,
    language: Language,
) -> Result<()> {
    count(cloud, socket).await?;
    let Admitted { user, expires, session } = identify(cloud, socket, auth).await?;
    let id = connection_id(&socket.socket, namespace);
    let row = Connection {
        socket: socket.socket.clone(),
        id: id.as_str().to_owned(),
        kind: Kind::Namespace,
        user: user.map(|user| (*user).clone()),
        expires,
        refusal: None,
        by_header: false,
        language,
        connected_at: Timestamp::now(),
    };
    if !cloud.cx.store.open_connection(&row).await? {
        // Entered already, or being entered.
        return Ok(());
    }
    let greeted = greet(cloud, &row, namespace, session.as_deref()).await;
    if greeted.is_err() {
        connections::end_one(cloud, &row).await?;
    }
    greeted
}

/// The token of the request's header, then that of `auth`, then that of the request's query; else session or nothing.
async fn identify(cloud: &Cloud, socket: &Connection, auth: Value) -> Result<Admitted> {
    let credentials = Credentials { auth, ..Credentials::default() };
    let shown_before = socket.user.is_some() || socket.refusal.is_some();
    if !shown_before || !(socket.by_header || credentials.token().is_none()) {
        return cloud.cx.auth.admit(&cloud.cx.store, &credentials).await;
    }
    if let Some(refusal) = &socket.refusal {
        return Err(Error::new(Code::Unauthorized, refusal.clone()));
    }
    if socket.expires.is_some_and(|expires| expires <= Timestamp::now()) {
        return Err(Error::new(Code::Unauthorized, Text::TokenExpired));
    }
    let user = socket.user.clone().map(Arc::new);
    Ok(Admitted { user, expires: socket.expires, session: None })
}

async fn greet(
    cloud: &Cloud,
    row: &Connection,
    namespace: &'static str,
    session: Option<&str>,
) -> Result<()> {
    let cx = &cloud.cx;
    let caller = connections::caller(row, false);
    if Address::of(&row.id).is_in_lobby() {
        cx.push.join(&caller, &[Room::lobby()]).await?;
    }
    connect::enter(cx, &caller).await?;
    cloud.queue.later(Work::token_end(&row.id, row.expires).into_iter().collect()).await?;
    let entered = message(&connect_packet(namespace, &row.id));
    cloud.gateway.posts.post(&row.socket, entered).await?;
    connections::greet(cloud, &caller, session).await
}
