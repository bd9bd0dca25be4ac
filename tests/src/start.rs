//! Starting and stopping the real binary: what is wrong is said in one line, what was accepted is finished.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use crate::{
    binary::{Process, command, ends},
    client::{Client, DEADLINE, eventually, get, token},
    host::SECRET,
    redis::Redis,
    socketio::SocketIo,
};

/// How long a start may take that fails; with room for a machine that does other things as well.
const SOON: Duration = Duration::from_secs(5);
/// How long the end may take after SIGTERM: the contract's.
const DRAIN: Duration = Duration::from_secs(10);

/// Starts a host that cannot start, and checks that it says so: at once, in one line that names the variable.
async fn refuses(directory: &Path, variable: &str, vars: &[(&str, &str)]) -> String {
    let mut command = command(directory, vars).await;
    let output = timeout(SOON, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{vars:?}: it starts")).expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{vars:?}: {told}");
    assert!(output.stdout.is_empty(), "{vars:?} says it is ready");
    assert_eq!(told.lines().count(), 1, "{vars:?} is not one line: {told}");
    assert!(told.starts_with(&format!("tertulia: {variable}: ")), "{vars:?}: {told}");
    told
}

/// Each variable of the contract with a value that cannot be: the line names it, of the start and of `config`.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_value_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = [
        ("HOST", "nowhere"),
        ("PORT", "99999"),
        ("PORT", "http"),
        ("STORE", "postgres"),
        ("TABLE_NAME", "no/name"),
        ("AUTH_MODES", "jwt,password"),
        ("AUTH_MODES", ","),
        ("ALLOW_UNVERIFIED", "maybe"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcde"),
        ("JWT_PUBLIC_KEY", "no key"),
        ("JWT_JWKS_URL", "no address"),
        ("FRONTEND_URL", "no address"),
        ("OPEN_ROOMS", "yes"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("RATE_EVENTS_PER_SECOND", "-1"),
        ("RATE_BURST", "0"),
        ("MAX_FRAME_BYTES", "12"),
        ("MAX_TEXT_CHARS", "many"),
        ("PRESENCE_LEASE_SECONDS", "1"),
        ("PRESENCE_GRACE_SECONDS", "2s"),
        ("PRESENCE_ROOM_MAX", "none"),
        ("SESSION_TTL_DAYS", "0"),
        ("TYPING_SECONDS", "0"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "tertulia=loud"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "no address"),
    ];
    let mut failures = Vec::new();
    for (variable, value) in wrong {
        let path = directory.path().to_owned();
        // A task of its own, so that all that is wrong is found at once.
        let refused = tokio::spawn(async move {
            let vars = [("DATA_DIR", ":memory:"), (variable, value)];
            let told = refuses(&path, variable, &vars).await;
            let mut asked = command(&path, &vars).await;
            let asked = ends(asked.arg("config")).await;
            assert_eq!(
                String::from_utf8_lossy(&asked.stderr),
                told,
                "`config` says something else"
            );
            assert!(asked.stdout.is_empty() && asked.status.code() == Some(1), "{asked:?}");
        });
        if refused.await.is_err() {
            failures.push((variable, value));
        }
    }
    assert!(failures.is_empty(), "not refused, or not well: {failures:?}");
}

/// What else keeps a host from starting: somebody has the port or the files, there is no key, no table.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    refuses(path, "PORT", &[("DATA_DIR", ":memory:"), ("PORT", &port)]).await;

    refuses(path, "JWT_SECRET", &[("HOST", "0.0.0.0")]).await;
    let open = [("HOST", "0.0.0.0"), ("JWT_SECRET", SECRET), ("AUTH_MODES", "anonymous")];
    let told = refuses(path, "AUTH_MODES", &open).await;
    assert!(told.contains("ALLOW_UNVERIFIED"), "{told}");

    std::fs::write(path.join("file"), "text").expect("a file");
    for secret in ["", SECRET] {
        refuses(path, "DATA_DIR", &[("DATA_DIR", "file"), ("JWT_SECRET", secret)]).await;
    }
    std::fs::create_dir(path.join("other")).expect("a directory");
    std::fs::write(path.join("other/tertulia.db"), "no database, but text").expect("a file");
    refuses(path, "DATA_DIR", &[("DATA_DIR", "other"), ("JWT_SECRET", SECRET)]).await;

    refuses(path, "TABLE_NAME", &elsewhere("http://127.0.0.1:1")).await;
}

/// A Redis that cannot be used stops the start; its password is not shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_be_used_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let closed = Redis::start(&["--requirepass", "another"]).await;
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let silent = silent.local_addr().expect("an address");
    for url in [
        "redis://:hush@127.0.0.1:1".to_owned(),
        "http://:hush@127.0.0.1".to_owned(),
        "hush".to_owned(),
        closed.url().replace("//", "//:hush@"),
        format!("redis://:hush@{silent}"),
        format!("rediss://:hush@{silent}"),
    ] {
        let mut vars = elsewhere("http://127.0.0.1:1").to_vec();
        vars.push(("REDIS_URL", &url));
        let told = refuses(directory.path(), "REDIS_URL", &vars).await;
        assert!(!told.contains("hush"), "{told}");
    }
}

/// A table that takes a call and never answers must not keep the host, or a channel's writer, waiting for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_never_answers_is_given_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = format!("http://{}", silent.local_addr().expect("an address"));
    let listening = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(accepted) = silent.accept().await {
            kept.push(accepted);
        }
    });
    let output = ends(&mut command(directory.path(), &elsewhere(&address)).await).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("tertulia: TABLE_NAME: ") && told.lines().count() == 1, "{told}");
    listening.abort();
}

fn elsewhere(address: &str) -> [(&'static str, &str); 5] {
    [
        ("STORE", "dynamodb"),
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", "local"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
    ]
}

/// Files belong to one host at a time; the second one leaves the first alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_files_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut first = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
    refuses(directory.path(), "DATA_DIR", &[("DATA_DIR", "data"), ("JWT_SECRET", SECRET)]).await;
    Client::connect(first.address, "ana").await.join("still").await;
    first.kill().await;
}

/// With nothing configured the host is for development: it makes a secret, keeps it to itself, and prints a token;
/// the `token` command signs with the same one, and all of it outlives a restart.
#[tokio::test(flavor = "multi_thread")]
async fn development_needs_no_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut host = Process::run(command(path, &[]).await).await;
    let line = host.line().await.expect("a second line");
    let (_, printed) = line.split_once("/#token=").expect("a token");
    let printed = printed.to_owned();
    let secret = path.join("data/jwt-secret");
    let mode = std::fs::metadata(&secret).expect("a secret").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may read the secret");

    let mut signed = command(path, &[]).await;
    signed.args(["token", "--user", "7", "--role", "admin"]);
    let signed = ends(&mut signed).await;
    assert!(signed.status.success(), "{signed:?}");
    let signed = String::from_utf8(signed.stdout).expect("text").trim().to_owned();
    let accepted = async |host: &Process| {
        for token in [&printed, &signed] {
            assert_eq!(get(host.address, "/connections", token).await.0, 200, "{token}");
            assert!(Client::with_token(host.address, token).await.is_some(), "{token}");
        }
        assert_eq!(get(host.address, "/channels", &token("ana", &[])).await.0, 401);
    };
    accepted(&host).await;
    host.terminate().await;
    assert_eq!(host.ended().await.code(), Some(0));

    let mut host = Process::run(command(path, &[]).await).await;
    accepted(&host).await;
    host.kill().await;
}

/// A store that keeps nothing keeps no secret either: the printed link is good as long as the host lives.
#[tokio::test]
async fn development_in_memory_prints_a_link_that_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host =
        Process::start(directory.path(), &[("DATA_DIR", ":memory:"), ("JWT_SECRET", "")]).await;
    let line = host.line().await.expect("a second line");
    let (_, printed) = line.split_once("/#token=").expect("a token");
    assert_eq!(get(host.address, "/connections", printed).await.0, 200);
    host.kill().await;
}

/// Scripts wait for the one line on standard output: with a key there is no other.
#[tokio::test(flavor = "multi_thread")]
async fn one_line_says_that_it_is_ready() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    assert_eq!(host.ready, format!("Tertulia listens on http://{}", host.address));
    let (status, health) = get(host.address, "/health", "").await;
    assert_eq!(status, 200, "{health}");
    host.terminate().await;
    assert_eq!(host.line().await, None);
    assert_eq!(host.ended().await.code(), Some(0));
    assert!(!directory.path().join("data").exists(), "files, though nothing is to be kept");
}

/// Sends without end, a hundred messages ahead of the acks, until the host closes; what was acknowledged.
async fn pour(address: SocketAddr, user: String, told: mpsc::UnboundedSender<()>) -> Vec<u64> {
    let mut client = Client::connect(address, &user).await;
    client.join("c").await;
    let message = json!({ "channelId": "c", "text": user });
    for _ in 0..100 {
        client.send("send_message", message.clone()).await.expect("a connection");
    }
    let mut acks = Vec::new();
    while let Some(frame) = client.frame().await {
        if frame["event"] == "ack" {
            assert_eq!(frame["data"]["success"], true, "{frame}");
            acks.push(frame["data"]["seq"].as_u64().expect("a number"));
            let _ = told.send(());
            // Too late perhaps, which the next frame tells.
            client.send("send_message", message.clone()).await;
        }
    }
    acks
}

/// SIGTERM under load, from one client or from several: whose message was stored has its ack; then exit 0, in time.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_finished() {
    for clients in [1, 6] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
        let (told, mut heard) = mpsc::unbounded_channel();
        let mut pouring = JoinSet::new();
        for client in 0..clients {
            pouring.spawn(pour(host.address, format!("user{client}"), told.clone()));
        }
        for _ in 0..20 * clients {
            heard.recv().await.expect("the clients go on");
        }
        let asked = Instant::now();
        host.terminate().await;
        assert_eq!(host.ended().await.code(), Some(0));
        assert!(asked.elapsed() < DRAIN, "it took {:?}", asked.elapsed());
        let mut acks = pouring.join_all().await.concat();
        acks.sort_unstable();

        let mut host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
        let mut client = Client::connect(host.address, "user0").await;
        let stored: Vec<u64> =
            client.history("c").await.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
        let quiet: Vec<_> = stored.iter().filter(|seq| !acks.contains(seq)).collect();
        assert!(quiet.is_empty(), "{clients} clients: stored without an ack: {quiet:?}");
        assert_eq!(stored.len(), acks.len(), "acknowledged and lost");
        host.kill().await;
    }
}

/// The same over Socket.IO, whose events wait in a queue of the host's: all of them were accepted.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_over_socket_io_is_finished() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
    let mut client = SocketIo::connect(host.address, false, "ana").await;
    client.ask("join_channel", json!({ "channelId": "c" })).await;
    for number in 0..200 {
        let data = json!({ "channelId": "c", "text": format!("{number}") });
        client.emit("send_message", data).await;
    }
    let mut acks = Vec::new();
    while let Some((_, mut ack)) = client.ack().await {
        if ack["success"] == true {
            acks.push(ack["seq"].take());
        } else {
            // What came after the signal was not accepted, and is told so.
            assert_eq!(ack["errorCode"], "INTERNAL", "{ack}");
        }
        if acks.len() == 10 {
            host.terminate().await;
        }
    }
    assert_eq!(host.ended().await.code(), Some(0));

    let mut host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
    let mut client = Client::connect(host.address, "ana").await;
    let stored: Vec<_> =
        client.history("c").await.into_iter().map(|mut entry| entry["seq"].take()).collect();
    assert_eq!(stored, acks, "accepted (left), acknowledged (right)");
    host.kill().await;
}

/// A reader that is stuck holds the host up for the time that the contract allows, during which nobody new comes in,
/// and who was asking already is told that the host can take no work.
#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_reader_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Process::start(directory.path(), &[("DATA_DIR", ":memory:")]).await;
    let mut stuck = Client::connect(host.address, "stuck").await;
    stuck.join("c").await;
    let mut asking = TcpStream::connect(host.address).await.expect("a connection");
    asking.write_all(b"GET /ready HTTP/1.1\r\nHost: host\r\n").await.expect("half a request");
    let mut ana = Client::connect(host.address, "ana").await;
    ana.join("c").await;
    // More than the network takes, and less than what a reader is cut off for.
    for _ in 0..600 {
        ana.say("c", &"💬".repeat(4000)).await;
    }
    let asked = Instant::now();
    host.terminate().await;
    eventually("nobody new", async || TcpStream::connect(host.address).await.is_err()).await;
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "new connections were taken for {took:?}");
    asking.write_all(b"Connection: close\r\n\r\n").await.expect("the other half");
    let mut told = String::new();
    let read = timeout(DEADLINE, asking.read_to_string(&mut told)).await;
    read.expect("an answer in time").expect("text");
    assert!(
        told.starts_with("HTTP/1.1 503 ") && told.contains("application/problem+json"),
        "{told}"
    );
    assert!(
        told.contains(r#""status":503"#) && told.contains("El servidor se está apagando"),
        "{told}"
    );
    assert_eq!(host.ended().await.code(), Some(0));
    assert!(asked.elapsed() < DRAIN.min(DEADLINE), "it took {:?}", asked.elapsed());
}
