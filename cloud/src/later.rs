//! `later`: work whose time has come. It reads again before it acts, for the world has moved on.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use shared::{
    clock::Timestamp,
    engineio,
    error::{Code, Error, Result},
    later::Job,
    plain,
    push::{Delivery, Push},
    signal::Frame,
    store::connections::{Connection, Kind},
    text::Text,
    user::ConnectionId,
};

use crate::{
    Cloud,
    address::Address,
    connections,
    invocation::{BatchAnswer, Messages},
};

/// API Gateway ends a connection after two hours. Whatever is left after this was not said to have ended.
const LONGEST_LIFE: Duration = Duration::from_mins(130);
/// Tokens that end within this time get their own reminder: two rounds of heartbeats, should one be missed.
const REMINDER: Duration = Duration::from_mins(8);
/// Pings under way at once.
const AT_ONCE: usize = 64;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Work {
    /// What a host would do as well.
    Job(Job),
    /// What only the cloud has to do.
    Own(OwnWork),
}

/// What only the cloud has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum OwnWork {
    /// A Socket.IO client has had its time to enter a namespace.
    Unentered {
        /// The socket.
        socket: String,
    },
    /// A connection's token ends, unless there is a newer one.
    TokenEnd {
        /// The connection.
        connection: String,
    },
    /// A connection was found to be gone.
    Gone {
        /// The connection, or the socket.
        connection: String,
    },
    /// A connection was closed from here.
    Ended {
        /// The connection.
        connection: String,
    },
    /// The connections of a partition are pinged.
    Ping {
        /// The partition.
        partition: u8,
    },
}

impl Work {
    /// Forgets connections that are gone.
    pub(crate) fn gone(connections: &[String]) -> Vec<(Duration, Self)> {
        let gone = |connection: &String| OwnWork::Gone { connection: connection.clone() };
        connections.iter().map(|one| (Duration::ZERO, Self::Own(gone(one)))).collect()
    }

    /// Ends what a connection stood for, though its socket may go on.
    pub(crate) fn ended(connection: String) -> Vec<(Duration, Self)> {
        vec![(Duration::ZERO, Self::Own(OwnWork::Ended { connection }))]
    }

    /// Ends a connection when its token does, if that is before the next heartbeats.
    pub(crate) fn token_end(
        connection: &str,
        expires: Option<Timestamp>,
    ) -> Option<(Duration, Self)> {
        let left = expires?.until();
        let connection = connection.to_owned();
        (left <= REMINDER).then_some((left, Self::Own(OwnWork::TokenEnd { connection })))
    }
}

/// Does what is due; what fails comes again.
pub(crate) async fn handle(cloud: &Cloud, messages: Messages) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    let work = messages.records.into_iter().map(|message| async move {
        let work: Work = serde_json::from_str(&message.body)?;
        Ok((message.message_id, act(cloud, work).await))
    });
    let done: Vec<Result<(String, Result<()>)>> =
        stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    for outcome in done {
        match outcome {
            Ok((_, Ok(()))) => {}
            Ok((id, Err(error))) => {
                error.report("later");
                answer.fail(id);
            }
            // It would be no work the next time either.
            Err(error) => error.report("later"),
        }
    }
    answer
}

async fn act(cloud: &Cloud, work: Work) -> Result<()> {
    match work {
        Work::Job(job) => functions::later::run(&cloud.cx, &job).await,
        Work::Own(OwnWork::Unentered { socket }) => end_unentered(cloud, &socket).await,
        Work::Own(OwnWork::TokenEnd { connection }) => end_token(cloud, &connection).await,
        Work::Own(OwnWork::Gone { connection }) => {
            connections::end(cloud, Address::of(&connection).socket).await
        }
        Work::Own(OwnWork::Ended { connection }) => {
            let socket = Address::of(&connection).socket;
            match cloud.cx.store.connection(socket, &connection).await? {
                Some(row) => connections::end_one(cloud, &row).await,
                None => Ok(()),
            }
        }
        Work::Own(OwnWork::Ping { partition }) => ping(cloud, partition).await,
    }
}

async fn end_unentered(cloud: &Cloud, socket: &str) -> Result<()> {
    let rows = cloud.cx.store.connections_of(socket).await?;
    if rows.is_empty() || rows.iter().any(|row| row.kind == Kind::Namespace) {
        return Ok(());
    }
    cloud.gateway.posts.close(socket).await?;
    connections::end(cloud, socket).await
}

async fn end_token(cloud: &Cloud, connection: &str) -> Result<()> {
    let socket = Address::of(connection).socket;
    let Some(row) = cloud.cx.store.connection(socket, connection).await? else {
        return Ok(());
    };
    if row.expires.is_none_or(|expires| expires > Timestamp::now()) {
        return Ok(());
    }
    let id = ConnectionId::new(connection);
    let error = Error::new(Code::Unauthorized, Text::TokenExpired);
    let frame = Frame::error(None, &error, row.language)?;
    cloud.gateway.send(&id, &frame).await?;
    cloud.gateway.close(&id).await?;
    connections::end_one(cloud, &row).await
}

/// Pings the connections of a partition. Whoever is gone is found out that way, and nothing is written on an answer.
async fn ping(cloud: &Cloud, partition: u8) -> Result<()> {
    let rows = cloud.cx.store.connections_in(partition).await?;
    let ending = rows.iter().filter_map(|row| Work::token_end(&row.id, row.expires));
    cloud.queue.later(ending.collect()).await?;
    let sockets = rows.iter().filter(|row| row.kind != Kind::Namespace);
    let pinged: Vec<Result<Option<String>>> = stream::iter(sockets.map(|row| ping_one(cloud, row)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut gone = Vec::new();
    for outcome in pinged {
        match outcome {
            Ok(socket) => gone.extend(socket),
            // The next round pings it again.
            Err(error) => error.report("heartbeat"),
        }
    }
    cloud.queue.later(Work::gone(&gone)).await
}

async fn ping_one(cloud: &Cloud, row: &Connection) -> Result<Option<String>> {
    let too_old = row.connected_at.plus_seconds(LONGEST_LIFE.as_secs()) < Timestamp::now();
    let text = if row.kind == Kind::Plain { plain::PING } else { engineio::PING };
    let is_gone = too_old || cloud.gateway.posts.post(&row.socket, text).await? == Delivery::Gone;
    Ok(is_gone.then(|| row.socket.clone()))
}
