//! What people say, and what proves who they are, is in no log, span or metric, however much is asked of them.
//!
//! Everything secret here carries a mark; a host of its own logs all it can, exports all it can, and is searched.

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    routing::any,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    binary::{Process, command},
    client::{Client, get, post, token},
    host::SECRET,
    metrics,
    socketio::SocketIo,
};

pub(crate) const MARK: &str = "PLANTED";

pub(crate) fn secret(what: &str) -> String {
    format!("{MARK}-{what}")
}

/// A collector that keeps what it is sent: paths and bodies.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Bytes)>>>);

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let keep = async |State(Self(kept)): State<Self>, uri: Uri, body: Bytes| {
            kept.lock().push((uri.path().to_owned(), body));
        };
        let router = Router::new().fallback(any(keep)).with_state(collector.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, router).await });
        (collector, address)
    }

    /// What came, as text: names and texts are in it as they are.
    fn text(&self) -> String {
        let kept = self.0.lock();
        assert!(kept.iter().all(|(path, _)| path == "/v1/traces"), "other paths");
        kept.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

/// Says and shows all that is secret, over every transport; returns what else has to be found nowhere.
async fn talk(address: SocketAddr) -> Vec<String> {
    let (ana_token, service) = (token("ana", &[]), token("robot", &["service", "admin"]));
    let mut ana = Client::with_token(address, &ana_token).await.expect("a connection");
    ana.join("c").await;
    let ack = ana.ask("send_message", message("text")).await;
    let id = &ack["messageId"];
    let edit = json!({ "channelId": "c", "messageId": id, "text": secret("edit") });
    ana.ask("edit_message", edit).await;
    let thread = json!({ "channelId": "c", "messageId": id, "title": secret("title") });
    ana.ask("create_thread", thread).await;
    let mut with_id = message("text again");
    with_id["clientMessageId"] = json!(secret("client message id"));
    ana.ask("send_message", with_id).await;
    ana.ask("event_message", json!({ "message": secret("lobby") })).await;
    ana.ask("join-group", json!({ "groupId": "g" })).await;
    let activity =
        json!({ "groupId": "g", "type": "rated", "data": { "said": secret("activity") } });
    ana.ask("group-activity", activity).await;
    let first =
        json!({ "senderId": "ana", "receiverId": "bob", "messageContent": secret("first") });
    ana.ask("initialize", first).await;
    ana.ask("message", json!({ "content": secret("direct"), "multimedia": [secret("file")] }))
        .await;
    ana.ask("sync_request", json!({ "channelId": "c", "lastSeq": 0 })).await;
    wrong(&mut ana).await;

    let note = json!({ "userId": "ana", "message": secret("notification") });
    assert_eq!(post(address, "/notification/send", &service, &note).await.0, 201);
    let emitted = json!({ "event": "said", "data": { "text": secret("emitted") } });
    assert_eq!(post(address, "/channels/c/emit", &service, &emitted).await.0, 202);
    for path in ["/channels/c/messages", "/messages", "/users/bob/messages", "/notifications"] {
        let answer = reqwest::get(format!("http://{address}{path}?token={ana_token}")).await;
        assert_eq!(answer.expect("an answer").status(), 200, "{path}");
    }
    for path in ["/channels", "/PLANTED-path", "/channels/PLANTED-id/messages?before=PLANTED-query"]
    {
        get(address, path, &secret("token")).await;
        let query = format!("http://{address}{path}?token={}", secret("token"));
        assert!(reqwest::get(query).await.expect("an answer").status().is_client_error());
        get(address, path, &ana_token).await;
    }
    let body = json!({ "message": 5, "userId": { "PLANTED-key": secret("body") } });
    post(address, "/notification/send", &service, &body).await;

    let mut secrets = vec![ana_token, service, SECRET.to_owned()];
    for polling in [true, false] {
        let bob = token("bob", &[]);
        let mut socket = SocketIo::with_auth(address, polling, &json!({ "token": bob })).await;
        secrets.push(bob);
        socket.ask("join_channel", json!({ "channelId": "c" })).await;
        socket.ask("send_message", message("over Socket.IO")).await;
        socket.ask(&secret("event"), json!({ "text": secret("of no event") })).await;
        let auth = json!({ "userID": "carla", "username": "carla" });
        let mut session = SocketIo::with_auth(address, polling, &auth).await;
        let told = session.event("session").await;
        let id = told["sessionID"].as_str().expect("an id").to_owned();
        SocketIo::with_auth(address, polling, &json!({ "sessionID": id })).await;
        session.ask("event_message", json!({ "message": secret("in a session") })).await;
        let header = reqwest::Client::new().get(format!("http://{address}/notifications"));
        let header = header.header("authorization", format!("Session {id}"));
        assert_eq!(header.send().await.expect("an answer").status(), 200);
        secrets.push(id);
    }
    secrets
        .into_iter()
        .map(|secret| secret.rsplit('.').next().unwrap_or(&secret).to_owned())
        .collect()
}

fn message(text: &str) -> Value {
    json!({ "channelId": "c", "text": secret(text), "attachments": ["https://a.example/PLANTED-link"] })
}

/// All that is refused, from frames that are nothing to payloads that are almost right.
async fn wrong(ana: &mut Client) {
    ana.try_ask(&secret("event"), json!({ "text": secret("of no event") })).await;
    let payloads = [
        json!(secret("no object")),
        json!({ "channelId": { "text": secret("no id") }, "text": 5 }),
        json!({ "channelId": "c", "text": [secret("no text")] }),
        json!({ "channelId": "c", "text": secret("long").repeat(1000) }),
        json!({ "channelId": "c", "text": "", "mentions": secret("no list") }),
        json!({ "channelId": "c", "text": "x", "senderId": "bob", "more": secret("field") }),
    ];
    for payload in payloads {
        for event in
            ["send_message", "edit_message", "initialize", "refresh_token", "event_message"]
        {
            ana.try_ask(event, payload.clone()).await.expect("an ack");
        }
    }
    ana.try_ask("refresh_token", json!({ "token": secret("token") })).await.expect("an ack");
    for frame in ["no JSON", "{\"action\": \"x", "{\"action\": 5, \"data\": \"", "[\"x\"]"] {
        ana.send_text(frame.replace('x', &secret("frame"))).await;
        ana.event("error").await;
    }
    ana.send_text(format!(
        r#"{{"action": "send_message", "data": "{}"}}"#,
        secret("x").repeat(9000)
    ))
    .await;
    ana.event("error").await;
}

/// Says which of the secrets are there.
fn search(whats: &str, text: &str, secrets: &[String]) {
    let marked = text.lines().find(|line| line.contains(MARK));
    assert_eq!(marked, None, "{whats}");
    let shown = secrets.iter().find(|secret| text.contains(secret.as_str()));
    assert_eq!(shown, None, "{whats}");
}

async fn converse(directory: &Path, format: &str) {
    let (collector, address) = Collector::start().await;
    let endpoint = format!("http://{address}");
    let vars = [
        ("DATA_DIR", ":memory:"),
        ("JWT_SECRET", SECRET),
        ("AUTH_MODES", "jwt,session,anonymous"),
        ("OPEN_ROOMS", "true"),
        ("RATE_EVENTS_PER_SECOND", "0"),
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", format),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
    ];
    let (mut host, log) = Process::logged(command(directory, &vars).await).await;
    let secrets = talk(host.address).await;
    let metrics = metrics::read(host.address).await;
    host.terminate().await;
    let mut printed = host.ready.clone();
    while let Some(line) = host.line().await {
        printed.push_str(&line);
    }
    assert_eq!(host.ended().await.code(), Some(0));
    let log = log.await.expect("a log");
    let spans = collector.text();

    search("standard output", &printed, &secrets);
    search("the log", &log, &secrets);
    search("the metrics", &metrics, &secrets);
    search("the spans", &spans, &secrets);

    // All of it is about that conversation: what was searched was not empty.
    for part in [
        "send_message",
        "group-activity",
        "user.id",
        "ana",
        "channel:c",
        "group:g",
        "INVALID_REQUEST",
    ] {
        assert!(spans.contains(part), "no {part} in the spans");
    }
    assert!(spans.contains("service.name") && spans.contains("tertulia"), "spans of nobody");
    let line = log.lines().find(|line| line.contains("answered") && line.contains("send_message"));
    let line = line.expect("a line for an event");
    let fields = match format {
        "json" => {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert!(line["span"]["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{line}");
            assert_eq!(line["target"], "tertulia::event");
            for (field, value) in [("user.id", "ana"), ("room", "channel:c"), ("code", "OK")] {
                assert_eq!(line["span"][field], value, "{line}");
            }
            vec![r#""connection.id":""#.to_owned()]
        }
        _ => [
            r#"event="send_message""#,
            r#"user.id="ana""#,
            r#"connection.id=""#,
            r#"room="channel:c""#,
            r#"code="OK""#,
            "duration_ms=",
        ]
        .map(str::to_owned)
        .to_vec(),
    };
    for field in fields {
        assert!(line.contains(&field), "no {field}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_told_as_text() {
    let directory = tempfile::tempdir().expect("a directory");
    converse(directory.path(), "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_told_as_json() {
    let directory = tempfile::tempdir().expect("a directory");
    converse(directory.path(), "json").await;
}

/// A table that answers an operation, given its name and request, as it is told; else it refuses, with what it was sent.
pub(crate) async fn table(answer: fn(&str, &str) -> Option<Value>) -> String {
    let serve = async move |headers: HeaderMap, body: String| {
        let target = headers["x-amz-target"].to_str().expect("text");
        let (status, answer) = match answer(target.rsplit('.').next().expect("a name"), &body) {
            Some(answer) => (StatusCode::OK, answer),
            None => {
                let refusal =
                    json!({ "__type": "x#ValidationException", "message": "no", "Item": body });
                (StatusCode::BAD_REQUEST, refusal)
            }
        };
        (status, [("content-type", "application/x-amz-json-1.0")], answer.to_string())
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(serve))).await });
    endpoint
}

/// A table that refuses with what it was sent: what failed is logged, what it was about is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_is_logged_without_what_was_written() {
    let endpoint = table(|operation, request| match operation {
        "PutItem" if request.contains(MARK) => None,
        "Query" => Some(json!({ "Items": [] })),
        _ => Some(json!({})),
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let vars = [
        ("STORE", "dynamodb"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", "local"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("JWT_SECRET", SECRET),
        ("RUST_LOG", "trace"),
    ];
    let (mut host, log) = Process::logged(command(directory.path(), &vars).await).await;
    let mut ana = Client::connect(host.address, "ana").await;
    let ack = ana.try_ask("event_message", json!({ "message": secret("lobby") })).await;
    assert_eq!(ack.expect("an ack")["errorCode"], "INTERNAL");
    let metrics = metrics::read(host.address).await;
    let refused =
        r#"tertulia_store_duration_seconds_count{operation="PutItem",outcome="refused"} 1"#;
    assert!(metrics.contains(refused), "{metrics}");
    host.kill().await;
    let log = log.await.expect("a log");
    assert!(log.contains("ValidationException"), "{log}");
    search("the log", &log, &[]);
}

/// A collector that is not there, or never answers, holds nothing up; that spans are lost is said once.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_holds_nothing_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let silent = (format!("http://{}", silent.local_addr().expect("an address")), Some(silent));
    for (endpoint, kept) in [("http://127.0.0.1:1".to_owned(), None), silent] {
        let directory = tempfile::tempdir().expect("a directory");
        let vars = [
            ("DATA_DIR", ":memory:"),
            ("JWT_SECRET", SECRET),
            ("RATE_EVENTS_PER_SECOND", "0"),
            ("OPEN_ROOMS", "true"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ];
        let (mut host, log) = Process::logged(command(directory.path(), &vars).await).await;
        let mut ana = Client::connect(host.address, "ana").await;
        ana.join("c").await;
        for number in 0..300 {
            ana.say("c", &format!("{number}")).await;
        }
        host.terminate().await;
        assert_eq!(host.ended().await.code(), Some(0));
        let log = log.await.expect("a log");
        let told = log.lines().filter(|line| line.contains("spans cannot be exported")).count();
        assert_eq!(told, usize::from(kept.is_none()), "{log}");
    }
}
