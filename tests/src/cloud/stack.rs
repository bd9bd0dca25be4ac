//! A deployed stack, on an emulator of AWS of its own. Both end with the tests' process, however that ends.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{bootstrap, tools};
use crate::host::SECRET;

const READY_IN: Duration = Duration::from_secs(20);

/// An emulator of AWS.
pub(super) struct Emulator {
    port: u16,
    process: Child,
}

/// A stack: what clients are told of it.
pub(super) struct Stack {
    name: String,
    port: u16,
    outputs: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Emulator {
    /// Starts it; `vars` are what it and all functions see besides.
    pub(super) fn start(vars: &[(&str, &str)]) -> Self {
        let port = free_port();
        let process = Command::new(tools::ministack().join("ministack"))
            .envs([
                ("BIND_HOST", "127.0.0.1"),
                ("MINISTACK_HOST", "localhost"),
                ("IOT_MTLS_ENABLED", "0"),
                ("SFTP_ENABLED", "0"),
                // Roles are enforced: a function may do what the template grants, and nothing else.
                ("AUTH", "true"),
                ("END_WITH_STDIN", "1"),
                ("GATEWAY_PORT", &port.to_string()),
            ])
            .env("PYTHONPATH", tools::folder())
            .envs(vars.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("MiniStack runs");
        let until = Instant::now() + READY_IN;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "MiniStack is ready within {READY_IN:?}");
            thread::sleep(Duration::from_millis(50));
        }
        Self { port, process }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Deploys the template with the bootstrap, as the README says.
    pub(super) fn deploy(&self, name: &str, parameters: &[(&str, &str)]) -> Stack {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
        let mut path = tools::sam().as_os_str().to_owned();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let mut all: Vec<(String, String)> = DEFAULTS.iter().map(own).collect();
        for (name, value) in parameters.iter().map(own) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        let mut deploy = Command::new(root.join("localstack/deploy"));
        deploy
            .args(all.iter().map(|(name, value)| format!("{name}={value}")))
            .env("PATH", path)
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("STACK_NAME", name)
            .env("BOOTSTRAP", bootstrap::built());
        let told = tools::run(&mut deploy);
        let outputs = told.lines().filter_map(|line| line.split_once('='));
        let outputs = outputs.map(|(name, value)| (name.trim().into(), value.trim().into()));
        Stack {
            name: name.to_owned(),
            port: self.port,
            outputs: outputs.collect(),
            parameters: all,
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

const DEFAULTS: [(&str, &str); 7] = [
    ("JwtSecret", SECRET),
    ("AuthModes", "jwt,session,anonymous"),
    ("AllowUnverified", "true"),
    ("OpenRooms", "true"),
    ("RateEventsPerSecond", "0"),
    ("TypingSeconds", "1"),
    ("PresenceGraceSeconds", "1"),
];

/// A parameter of the template, and the variable that it becomes.
const VARIABLES: [(&str, &str); 7] = [
    ("AuthModes", "AUTH_MODES"),
    ("OpenRooms", "OPEN_ROOMS"),
    ("RateEventsPerSecond", "RATE_EVENTS_PER_SECOND"),
    ("RateBurst", "RATE_BURST"),
    ("TypingSeconds", "TYPING_SECONDS"),
    ("PresenceGraceSeconds", "PRESENCE_GRACE_SECONDS"),
    ("FrontendUrl", "FRONTEND_URL"),
];

fn own((name, value): &(&str, &str)) -> (String, String) {
    ((*name).to_owned(), (*value).to_owned())
}

impl Stack {
    fn output(&self, name: &str) -> &str {
        let found = self.outputs.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("the output {name} in {:?}", self.outputs)).1
    }

    /// What the Node files are told: where the stack is, how to connect, and what is configured.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let websocket = self.output("WebSocketUrl");
        let host = format!("http://127.0.0.1:{}", self.port);
        let path = websocket.split_once(&self.port.to_string()).expect("a port").1;
        let options = serde_json::json!({
            "path": path, "transports": ["websocket"], "addTrailingSlash": false,
        });
        let mut all = vec![
            ("TERTULIA_URL".into(), self.output("HttpUrl").trim_end_matches("/$default").into()),
            ("TERTULIA_WS_URL".into(), format!("ws://127.0.0.1:{}{path}", self.port)),
            ("TERTULIA_SIO_URL".into(), host.clone()),
            ("TERTULIA_SIO_OPTIONS".into(), options.to_string()),
            ("TERTULIA_DEADLINE_MS".into(), "15000".into()),
            ("TERTULIA_SETTLE_MS".into(), "500".into()),
            ("AWS_ENDPOINT_URL".into(), host),
            ("STACK_NAME".into(), self.name.clone()),
            ("TABLE_NAME".into(), self.output("TableName").into()),
            ("NOTIFY_QUEUE_URL".into(), self.output("NotifyQueueUrl").into()),
        ];
        for (parameter, value) in &self.parameters {
            if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| known == parameter) {
                all.push(((*variable).into(), value.clone()));
            }
        }
        all
    }
}
