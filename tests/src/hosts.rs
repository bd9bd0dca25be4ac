//! Two whole hosts over one table whose writes go wrong now and then, seen by plain WebSocket clients.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::store::Store;
use tertulia::{
    app_over,
    dynamodb::{Engine, Location},
};

use crate::{
    client::Client,
    faults::{Fault, Tap, stormy},
    host::{Host, config},
};

const CHANNEL: &str = "shared";
const SENDERS: usize = 5;
const EACH: usize = 20;

/// A host over the engine, the writes of whose logs go wrong.
async fn host(engine: &Engine, seed: u64) -> (Host, Tap) {
    let storm = stormy(seed);
    let (client, tap) =
        Tap::on(
            &engine.client(),
            move |call, number| {
                if call.appends() { storm(call, number) } else { Fault::Fine }
            },
        );
    (Host::run(app_over(config(&[]), client).await.expect("a host")).await, tap)
}

/// Sends one after the other; every other one with a client's id, and again while the answer is a failure.
async fn send(host: &Host, name: String) -> Vec<(u64, String)> {
    let mut client = Client::connect(host.address, &name).await;
    client.join(CHANNEL).await;
    let mut acked = Vec::new();
    for number in 0..EACH {
        let text = format!("{name} {number}");
        let mut data = json!({ "channelId": CHANNEL, "text": text });
        if number.is_multiple_of(2) {
            data["clientMessageId"] = json!(text);
        }
        for _ in 0..10 {
            let ack = client.try_ask("send_message", data.clone()).await.expect("a connection");
            if ack["success"] == true {
                acked.push((ack["seq"].as_u64().expect("a number"), text));
                break;
            }
            assert!(
                ack["errorCode"] == "INTERNAL" || ack["errorCode"] == "RATE_LIMITED",
                "an unexpected failure: {ack}"
            );
            if data["clientMessageId"].is_null() {
                break;
            }
        }
    }
    acked
}

fn number(entry: &Value) -> u64 {
    entry["seq"].as_u64().expect("a number")
}

/// What the contract promises of the log with any number of hosts: acks are durable, numbers gap-free, broadcasts in
/// order and as they are replayed, a client's id lands once.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_two_hosts_see_one_log() {
    let engine = Engine::open(&Location::Memory).expect("an engine");
    Store::new(engine.client(), "tertulia").create_table().await.expect("a table");
    let hosts = [host(&engine, 11).await, host(&engine, 12).await];

    let mut listeners = Vec::new();
    for (at, (host, _)) in hosts.iter().enumerate() {
        let mut listener = Client::connect(host.address, &format!("listener{at}")).await;
        listener.join(CHANNEL).await;
        listeners.push(listener);
    }
    let senders = |at: usize| {
        let host = &hosts[at].0;
        join_all((0..SENDERS).map(move |sender| send(host, format!("{at}-{sender}"))))
    };
    let (one, other) = tokio::join!(senders(0), senders(1));
    for (_, tap) in &hosts {
        let faults = tap.take().iter().filter(|call| call.fault != Fault::Fine).count();
        assert!(faults > 10, "hardly anything went wrong: {faults}");
        tap.settle().await;
    }

    let history = listeners[0].history(CHANNEL).await;
    let numbers: Vec<u64> = history.iter().map(number).collect();
    assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "numbers have gaps");
    let text = |entry: &Value| entry["data"]["message"]["content"]["text"].to_string();
    let texts: HashSet<String> = history.iter().map(text).collect();
    assert_eq!(texts.len(), history.len(), "a message is there twice");
    let acked: Vec<_> = [one, other].into_iter().flatten().flatten().collect();
    assert!(acked.len() > 2 * SENDERS * EACH * 9 / 10, "only {} came through", acked.len());
    for (seq, said) in acked {
        let entry = &history[usize::try_from(seq - 1).expect("small")];
        assert_eq!(text(entry), json!(said).to_string(), "{seq} was acknowledged to another");
    }

    // A last entry on each host brings up what the other wrote before.
    for (mut listener, (host, _)) in listeners.into_iter().zip(hosts) {
        let mut last = None;
        while last.is_none() {
            let data = json!({ "channelId": CHANNEL, "text": "the end" });
            let ack = listener.try_ask("send_message", data).await.expect("a connection");
            last = ack["seq"].as_u64();
        }
        let mut heard: Vec<u64> = Vec::new();
        while heard.last() != last.as_ref() {
            let data = listener.event("new_message").await;
            let seq = number(&data);
            if let Some(entry) = history.get(usize::try_from(seq - 1).expect("small")) {
                assert_eq!(entry["data"], data, "not as it is replayed");
            }
            heard.push(seq);
        }
        let whole: Vec<u64> = (heard[0]..=heard[heard.len() - 1]).collect();
        assert_eq!(heard, whole, "out of order, twice, or left out");
        host.stop().await;
    }
}
