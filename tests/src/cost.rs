//! What each event costs in calls to DynamoDB. Money and latency are both calls, so one more is a regression, and one
//! less is a reason to change the table here. What a message costs besides is counted in the modules.

mod allocations;
mod listener;
mod sizes;
mod writes;

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tertulia::{
    app_over,
    dynamodb::{Engine, Location},
};

use crate::{
    client::Client,
    faults::Tap,
    host::{Host, config},
    socketio::SocketIo,
};

/// A step, and the calls that it makes, in the order of their names.
const COSTS: [(&str, &[(&str, usize)]); 15] = [
    ("connect, first time", &[("Query", 2), ("UpdateItem", 1)]),
    ("connect, known to the host", &[("Query", 2), ("UpdateItem", 1)]),
    ("join a new channel", &[("GetItem", 1), ("PutItem", 2)]),
    ("join a channel", &[("GetItem", 1), ("PutItem", 1)]),
    ("join again", &[]),
    ("the channel's first message", &[("PutItem", 1), ("Query", 1)]),
    ("send_message", &[("PutItem", 1)]),
    ("send_message with a client's id", &[("TransactWriteItems", 1)]),
    ("send_message over Socket.IO", &[("PutItem", 1)]),
    ("send_message over Socket.IO polling", &[("PutItem", 1)]),
    ("mark_read", &[("Query", 2), ("UpdateItem", 1)]),
    ("add_reaction", &[("GetItem", 1), ("TransactWriteItems", 1)]),
    ("typing_start", &[]),
    ("typing_stop", &[]),
    ("set_presence", &[("UpdateItem", 2), ("Query", 1)]),
];

struct Meter {
    host: Host,
    tap: Tap,
    found: Vec<(&'static str, BTreeMap<String, usize>)>,
}

impl Meter {
    async fn start() -> Self {
        let engine = Engine::open(&Location::Memory).expect("an engine");
        let (client, tap) = Tap::counting(&engine.client());
        let app = app_over(config(&[("AWS_ENDPOINT_URL", "http://local")]), client);
        let host = Host::run(app.await.expect("a host")).await;
        tap.take();
        Self { host, tap, found: Vec::new() }
    }

    /// The calls since the last time, without those of the host's own lease.
    fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for call in self.tap.take().iter().filter(|call| !call.body.contains("\"HOSTS\"")) {
            *calls.entry(call.operation.clone()).or_default() += 1;
        }
        calls
    }

    fn note(&mut self, step: &'static str) {
        let calls = self.calls();
        self.found.push((step, calls));
    }
}

fn said(text: &str) -> Value {
    json!({ "channelId": "c", "text": text })
}

/// The whole table at once, so that a change shows all that it changes.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_costs_what_it_did() {
    let mut meter = Meter::start().await;
    let address = meter.host.address;
    // The ack of an event that costs nothing says that all of connecting is done.
    let greeted = async |client: &mut Client| client.try_ask("typing_start", json!({})).await;

    let mut ana = Client::connect(address, "ana").await;
    greeted(&mut ana).await;
    meter.note("connect, first time");
    let mut again = Client::connect(address, "ana").await;
    greeted(&mut again).await;
    meter.note("connect, known to the host");
    ana.join("c").await;
    meter.note("join a new channel");
    let mut bob = Client::connect(address, "bob").await;
    greeted(&mut bob).await;
    meter.calls();
    bob.join("c").await;
    meter.note("join a channel");
    bob.join("c").await;
    meter.note("join again");
    ana.say("c", "first").await;
    meter.note("the channel's first message");
    let ack = ana.ask("send_message", said("second")).await;
    meter.note("send_message");
    let mut with_id = said("third");
    with_id["clientMessageId"] = json!("id");
    ana.ask("send_message", with_id).await;
    meter.note("send_message with a client's id");

    for (polling, step) in
        [(false, "send_message over Socket.IO"), (true, "send_message over Socket.IO polling")]
    {
        let mut socket = SocketIo::connect(address, polling, "ana").await;
        socket.ask("typing_start", json!({ "channelId": "c" })).await;
        meter.calls();
        let ack = socket.ask("send_message", said("fourth")).await;
        assert_eq!(ack["success"], true, "{ack}");
        meter.note(step);
    }

    bob.ask("mark_read", json!({ "channelId": "c", "seq": 2 })).await;
    meter.note("mark_read");
    let reaction = json!({ "channelId": "c", "messageId": ack["messageId"], "emoji": "🦀" });
    bob.ask("add_reaction", reaction).await;
    meter.note("add_reaction");
    bob.ask("typing_start", json!({ "channelId": "c" })).await;
    meter.note("typing_start");
    bob.ask("typing_stop", json!({ "channelId": "c" })).await;
    meter.note("typing_stop");
    bob.ask("set_presence", json!({ "status": "away" })).await;
    meter.note("set_presence");

    let expected: Vec<_> = COSTS
        .iter()
        .map(|(step, calls)| {
            (*step, calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
        })
        .collect();
    assert_eq!(meter.found, expected, "found (left), expected (right)");
    meter.host.stop().await;
}

/// In the steady state a message is one put and nothing else, however many follow each other.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_messages_are_a_hundred_puts() {
    let meter = Meter::start().await;
    let mut ana = Client::connect(meter.host.address, "ana").await;
    ana.join("c").await;
    ana.say("c", "first").await;
    meter.calls();
    for number in 0..100 {
        ana.say("c", &format!("{number}")).await;
    }
    assert_eq!(meter.calls(), BTreeMap::from([("PutItem".to_owned(), 100)]));
    meter.host.stop().await;
}

/// Many senders in one channel: messages that wait for each other share a write, and the order stays exact.
#[tokio::test(flavor = "multi_thread")]
async fn senders_at_the_same_time_share_writes() {
    const SENDERS: usize = 64;
    const EACH: usize = 5;
    let meter = Meter::start().await;
    let address = meter.host.address;
    let mut listener = Client::connect(address, "listener").await;
    listener.join("c").await;
    let senders = join_all((0..SENDERS).map(async |sender| {
        let mut client = Client::connect(address, &format!("user{sender}")).await;
        client.join("c").await;
        client
    }))
    .await;
    meter.calls();

    let ready = Arc::new(tokio::sync::Barrier::new(SENDERS));
    let acked = join_all(senders.into_iter().enumerate().map(|(sender, mut client)| {
        let ready = Arc::clone(&ready);
        async move {
            ready.wait().await;
            let mut acked = Vec::new();
            for number in 0..EACH {
                let text = format!("{sender}/{number}");
                acked.push((client.say("c", &text).await, text));
            }
            acked
        }
    }));
    let acked: BTreeMap<u64, String> = acked.await.into_iter().flatten().collect();
    let calls = meter.calls();
    let writes: usize =
        calls.iter().filter(|(name, _)| *name != "Query").map(|(_, count)| count).sum();
    assert!(writes < SENDERS * EACH, "{writes} writes for {} messages", SENDERS * EACH);
    assert!(calls.get("Query").is_none_or(|count| *count <= 1), "reads in the way: {calls:?}");

    let mut heard = BTreeMap::new();
    for seq in 1..=(SENDERS * EACH) as u64 {
        let data = listener.event("new_message").await;
        assert_eq!(data["seq"], seq, "out of order");
        let text = data["message"]["content"]["text"].as_str().expect("a text");
        heard.insert(seq, text.to_owned());
    }
    assert_eq!(heard, acked);
    meter.host.stop().await;
}
