//! Sizes, with bounds so wide that only a change by a factor is found.

use futures_util::{StreamExt, stream};

use serde_json::json;

use crate::{
    binary::Process,
    client::{Client, eventually, get, token},
    socketio::SocketIo,
};

const CONNECTIONS: u32 = 500;
const MOST_BYTES_EACH: u64 = 40 * 1024;
/// Comings and goings in a round, and what may stay of each once memory has settled.
const COMINGS: u32 = 200;
const MOST_BYTES_LEFT: u64 = 1024;
/// Rounds within which memory settles, if it does at all. It takes about eight.
const ROUNDS: usize = 30;

/// What an idle plain WebSocket costs the host in memory: a thousand of them must not be felt.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_small() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    let address = host.address;
    let connect = async |range: std::ops::Range<u32>| -> Vec<Client> {
        stream::iter(range)
            .map(|number| async move { Client::connect(address, &format!("user{number}")).await })
            .buffer_unordered(8)
            .collect()
            .await
    };
    // What is needed once, whoever comes, is not what a connection costs.
    let _first = connect(0..50).await;
    let before = host.memory();
    let _all = connect(50..50 + CONNECTIONS).await;
    let each = host.memory().saturating_sub(before) / u64::from(CONNECTIONS);
    assert!(each > 0, "nothing was measured");
    assert!(each <= MOST_BYTES_EACH, "an idle connection takes {each} bytes");
    host.kill().await;
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
