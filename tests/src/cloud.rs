//! The deployed stack: the real template with the real `bootstrap`, on an emulator of AWS, under the same Node files as
//! the host, and files of its own for what only the cloud has.

mod bootstrap;
mod emf;
pub(crate) mod stack;

use std::{net::TcpListener, process::Command};

use parking_lot::Mutex;

use self::stack::{Emulator, Stack};
use crate::{
    host::Host,
    javascript::{PLACES, SIDE_BY_SIDE, every_host, node, script},
    tools,
};

/// A stack for one file at a time, everything allowed, no limits; on an emulator of its own, which does one thing at a time.
struct Deployed {
    stack: Stack,
    emulator: Emulator,
}

/// Those that no file uses at this moment. One that a file failed on does not come back.
static FREE: Mutex<Vec<Deployed>> = Mutex::new(Vec::new());

impl Deployed {
    async fn take() -> Self {
        blocking(|| {
            let free = FREE.lock().pop();
            free.unwrap_or_else(|| {
                let emulator = Emulator::start(&[]);
                Self { stack: emulator.deploy("tertulia", &[]), emulator }
            })
        })
        .await
    }

    fn give_back(self) {
        FREE.lock().push(self);
    }
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
                let _place = PLACES.acquire().await.expect("places");
                let deployed = Deployed::take().await;
                node($file, &deployed.stack.environment()).await;
                deployed.give_back();
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
                let deployed = Deployed::take().await;
                let (deployed, stack) = blocking(|| {
                    let stack = deployed.emulator.deploy($file, &$parameters);
                    (deployed, stack)
                })
                .await;
                node($file, &stack.environment()).await;
                deployed.give_back();
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
    let _places = PLACES.acquire_many(SIDE_BY_SIDE).await.expect("places");
    let deployed = Deployed::take().await;
    let host = Host::start(&[("PRESENCE_GRACE_SECONDS", "1")]).await;
    let local = script(&["transcript.mjs"], &[("TERTULIA_URL".into(), host.url())]).await;
    let cloud = script(&["transcript.mjs"], &deployed.stack.environment()).await;
    deployed.give_back();
    assert_eq!(local, cloud);
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
