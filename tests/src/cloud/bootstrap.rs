//! The `bootstrap` as it is deployed: how large it is, what it needs, how soon it is ready.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    time::timeout,
};

use crate::{binary::executable, client::DEADLINE, host::SECRET};

const LARGEST: u64 = 12_000_000;
/// What Amazon Linux 2023 has.
const NEWEST_GLIBC: (u32, u32) = (2, 34);
const SLOWEST_START: Duration = Duration::from_millis(30);
const STARTS: usize = 7;

/// Builds it once, as for a release.
pub(super) fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        executable(&["build", "--profile", "lambda", "-p", "tertulia-cloud"], "bootstrap")
    })
}

pub(super) async fn ready() -> &'static Path {
    tokio::task::spawn_blocking(built).await.expect("built")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_small() {
    let size = fs::metadata(ready().await).expect("the binary").len();
    assert!(size <= LARGEST, "{size} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_on_amazon_linux() {
    let binary = fs::read(ready().await).expect("the binary");
    let marker = b"GLIBC_";
    let versions =
        binary.windows(16).filter(|window| window.starts_with(marker)).filter_map(|window| {
            let text: String =
                window[marker.len()..].iter().map(|byte| char::from(*byte)).collect();
            let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        });
    let newest = versions.max().expect("it needs a C library");
    assert!(newest <= NEWEST_GLIBC, "{newest:?}");
}

/// From the start of the process to its first question for work. Asked of the fastest of several: others measure who
/// else runs here.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_at_once() {
    let binary = ready().await;
    let mut fastest = Duration::MAX;
    for _ in 0..STARTS {
        fastest = fastest.min(start(binary).await);
    }
    assert!(fastest <= SLOWEST_START, "{fastest:?}");
}

async fn start(binary: &Path) -> Duration {
    let runtime = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = runtime.local_addr().expect("an address").to_string();
    let started = Instant::now();
    let mut function = function(binary, "send_message", &address).spawn().expect("it runs");
    let asked = async {
        let (mut socket, _) = runtime.accept().await.expect("a connection");
        let mut request = [0; 512];
        let read = socket.read(&mut request).await.expect("a request");
        assert!(request[..read].starts_with(b"GET /2018-06-01/runtime/invocation/next"));
        let elapsed = started.elapsed();
        socket.shutdown().await.expect("an end");
        elapsed
    };
    let elapsed = timeout(DEADLINE, asked).await.expect("it asks for work");
    function.kill().await.expect("it ends");
    elapsed
}

/// A function, as Lambda would run it.
pub(super) fn function(binary: &Path, handler: &str, runtime: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .envs([
            ("_HANDLER", handler),
            ("AWS_LAMBDA_RUNTIME_API", runtime),
            ("AWS_LAMBDA_FUNCTION_NAME", "send_message"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("WEBSOCKET_ENDPOINT", "https://example.com/live"),
            ("LATER_QUEUE_URL", "https://example.com/later"),
            ("DELIVER_QUEUE_URL", "https://example.com/deliver"),
            ("JWT_SECRET", SECRET),
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}
