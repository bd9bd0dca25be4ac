//! `open`: greets a new connection, out of band: API Gateway takes nothing for it before `$connect` has returned.

use std::time::{Duration, Instant};

use functions::connect;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::{
    clock::Timestamp,
    engineio,
    error::Result,
    ids::Room,
    plain,
    push::Delivery,
    signal::Frame,
    store::connections::{Connection, Kind},
};

use crate::{
    Cloud, connections, heartbeat,
    invocation::{BatchAnswer, Messages},
    later::Work,
};

/// How long a connection may take until it can be posted to. Clients wait 20 s.
const PATIENCE: Duration = Duration::from_secs(18);
/// How long of that is waited here. Then it goes back into the queue: who never comes must not keep others waiting.
const PATIENCE_HERE: Duration = Duration::from_millis(600);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const AGAIN_IN_SECONDS: i32 = 1;

/// What `connect` tells of a new connection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// Its id.
    pub(crate) socket: String,
}

/// Greets connections. One that cannot be greeted now is not greeted later: its client has given up by then.
pub(crate) async fn handle(cloud: &Cloud, messages: Messages) -> BatchAnswer {
    join_all(messages.records.iter().map(|message| open(cloud, &message.body))).await;
    BatchAnswer::default()
}

/// Greets a connection. One that cannot be greeted is closed, so that its client comes back.
async fn open(cloud: &Cloud, body: &str) {
    let Ok(Opened { socket }) = serde_json::from_str(body) else {
        return tracing::error!("a new connection that cannot be read");
    };
    let Err(error) = welcome(cloud, &socket).await else { return };
    error.report("open");
    let closed = cloud.gateway.posts.close(&socket).await;
    let forgotten = cloud.queue.later(Work::gone(&[socket])).await;
    if let Err(error) = closed.and(forgotten) {
        error.report("open");
    }
}

/// Says the first word, and to a plain WebSocket all that follows.
async fn welcome(cloud: &Cloud, socket: &str) -> Result<()> {
    let Some(row) = cloud.cx.store.connection(socket, socket).await? else {
        return Ok(());
    };
    let first = match row.kind {
        // Only to learn that the connection stands: what is sent to its rooms before that would find it gone.
        Kind::Plain => plain::PING.to_owned(),
        Kind::Socket | Kind::Namespace => {
            let read = cloud.cx.config.limits.frame_bytes;
            engineio::open_packet(socket, heartbeat::PROMISE, read)
        }
    };
    if !reach(cloud, socket, &first).await? {
        if row.connected_at.plus_seconds(PATIENCE.as_secs()) < Timestamp::now() {
            return connections::end(cloud, socket).await;
        }
        let opened = Opened { socket: socket.to_owned() };
        return cloud.queue.open(&opened, AGAIN_IN_SECONDS).await;
    }
    if row.kind != Kind::Plain {
        return Ok(());
    }
    let greeted = greet(cloud, &row).await;
    if let Err(error) = &greeted {
        let frame = Frame::error(None, error, row.language)?;
        cloud.gateway.posts.post(socket, frame.plain()).await?;
    }
    greeted
}

/// Posts as soon as the connection stands; false when it does not soon.
async fn reach(cloud: &Cloud, socket: &str, text: &str) -> Result<bool> {
    let began = Instant::now();
    let mut wait = FIRST_WAIT;
    while began.elapsed() < PATIENCE_HERE {
        if cloud.gateway.posts.post(socket, text).await? == Delivery::Sent {
            return Ok(true);
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    Ok(false)
}

async fn greet(cloud: &Cloud, row: &Connection) -> Result<()> {
    let cx = &cloud.cx;
    let caller = connections::caller(row, false);
    cx.push.join(&caller, &[Room::lobby()]).await?;
    connect::enter(cx, &caller).await?;
    connections::greet(cloud, &caller, None).await
}
