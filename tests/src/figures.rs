//! What the host takes of memory.

use std::{net::SocketAddr, ops::Range};

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::{
    binary::Process,
    client::{Client, eventually, get, token},
    socketio::SocketIo,
};

const CONNECTIONS: u32 = 500;
/// What an idle connection may take in a debug build, where they were 8,544 and 21,610 bytes when this was written.
const MOST_BYTES_PLAIN: u64 = 11 * 1024;
const MOST_BYTES_SOCKETIO: u64 = 26 * 1024;
/// Comings and goings in a round, and what may stay of each once memory has settled.
const COMINGS: u32 = 200;
const MOST_BYTES_LEFT: u64 = 1024;
/// Rounds within which memory settles, if it does at all. It takes about eight.
const ROUNDS: usize = 30;

/// What an idle connection costs the host in memory: a thousand of them must not be felt.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_small() {
    let plain = bytes_each(async |address, user| Client::connect(address, &user).await).await;
    let socketio =
        bytes_each(async |address, user| SocketIo::connect(address, false, &user).await).await;
    assert!(plain > 0 && socketio > 0, "nothing was measured: {plain}, {socketio}");
    assert!(plain <= MOST_BYTES_PLAIN, "an idle plain WebSocket takes {plain} bytes");
    assert!(
        socketio <= MOST_BYTES_SOCKETIO,
        "an idle connection of Socket.IO takes {socketio} bytes"
    );
}

/// What each connection adds to the memory of a host.
async fn bytes_each<T>(connect: impl AsyncFn(SocketAddr, String) -> T) -> u64 {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    let address = host.address;
    let connect = async |range: Range<u32>| -> Vec<T> {
        let connections = range.map(|number| connect(address, format!("user{number}")));
        stream::iter(connections).buffer_unordered(8).collect().await
    };
    // What is needed once, whoever comes, is not what a connection costs.
    let _first = connect(0..50).await;
    let before = host.memory();
    let _all = connect(50..50 + CONNECTIONS).await;
    let each = host.memory().saturating_sub(before) / u64::from(CONNECTIONS);
    host.kill().await;
    each
}

/// Connections that ended leave nothing behind: not in memory, not in the list of connections.
#[tokio::test(flavor = "multi_thread")]
async fn what_ended_is_forgotten() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    let address = host.address;
    let come_and_go = async |number: u32| {
        let user = format!("user{}", number % COMINGS);
        if number.is_multiple_of(2) {
            let mut client = Client::connect(address, &user).await;
            client.join("c").await;
            client.ask("typing_start", json!({ "channelId": "c" })).await;
        } else {
            let mut client = SocketIo::connect(address, false, &user).await;
            client.ask("join_channel", json!({ "channelId": "c" })).await;
        }
    };
    let admin = token("admin", &["admin"]);
    let mut sizes: Vec<u64> = Vec::new();
    let settled = |sizes: &[u64]| match sizes {
        [.., before, _, _, now] => {
            now.saturating_sub(*before) <= 3 * u64::from(COMINGS) * MOST_BYTES_LEFT
        }
        _ => false,
    };
    while !settled(&sizes) {
        assert!(sizes.len() < ROUNDS, "memory goes on growing: {sizes:?}");
        stream::iter(0..COMINGS).for_each_concurrent(16, come_and_go).await;
        eventually("all have gone", async || {
            let (_, found) = get(address, "/connections", &admin).await;
            found["connections"].as_array().expect("connections").is_empty()
        })
        .await;
        sizes.push(host.memory());
    }
    host.kill().await;
}
