//! `/metrics`, of a process of its own: nobody else counts there.

use std::{net::SocketAddr, path::Path};

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{
    binary::Process,
    client::{Client, eventually, get, token},
    socketio::SocketIo,
};

async fn start(directory: &Path) -> Process {
    Process::start(directory, &[("DATA_DIR", ":memory:")]).await
}

/// What is there to be read.
pub(crate) async fn read(address: SocketAddr) -> String {
    let answer = reqwest::get(format!("http://{address}/metrics")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    answer.text().await.expect("text")
}

/// The value of a series, written as Prometheus writes it; none when there is no such series.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = start(directory.path()).await;
    let mut ana = Client::connect(host.address, "ana").await;
    let mut bob = Client::connect(host.address, "bob").await;
    let _polling = SocketIo::connect(host.address, true, "carla").await;
    let _websocket = SocketIo::connect(host.address, false, "dora").await;
    ana.join("c").await;
    bob.join("c").await;
    ana.say("c", "one").await;
    ana.say("c", "two").await;
    bob.event("new_message").await;
    let blank = json!({ "channelId": "c", "text": "" });
    ana.try_ask("send_message", blank).await.expect("an ack");
    for name in ["made up", "made up as well", "{\"more\":1}"] {
        let refused = ana.try_ask(name, json!({})).await.expect("an ack");
        assert_eq!(refused["errorCode"], "UNKNOWN_EVENT", "{refused}");
    }
    ana.send_text("no JSON".into()).await;
    ana.event("error").await;
    get(host.address, "/channels/c/messages", &token("ana", &[])).await;
    get(host.address, "/channels/other/messages", &token("ana", &[])).await;
    get(host.address, "/no/such/page", &token("ana", &[])).await;

    let text = read(host.address).await;
    for (series, expected) in [
        (r#"tertulia_events_total{event="send_message",code="OK"}"#, 2.0),
        (r#"tertulia_events_total{event="send_message",code="INVALID_REQUEST"}"#, 1.0),
        (r#"tertulia_events_total{event="join_channel",code="OK"}"#, 2.0),
        (r#"tertulia_events_total{event="unknown",code="UNKNOWN_EVENT"}"#, 3.0),
        (r#"tertulia_event_duration_seconds_count{event="send_message"}"#, 3.0),
        (r#"tertulia_event_duration_seconds_bucket{event="send_message",le="5"}"#, 3.0),
        (r#"tertulia_frames_refused_total{code="INVALID_REQUEST"}"#, 1.0),
        (r#"tertulia_connections{transport="plain"}"#, 2.0),
        (r#"tertulia_connections{transport="polling"}"#, 1.0),
        (r#"tertulia_connections{transport="websocket"}"#, 1.0),
        (r#"tertulia_queue_depth{queue="outgoing"}"#, 0.0),
        (r#"tertulia_queue_depth_max{queue="inbox"}"#, 0.0),
        (r#"tertulia_queue_depth{queue="channel_log"}"#, 0.0),
        (
            r#"tertulia_http_requests_total{method="GET",route="/channels/{id}/messages",status="200"}"#,
            1.0,
        ),
        (
            r#"tertulia_http_requests_total{method="GET",route="/channels/{id}/messages",status="404"}"#,
            1.0,
        ),
        (r#"tertulia_http_requests_total{method="GET",route="none",status="404"}"#, 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    let at_least = |series, least| {
        let found = value(&text, series);
        assert!(found.is_some_and(|found| found >= least), "{series}: {found:?}\n{text}");
    };
    at_least(r#"tertulia_store_duration_seconds_count{operation="PutItem",outcome="ok"}"#, 4.0);
    at_least("tertulia_broadcast_receivers_count", 2.0);
    at_least("tertulia_broadcast_receivers_sum", 4.0);
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).expect("a name");
        assert!(name.starts_with("tertulia_"), "{line}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
    }

    drop(ana);
    drop(bob);
    let gone = r#"tertulia_connections{transport="plain"}"#;
    eventually("they are gone", async || value(&read(host.address).await, gone) == Some(0.0)).await;
    host.kill().await;
}

/// Events that wait show, as long as they wait.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = start(directory.path()).await;
    let mut stuck = Client::connect(host.address, "stuck").await;
    stuck.join("c").await;
    let mut ana = Client::connect(host.address, "ana").await;
    ana.join("c").await;
    // More than the network takes, and less than what a reader is cut off for.
    for _ in 0..600 {
        ana.say("c", &"💬".repeat(4000)).await;
    }
    let text = read(host.address).await;
    let most = value(&text, r#"tertulia_queue_depth_max{queue="outgoing"}"#).expect("a depth");
    let all = value(&text, r#"tertulia_queue_depth{queue="outgoing"}"#).expect("a depth");
    assert!(most > 100.0 && most <= 600.0 && all >= most, "{all} in all, {most} in one");
    host.kill().await;
}

/// Only who is on the same machine, and not behind a proxy there, may read without being an administrator.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_not_for_everybody() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = start(directory.path()).await;
    let ask = async |headers: &[(&str, &str)], token: Option<String>| {
        let mut request = reqwest::Client::new().get(format!("http://{}/metrics", host.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let kind = answer.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
        if status != 200 {
            assert_eq!(kind, "application/problem+json");
            let problem: Value = answer.json().await.expect("JSON");
            assert_eq!(problem["status"], status);
        }
        status
    };
    assert_eq!(ask(&[], None).await, 200);
    assert_eq!(ask(&[("host", "localhost:4000")], None).await, 200);
    for proxied in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("host", "chat.example.com"),
    ] {
        let proxied = [proxied];
        assert_eq!(ask(&proxied, None).await, 401, "{proxied:?}");
        assert_eq!(ask(&proxied, Some("wrong".into())).await, 401, "{proxied:?}");
        assert_eq!(ask(&proxied, Some(token("ana", &["service"]))).await, 403, "{proxied:?}");
        assert_eq!(ask(&proxied, Some(token("ana", &["admin"]))).await, 200, "{proxied:?}");
    }
    host.kill().await;
}
