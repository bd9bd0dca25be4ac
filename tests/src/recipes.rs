//! The recipes of `docs/recipes` that are no JavaScript, run as their readers would; `recipes.test.mjs` runs the others.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{
    binary::{Process, ends},
    client::{Client, DEADLINE, get, token},
    host::Host,
    tools,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes")
}

/// What is run, here or in `recipes.test.mjs`.
const RUN: [&str; 4] = ["browser.html", "plain.py", "react-native.mjs", "rest.sh"];

/// A recipe that nothing runs would be a promise; one that the index does not name, a secret.
#[test]
fn every_recipe_is_run() {
    let found: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with(".venv-"))
        .collect();
    let others = ["README.md", "mobile.md", "requirements.txt"];
    let known = RUN.iter().chain(&others).map(|name| (*name).to_owned()).collect();
    assert_eq!(found, known);
    let index = fs::read_to_string(folder().join("README.md")).expect("the index");
    for name in RUN {
        assert!(index.contains(&format!("| [{name}]({name}) |")), "{name} is not in the index");
    }
    let python = fs::read_to_string(folder().join("requirements.txt")).expect("the list");
    let version = python.trim().strip_prefix("websockets==").expect("the library");
    assert!(index.contains(&format!("| websockets {version} |")), "{version}");
}

/// Python with what the recipe needs.
fn python() -> PathBuf {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| tools::install(&folder().join("requirements.txt"))).join("python")
}

/// `plain.py` in somebody's terminal.
struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    complaints: Lines<BufReader<ChildStderr>>,
}

impl Terminal {
    async fn open(url: &str, token: &str, channel: &str) -> Self {
        let python = tokio::task::spawn_blocking(python).await.expect("installed");
        let mut child = Command::new(python)
            .arg(folder().join("plain.py"))
            .args([url, token, channel])
            // The library's own variables; by default it waits some seconds before it tries again.
            .env("WEBSOCKETS_BACKOFF_INITIAL_DELAY", "0.05")
            .env("WEBSOCKETS_BACKOFF_MIN_DELAY", "0.05")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it runs");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let complaints = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Self { child, input, output, complaints }
    }

    async fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
    }

    async fn line(&mut self) -> String {
        let line = timeout(DEADLINE, self.output.next_line()).await.expect("a line in time");
        line.expect("text").expect("it goes on")
    }

    async fn complaint(&mut self) -> String {
        let line = timeout(DEADLINE, self.complaints.next_line()).await.expect("a line in time");
        line.expect("text").expect("it goes on")
    }

    /// Waits until it has ended, and has nothing more to complain of.
    async fn ended(&mut self) -> Option<i32> {
        let status = timeout(DEADLINE, self.child.wait()).await.expect("it ends in time");
        assert_eq!(self.complaints.next_line().await.expect("text"), None);
        status.expect("it ran").code()
    }
}

/// The Python client talks, is told what it missed while the host was away, and what it says then is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn python_over_the_plain_websocket() {
    let directory = tempfile::tempdir().expect("a directory");
    let vars = [("DATA_DIR", "data")];
    let mut host = Process::start(directory.path(), &vars).await;
    let port = host.address.port().to_string();
    let url = format!("ws://{}/ws", host.address);
    let mut ana = Client::connect(host.address, "ana").await;
    ana.join("c").await;
    ana.say("c", "before").await;

    let mut terminal = Terminal::open(&url, &token("eva", &[]), "c").await;
    assert_eq!(terminal.line().await, "1 ana: before");
    terminal.write("hola").await;
    assert_eq!(terminal.line().await, "2 eva: hola");
    terminal.write(&"x".repeat(4001)).await;
    assert!(terminal.complaint().await.starts_with("INVALID_REQUEST: "));
    let message = ana.event("new_message").await["message"]["id"].clone();
    ana.ask("add_reaction", json!({ "channelId": "c", "messageId": message, "emoji": "👍" })).await;
    ana.say("c", "after an entry that is no message").await;
    assert_eq!(terminal.line().await, "4 ana: after an entry that is no message");

    host.terminate().await;
    assert_eq!(host.ended().await.code(), Some(0));
    terminal.write("while nobody was there").await;
    let mut host = Process::start(directory.path(), &[vars[0], ("PORT", &port)]).await;
    assert_eq!(terminal.line().await, "5 eva: while nobody was there");
    drop(terminal.input.take());
    assert_eq!(terminal.ended().await, Some(0));
    let mut ana = Client::connect(host.address, "ana").await;
    assert_eq!(ana.history("c").await.len(), 5);
    host.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_is_told_why_it_may_not_come_in() {
    let host = Host::start(&[("AUTH_MODES", "jwt")]).await;
    let mut terminal = Terminal::open(&format!("ws://{}/ws", host.address), "nonsense", "c").await;
    let told = terminal.complaint().await;
    assert!(told.starts_with("401: ") && told.contains("UNAUTHORIZED"), "{told}");
    assert_eq!(terminal.ended().await, Some(1));
    host.stop().await;
}

/// The calls of the script do what they say, up to the refusal at its end.
#[tokio::test(flavor = "multi_thread")]
async fn rest_with_curl() {
    let host = Host::start(&[]).await;
    let mut luis = Client::connect(host.address, "luis").await;
    let run = async |token: String, channel: &str| {
        let mut script = Command::new(folder().join("rest.sh"));
        script.args([channel, "luis"]).env("TERTULIA_URL", host.url()).env("TOKEN", token);
        let output = ends(script.stdin(Stdio::null())).await;
        let told = String::from_utf8(output.stdout).expect("UTF-8");
        let answers: Vec<Value> = told.lines().flat_map(serde_json::from_str).collect();
        assert_eq!(answers.len(), told.lines().filter(|line| !line.is_empty()).count(), "{told}");
        (output.status.code(), answers, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let service = token("service", &["service"]);
    let (code, answers, complaints) = run(service.clone(), "scripted").await;
    assert_eq!((code, answers.len()), (Some(0), 7), "{answers:?} {complaints}");
    assert_eq!(answers[0]["id"], "scripted");
    assert_eq!(
        answers[2],
        json!({ "delivered": 1 }),
        "luis was made a member while he was connected"
    );
    assert_eq!(answers[3]["delivered"], 1);
    assert_eq!(answers[4], json!({ "messages": [], "hasMore": false }));
    assert_eq!(answers[5]["members"].as_array().map(Vec::len), Some(2), "{}", answers[5]);
    assert_eq!(answers[6]["errorCode"], "CONFLICT");
    assert_eq!(luis.event("series-added").await, json!({ "seriesName": "Breaking Bad" }));
    assert_eq!(luis.event("newNotification").await["message"], "You have a new channel");

    // The first refusal ends it, and is shown.
    let (code, answers, complaints) = run(service, "scripted").await;
    assert_eq!((code, answers.len()), (Some(22), 1), "{answers:?} {complaints}");
    assert_eq!(answers[0]["errorCode"], "CONFLICT");
    let (code, answers, _) = run(token("ana", &[]), "another").await;
    assert_eq!(
        (code, &answers.last().expect("an answer")["errorCode"]),
        (Some(22), &json!("FORBIDDEN"))
    );
    host.stop().await;
}

/// What `mobile.md` says of origins: one may be a WebSocket's address, as Swift's library sends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_origin_may_be_a_websockets() {
    let host = Host::start(&[("FRONTEND_URL", "wss://api.example.com")]).await;
    for (origin, status) in [("wss://api.example.com", 200), ("https://api.example.com", 403)] {
        let call = reqwest::Client::new().get(format!("{}/health", host.url()));
        let answer = call.header("Origin", origin).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{origin}");
    }
    assert_eq!(get(host.address, "/health", "").await.0, 200);
    host.stop().await;
}
