//! The real binary, as a process of its own: for what only a process can do, such as being killed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{client::DEADLINE, host::SECRET};

/// Builds the binary once. With the tests, because cargo then has built all but the binary itself with the same
/// features already.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut arguments = vec!["build", "--workspace", "--bins", "--tests"];
        if !cfg!(debug_assertions) {
            arguments.push("--release");
        }
        executable(&arguments, "tertulia")
    })
}

/// Has cargo build a binary, and says where it is.
pub(crate) fn executable(arguments: &[&str], name: &str) -> PathBuf {
    let output = std::process::Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .filter(|message| message["profile"]["test"] == false)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("an executable")
}

/// A command that sees no environment but what is given, in an empty directory.
pub(crate) async fn command(directory: &Path, vars: &[(&str, &str)]) -> Command {
    let binary = tokio::task::spawn_blocking(built).await.expect("built");
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("PORT", "0")
        .envs(vars.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command that is expected to end by itself.
pub(crate) async fn ends(command: &mut Command) -> Output {
    let output = timeout(DEADLINE, command.output()).await;
    output.expect("it ends in time").expect("it runs")
}

/// A running host.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    /// What it printed when it was ready.
    pub(crate) ready: String,
}

impl Process {
    /// Starts a host with the secret of the tests and no limits, and waits until it is ready.
    pub(crate) async fn start(directory: &Path, vars: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("JWT_SECRET", SECRET),
            ("OPEN_ROOMS", "true"),
            ("RATE_EVENTS_PER_SECOND", "0"),
            ("RUST_LOG", "warn"),
        ];
        all.extend(vars);
        Self::run(command(directory, &all).await).await
    }

    /// Runs a command and waits until the host is ready.
    pub(crate) async fn run(mut command: Command) -> Self {
        // Nobody reads it here, and a full pipe would stop the host: into the test's own output.
        command.stderr(Stdio::inherit());
        Self::ready(command.spawn().expect("it runs")).await
    }

    /// As [`Process::run`]; what the host logs until it ends comes with it.
    pub(crate) async fn logged(mut command: Command) -> (Self, JoinHandle<String>) {
        let mut child = command.spawn().expect("it runs");
        let mut log = child.stderr.take().expect("a pipe");
        let log = tokio::spawn(async move {
            let mut text = String::new();
            log.read_to_string(&mut text).await.expect("text");
            text
        });
        (Self::ready(child).await, log)
    }

    async fn ready(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(DEADLINE, lines.next_line()).await.expect("ready in time");
        let ready = line.expect("text").expect("a line");
        let address = ready.strip_prefix("Tertulia listens on http://").expect("the ready line");
        let address = address.parse().expect("an address");
        Self { child, lines, address, ready }
    }

    /// The next line that it prints; `None` when it has ended.
    pub(crate) async fn line(&mut self) -> Option<String> {
        timeout(DEADLINE, self.lines.next_line()).await.expect("a line in time").expect("text")
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Bytes of memory that it holds.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process's status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
        let kib = line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok());
        kib.expect("a number") * 1024
    }

    /// How many system calls it has made that write to files. Those that send to sockets do not count.
    pub(crate) fn writes(&self) -> u64 {
        let counts = std::fs::read_to_string(format!("/proc/{}/io", self.pid()));
        let counts = counts.expect("the process's counts");
        let count = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
        count.expect("a count").parse().expect("a number")
    }

    /// Asks it to end.
    pub(crate) async fn terminate(&self) {
        self.signal("-TERM").await;
    }

    /// Stops it where it is until it may go on: what is sent to it meanwhile comes all at once.
    pub(crate) async fn pause(&self) {
        self.signal("-STOP").await;
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.expect("it ends in time").expect("it ran")
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it is killed");
    }
}
