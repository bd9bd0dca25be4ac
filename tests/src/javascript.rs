//! The official clients, in Node: one test here for each file in `js/`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use tokio::sync::Semaphore;

use crate::host::{Host, SECRET};

/// Node files that run side by side: more of them, and deadlines measure the machine.
static PLACES: Semaphore = Semaphore::const_new(2);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("js")
}

/// Installs the clients once, and again when the lock file has changed.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let folder = folder();
        let lock = fs::read(folder.join("package-lock.json")).expect("a lock file");
        let stamp = folder.join("node_modules/.installed-from");
        if fs::read(&stamp).ok().as_ref() != Some(&lock) {
            let npm = Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .stdin(Stdio::null())
                .output()
                .expect("npm runs: install Node.js 20 or newer");
            assert!(npm.status.success(), "npm ci: {}", String::from_utf8_lossy(&npm.stderr));
            fs::write(&stamp, lock).expect("a stamp");
        }
        folder
    })
}

/// Runs one file against a host, which the file is told of by the environment.
async fn run(name: &str, vars: &[(&str, &str)], url: &str) {
    let _place = PLACES.acquire().await.expect("places");
    let folder = tokio::task::spawn_blocking(installed).await.expect("installed");
    let host = Host::start(vars).await;
    let output = tokio::process::Command::new("node")
        .args(["--test", &format!("{name}.test.mjs")])
        .current_dir(folder)
        .env(url, host.url())
        .env("JWT_SECRET", SECRET)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node runs: install Node.js 20 or newer");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    host.stop().await;
}

const QUICK: [(&str, &str); 2] = [("TYPING_SECONDS", "1"), ("PRESENCE_GRACE_SECONDS", "1")];

macro_rules! files {
    ($($test:ident $file:literal,)*) => {
        const FILES: &[&str] = &[$($file,)* "limits"];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                run($file, &QUICK, "TERTULIA_URL").await;
            }
        )*
    };
}

files! {
    auth "auth",
    bad_input "bad-input",
    channel_access "channel-access",
    channel_ids "channel-ids",
    channels "channels",
    direct "direct",
    emit "emit",
    groups "groups",
    history "history",
    lobby "lobby",
    mentions "mentions",
    message_limits "message-limits",
    messages "messages",
    notifications "notifications",
    page "page",
    presence "presence",
    reads "reads",
    rest "rest",
    seeds "seeds",
    seeds_chat "seeds-chat",
    sessions "sessions",
    sync "sync",
    threads "threads",
    typing "typing",
}

/// The one file that wants the limits as they are by default.
#[tokio::test(flavor = "multi_thread")]
async fn limits() {
    let defaults = [("RATE_EVENTS_PER_SECOND", "20"), ("RATE_BURST", "40")];
    run("limits", &defaults, "TERTULIA_LIMITS_URL").await;
}

#[test]
fn every_file_is_run() {
    let found: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".test.mjs").map(str::to_owned))
        .collect();
    let run: BTreeSet<String> = FILES.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(found, run);
}
