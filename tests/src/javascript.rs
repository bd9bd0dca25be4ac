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
pub(crate) const SIDE_BY_SIDE: u32 = 2;
pub(crate) static PLACES: Semaphore = Semaphore::const_new(SIDE_BY_SIDE as usize);

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
    let host = Host::start(vars).await;
    let mut all: Vec<(String, String)> = vec![(url.into(), host.url())];
    all.extend(vars.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    node(name, &all).await;
    host.stop().await;
}

/// Runs a script that must end well, and returns what it printed.
pub(crate) async fn script(arguments: &[&str], vars: &[(String, String)]) -> String {
    let folder = tokio::task::spawn_blocking(installed).await.expect("installed");
    let output = tokio::process::Command::new("node")
        .args(arguments)
        .current_dir(folder)
        .env("JWT_SECRET", SECRET)
        .envs(vars.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node runs: install Node.js 20 or newer");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Runs one file: it must pass, and skip nothing.
pub(crate) async fn node(name: &str, vars: &[(String, String)]) {
    let told = script(&["--test", "--test-reporter=tap", &format!("{name}.test.mjs")], vars).await;
    let skipped = told.lines().find_map(|line| line.strip_prefix("# skipped "));
    assert_eq!(skipped, Some("0"), "skipped on a host that it is for: {told}");
}

const QUICK: [(&str, &str); 2] = [("TYPING_SECONDS", "1"), ("PRESENCE_GRACE_SECONDS", "1")];

/// The files about what every host does, for a macro that makes a test of each; its own files come after them.
macro_rules! every_host {
    ($files:ident! { $($own:tt)* }) => {
        $files! {
            auth "auth",
            bad_input "bad-input",
            channel_access "channel-access",
            channel_ids "channel-ids",
            channels "channels",
            direct "direct",
            documented "documented",
            emit "emit",
            groups "groups",
            history "history",
            languages "languages",
            lobby "lobby",
            mentions "mentions",
            message_limits "message-limits",
            messages "messages",
            notifications "notifications",
            presence "presence",
            reads "reads",
            rest "rest",
            seeds "seeds",
            seeds_chat "seeds-chat",
            sessions "sessions",
            sync "sync",
            threads "threads",
            typing "typing",
            $($own)*
        }
    };
}
pub(crate) use every_host;

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

every_host! { files! { docs "docs", page "page", recipes "recipes", } }

macro_rules! modes {
    ($($test:ident $file:literal $vars:expr,)*) => {
        const MODES: &[&str] = &[$($file,)*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                run($file, &$vars, "TERTULIA_URL").await;
            }
        )*
    };
}

// Files about one configuration, which they know by the same variables; with another they are skipped.
modes! {
    modes_anonymous "modes-anonymous" [("AUTH_MODES", "anonymous")],
    modes_both_unverified "modes-anonymous" [("AUTH_MODES", "session,anonymous")],
    modes_development "modes-development" [("AUTH_MODES", ""), ("JWT_SECRET", ""), ("OPEN_ROOMS", ""), ("TERTULIA_DEVELOPMENT", "true")],
    modes_jwt "modes-jwt" [("AUTH_MODES", "jwt")],
    modes_by_default "modes-jwt" [("AUTH_MODES", ""), ("OPEN_ROOMS", "")],
    modes_limits "modes-limits" [("MAX_TEXT_CHARS", "10"), ("MAX_FRAME_BYTES", "2048"), ("PRESENCE_ROOM_MAX", "2")],
    modes_origins "modes-origins" [("FRONTEND_URL", "https://app.example, https://chat.example:8443/ ,,http://localhost:5173")],
    modes_rooms "modes-rooms" [("OPEN_ROOMS", "false")],
    modes_rooms_by_default "modes-rooms" [("OPEN_ROOMS", "")],
    modes_session "modes-session" [("AUTH_MODES", "session")],
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
    let cloud = crate::cloud::FILES.iter().chain(crate::cloud::ALONE);
    let run: BTreeSet<String> =
        FILES.iter().chain(MODES).chain(cloud).map(|file| (*file).to_owned()).collect();
    assert_eq!(found, run);
}
