//! What a function prints besides its log: metrics for CloudWatch, and nothing that anybody said.

use std::{collections::VecDeque, process::Stdio, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::HeaderName,
    routing::{get, post},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use super::bootstrap::{function, ready};
use crate::{
    client::DEADLINE,
    secrets::{MARK, secret, table},
};

/// Lambda's side of the runtime's interface: hands out invocations one by one, and takes the answers.
#[derive(Clone)]
struct Runtime {
    invocations: Arc<Mutex<VecDeque<Value>>>,
    answers: mpsc::UnboundedSender<String>,
}

type Next = ([(HeaderName, &'static str); 3], String);

async fn next(State(runtime): State<Runtime>) -> Next {
    let next = runtime.invocations.lock().pop_front();
    let Some(next) = next else { return std::future::pending().await };
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), "request"),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), "9999999999999"),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), "arn"),
    ];
    (headers, next.to_string())
}

async fn answered(State(runtime): State<Runtime>, body: String) {
    runtime.answers.send(body).expect("somebody waits");
}

fn frame(body: &str) -> Value {
    let context = json!({ "connectionId": "c1", "stage": "live", "eventType": "MESSAGE" });
    json!({ "requestContext": context, "body": body })
}

/// What a function that handles these frames prints: standard output, and the log.
async fn run(handler: &str, frames: &[String]) -> (String, String) {
    let (answers, mut answered_so_far) = mpsc::unbounded_channel();
    let invocations = Arc::new(Mutex::new(frames.iter().map(|body| frame(body)).collect()));
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/request/response", post(answered))
        .with_state(Runtime { invocations, answers });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async { axum::serve(listener, router).await });
    let endpoint = table(|operation, request| match operation {
        "Query" if request.contains("CONNS#") => Some(json!({ "Items": [{
            "socket": { "S": "c1" },
            "id": { "S": "c1" },
            "kind": { "S": "plain" },
            "user": { "S": r#"{"id":"ana","username":"ana","avatar":null,"roles":[],"verified":true}"# },
        }] })),
        "Query" => Some(json!({ "Items": [] })),
        "PutItem" if !request.contains("refused") => Some(json!({})),
        _ => None,
    })
    .await;
    let mut function = function(ready().await, handler, &address)
        .envs([
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", "json"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    for _ in frames {
        let answer = timeout(DEADLINE, answered_so_far.recv()).await.expect("an answer in time");
        answer.expect("an answer");
    }
    function.start_kill().expect("it ends");
    let output = function.wait_with_output().await.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_measures_is_printed_for_cloudwatch() {
    let event =
        |action: &str, data: Value| json!({ "action": action, "id": 1, "data": data }).to_string();
    let frames = [
        event("event_message", json!({ "message": secret("lobby") })),
        event("event_message", json!({ "message": secret("refused") })),
        event("event_message", json!(secret("no object"))),
        event(&secret("event"), json!({ "text": secret("of no event") })),
        secret("no frame"),
    ];
    let (printed, log) = run("event_message", &frames).await;
    for text in [&printed, &log] {
        let marked = text.lines().find(|line| line.contains(MARK));
        assert_eq!(marked, None);
    }
    assert_eq!(log.matches(r#""message":"done""#).count(), frames.len(), "{log}");

    let lines: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let values = |metric: &str, labels: &[(&str, &str)]| {
        let found = lines.iter().filter(|line| {
            line.get(metric).is_some() && labels.iter().all(|(name, value)| line[*name] == *value)
        });
        found.map(|line| line[metric].clone()).collect::<Vec<_>>()
    };
    let events =
        |code| values("tertulia_events_total", &[("event", "event_message"), ("code", code)]);
    assert_eq!(events("OK"), [1]);
    assert_eq!(events("INTERNAL"), [1]);
    assert_eq!(events("INVALID_REQUEST"), [1]);
    let unknown = [("event", "unknown"), ("code", "UNKNOWN_EVENT")];
    assert_eq!(values("tertulia_events_total", &unknown), [1]);
    assert_eq!(values("tertulia_frames_refused_total", &[("code", "INVALID_REQUEST")]), [1]);
    assert_eq!(
        values("tertulia_broadcast_receivers", &[]),
        [json!({ "Values": [0.0], "Counts": [1] })]
    );
    for (outcome, calls) in [("ok", 1), ("refused", 1)] {
        let labels = [("operation", "PutItem"), ("outcome", outcome)];
        let found = values("tertulia_store_duration_seconds", &labels);
        assert_eq!(found.len(), calls, "{outcome}: {found:?}");
        let took = found[0]["Values"][0].as_f64().expect("a duration");
        assert!(took > 0.0 && took < 2.0, "{took}");
    }
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "tertulia");
        assert!(
            line["_aws"]["Timestamp"].as_i64().is_some_and(|at| at > 1_700_000_000_000),
            "{line}"
        );
        for metric in directive["Metrics"].as_array().expect("metrics") {
            let name = metric["Name"].as_str().expect("a name");
            let unit = if name.ends_with("_seconds") { "Seconds" } else { "Count" };
            assert_eq!(metric["Unit"], unit, "{line}");
            assert!(!line[name].is_null(), "{line}");
        }
        for dimension in directive["Dimensions"][0].as_array().expect("dimensions") {
            assert!(line[dimension.as_str().expect("a name")].is_string(), "{line}");
        }
    }
}
