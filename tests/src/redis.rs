//! A Redis of a test's own. It ends with the test, however that ends.

use std::{
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::client::DEADLINE;

/// Ends the server when its own input ends.
const SCRIPT: &str = "redis-server \"$@\" >/dev/null & read -r _; kill -9 $!; wait $!";

pub(crate) struct Redis {
    port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Redis {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut redis = Self { port, arguments, process: None };
        redis.restart().await;
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash would. It has kept nothing.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().await.expect("it ends");
        }
    }

    /// Starts it again at the same address.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        let process = Command::new("sh")
            .args(["-c", SCRIPT, "sh", "--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("a shell"));
        let until = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(Instant::now() < until, "redis-server is needed (Debian package redis-server)");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a command; the first line that Redis answers.
    pub(crate) async fn command(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("Redis");
        stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("Redis takes it");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await.expect("an answer");
        answer
    }
}
