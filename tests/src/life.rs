//! Connections and hosts that end without saying so: those that stay learn of it, and nothing piles up.

use std::{
    any::Any,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use shared::{config::Heartbeat, store::Store};
use tertulia::{
    app, app_over,
    dynamodb::{Engine, Location},
};

use crate::{
    binary::Process,
    client::{Client, eventually, get, token},
    faults::{Fault, Tap},
    host::{Host, config},
    socketio::SocketIo,
};

/// Bytes of each of the many broadcasts.
const LARGE: usize = 16 * 1024;
/// So many of them must be enough to have a reader cut off: 1,024 that wait, and what the network holds.
const MANY: usize = 3000;
/// What a slow reader may cost: its queue, the network's share that counts as the host's, and some.
const QUEUE_BYTES: u64 = 1024 * (LARGE as u64) + 24 * 1024 * 1024;

/// A member of the channel that reads nothing more; to be kept, so that its connection stays open.
async fn slow(address: SocketAddr, kind: &str) -> Box<dyn Any> {
    if kind == "plain" {
        let mut client = Client::connect(address, "slow").await;
        client.join("c").await;
        return Box::new(client);
    }
    let mut client = SocketIo::connect(address, kind == "polling", "slow").await;
    let ack = client.ask("join_channel", json!({ "channelId": "c" })).await;
    assert_eq!(ack["success"], true, "{ack}");
    Box::new(client)
}

/// Broadcasts to the channel, without a call to the table; how many connections it went to.
async fn emit(service: &reqwest::Client, address: SocketAddr, data: Value) -> u64 {
    let body = json!({ "event": "large", "data": data });
    let call = service.post(format!("http://{address}/channels/c/emit")).json(&body);
    let answer = call.bearer_auth(token("service", &["service"])).send().await;
    let answer: Value = answer.expect("an answer").json().await.expect("JSON");
    answer["delivered"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// A reader that stops reading is cut off after a bounded queue, whatever its transport; others in the room get
/// everything, in order, and one such reader after the other costs no more memory than the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    let address = host.address;
    let mut reader = Client::connect(address, "reader").await;
    reader.join("c").await;
    let reading = tokio::spawn(async move {
        let mut expected = 0;
        loop {
            let data: Value = reader.event("large").await;
            if data["last"] == true {
                return expected;
            }
            assert_eq!(data["number"], expected, "out of order");
            expected += 1;
        }
    });

    let service = reqwest::Client::new();
    let filler = "x".repeat(LARGE);
    let large = |number: usize| json!({ "number": number, "filler": filler });
    let before = host.memory();
    let mut sent = 0;
    let mut peaks = Vec::new();
    for kind in ["plain", "plain", "websocket", "polling"] {
        let slow = slow(address, kind).await;
        let first = sent;
        let mut peak = 0;
        while emit(&service, address, large(sent)).await > 1 {
            sent += 1;
            assert!(sent - first < MANY, "{kind}: a reader that takes nothing is never cut off");
            if sent % 100 == 0 {
                peak = host.memory().max(peak);
            }
        }
        sent += 1;
        assert!(sent - first > 1000, "{kind}: cut off after {} only", sent - first);
        peaks.push(host.memory().max(peak).saturating_sub(before));
        drop(slow);
    }
    let most = peaks.iter().max().expect("some");
    assert!(*most < QUEUE_BYTES, "slow readers, one after the other, cost {peaks:?} bytes");
    emit(&service, address, json!({ "last": true })).await;
    assert_eq!(reading.await.expect("everything in order"), sent);
    host.kill().await;
}

/// A long-polling client that vanishes says nothing, and has no connection whose end could be seen: its pings do it.
#[tokio::test(flavor = "multi_thread")]
async fn a_polling_client_that_vanishes_is_noticed() {
    let mut config = config(&[("PRESENCE_GRACE_SECONDS", "0")]);
    config.heartbeat =
        Heartbeat { interval: Duration::from_secs(1), timeout: Duration::from_secs(1) };
    let host = Host::run(app(config).await.expect("a host")).await;
    let mut stays = Client::connect(host.address, "stays").await;
    stays.join("c").await;
    let mut gone = SocketIo::connect(host.address, true, "gone").await;
    gone.ask("join_channel", json!({ "channelId": "c" })).await;
    drop(gone);
    let admin = token("admin", &["admin"]);
    eventually("noticed", async || {
        let (_, found) = get(host.address, "/connections", &admin).await;
        found["connections"].as_array().expect("connections").len() == 1
    })
    .await;
    let seen = stays.event_where("user_presence", |seen| seen["status"] == "offline").await;
    assert_eq!(seen["userId"], "gone");
    host.stop().await;
}

/// A host that could not reach the table for longer than its lease was taken for dead. Its users never left: once it
/// is back they must not stay offline for as long as they are connected.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_thought_dead_comes_back() {
    let engine = Engine::open(&Location::Memory).expect("an engine");
    Store::new(engine.client(), "tertulia").create_table().await.expect("a table");
    let vars = [("PRESENCE_LEASE_SECONDS", "2"), ("PRESENCE_GRACE_SECONDS", "0")];
    let cut = Arc::new(AtomicBool::new(false));
    let is_cut = Arc::clone(&cut);
    let (client, _tap) = Tap::on(&engine.client(), move |call, _| {
        let lease = call.body.contains("\"HOSTS\"") && is_cut.load(Ordering::SeqCst);
        if lease { Fault::Before } else { Fault::Fine }
    });
    let first = Host::run(app_over(config(&vars), client).await.expect("a host")).await;
    let second = app_over(config(&vars), engine.client()).await.expect("a host");
    let second = Host::run(second).await;
    let mut ana = Client::connect(first.address, "ana").await;
    ana.join("c").await;
    let mut bob = Client::connect(second.address, "bob").await;
    bob.join("c").await;
    let status = async || {
        let bob = token("bob", &[]);
        get(second.address, "/users/ana/presence", &bob).await.1["status"].take()
    };
    assert_eq!(status().await, "online");
    cut.store(true, Ordering::SeqCst);
    eventually("taken for dead", async || status().await == "offline").await;
    cut.store(false, Ordering::SeqCst);
    eventually("online again", async || status().await == "online").await;
    ana.say("c", "still here").await;
    first.stop().await;
    second.stop().await;
}

/// A host that dies does not say goodbye for its users: another one does, once the lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn another_host_speaks_for_one_that_died() {
    let engine = Engine::open(&Location::Memory).expect("an engine");
    Store::new(engine.client(), "tertulia").create_table().await.expect("a table");
    let vars = [("PRESENCE_LEASE_SECONDS", "2"), ("PRESENCE_GRACE_SECONDS", "0")];
    // A runtime of its own: dropped, it takes all of the host's tasks with it, as a crash does.
    let dying = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let client = engine.client();
    let first = dying.spawn(async move {
        Host::run(app_over(config(&vars), client).await.expect("a host")).await
    });
    let first = first.await.expect("it runs");
    let second = app_over(config(&vars), engine.client()).await.expect("a host");
    let second = Host::run(second).await;

    let mut gone = Client::connect(first.address, "gone").await;
    gone.join("c").await;
    let mut both = Client::connect(first.address, "both").await;
    both.join("c").await;
    let _both = Client::connect(second.address, "both").await;
    let mut stays = Client::connect(second.address, "stays").await;
    stays.join("c").await;
    dying.shutdown_background();

    let offline = |seen: &Value| seen["status"] == "offline";
    let seen = stays.event_where("user_presence", offline).await;
    assert_eq!(seen["userId"], "gone");
    assert!(seen["lastSeen"].is_string(), "{seen}");
    let status = async |user: &str| {
        let path = format!("/users/{user}/presence");
        get(second.address, &path, &token("stays", &[])).await.1["status"].take()
    };
    assert_eq!(status("gone").await, "offline");
    assert_eq!(status("both").await, "online", "whoever is connected elsewhere stays online");
    // A host that lives is left alone, for several leases' time.
    let admin = token("admin", &["admin"]);
    eventually("the dead host's connections are gone", async || {
        let (_, found) = get(second.address, "/presence/online", &admin).await;
        found["presence"].as_array().expect("users").len() == 2
    })
    .await;
    second.stop().await;
}
