//! The deployed stack: the real template with the real `bootstrap`, on an emulator of AWS, under the same Node files as
//! the host, and files of its own for what only the cloud has.

mod bootstrap;
mod emf;
pub(crate) mod stack;

use std::{net::TcpListener, process::Command, sync::OnceLock};

use self::stack::{Emulator, Stack};
use crate::{
    host::Host,
    javascript::{PLACES, SIDE_BY_SIDE, every_host, node, script},
    tools,
};

/// The emulator that most files share.
fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| Emulator::start(&[]))
}

/// The stack that most files share: everything allowed, no limits.
fn shared() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| emulator().deploy("tertulia", &[]))
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

macro_rules! files {
    ($($test:ident $file:literal,)*) => {
        pub(crate) const FILES: &[&str] = &[$($file,)*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let environment = blocking(|| shared().environment()).await;
                let _place = PLACES.acquire().await.expect("places");
                node($file, &environment).await;
            }
        )*
    };
}

every_host! { files! {
    cloud_frames "cloud-frames",
    cloud_log "cloud-log",
    cloud_services "cloud-services",
} }

macro_rules! alone {
    ($($test:ident $file:literal,)*) => {
        pub(crate) const ALONE: &[&str] = &[$($file,)* "cloud-throttled"];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                alone($file).await;
            }
        )*
    };
}

// Files that measure, kill, or keep an emulator busy: each has one of its own, and no other file beside it.
alone! {
    cloud_fanout "cloud-fanout",
    cloud_killed "cloud-killed",
    cloud_life "cloud-life",
}

async fn alone(file: &'static str) {
    let _places = PLACES.acquire_many(SIDE_BY_SIDE).await.expect("places");
    let (emulator, environment) = blocking(move || {
        let emulator = Emulator::start(&[]);
        let environment = emulator.deploy(file, &[]).environment();
        (emulator, environment)
    })
    .await;
    node(file, &environment).await;
    blocking(move || drop(emulator)).await;
}

macro_rules! modes {
    ($($test:ident $file:literal $parameters:expr,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let _place = PLACES.acquire().await.expect("places");
                let stack = blocking(|| emulator().deploy($file, &$parameters)).await;
                node($file, &stack.environment()).await;
            }
        )*
    };
}

// Files about one configuration, each on a stack of its own.
modes! {
    modes_anonymous "modes-anonymous" [("AuthModes", "anonymous")],
    modes_jwt "modes-jwt" [("AuthModes", "jwt"), ("AllowUnverified", "false"), ("OpenRooms", "false")],
    modes_rooms "modes-rooms" [("OpenRooms", "false")],
    modes_session "modes-session" [("AuthModes", "session")],
}

/// With a table that is throttled: the file is itself between the functions and the table.
#[tokio::test(flavor = "multi_thread")]
async fn cloud_throttled() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port().to_string();
    drop(listener);
    let proxy = format!("http://127.0.0.1:{port}");
    let _place = PLACES.acquire().await.expect("places");
    let (emulator, mut environment) = blocking(move || {
        let emulator = Emulator::start(&[("AWS_ENDPOINT_URL_DYNAMODB", &proxy)]);
        let environment = emulator.deploy("throttled", &[]).environment();
        (emulator, environment)
    })
    .await;
    environment.push(("DYNAMODB_PROXY_PORT".into(), port));
    node("cloud-throttled", &environment).await;
    blocking(move || drop(emulator)).await;
}

/// Clients cannot tell one host from the other.
#[tokio::test(flavor = "multi_thread")]
async fn both_hosts_say_the_same() {
    let environment = blocking(|| shared().environment()).await;
    let _places = PLACES.acquire_many(SIDE_BY_SIDE).await.expect("places");
    let host = Host::start(&[("PRESENCE_GRACE_SECONDS", "1")]).await;
    let local = script(&["transcript.mjs"], &[("TERTULIA_URL".into(), host.url())]).await;
    let deployed = script(&["transcript.mjs"], &environment).await;
    assert_eq!(local, deployed);
}

/// What AWS and the tools' own rules say of the template.
#[tokio::test(flavor = "multi_thread")]
async fn the_template_is_valid() {
    blocking(|| {
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
        let region = ["--region", "eu-central-1"];
        let mut sam = Command::new(tools::sam().join("sam"));
        sam.args(["validate", "--lint", "--template", template]).args(region);
        tools::run(sam.env("SAM_CLI_TELEMETRY", "0"));
        tools::run(Command::new(tools::sam().join("cfn-lint")).arg(template));
    })
    .await;
}
