//! A deployed stack, on an emulator of AWS of its own. Both end with the tests' process, however that ends.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::Value;

use super::bootstrap;
use crate::host::SECRET;
use crate::tools;

const READY_IN: Duration = Duration::from_secs(20);

/// An emulator of AWS.
pub(crate) struct Emulator {
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
    pub(crate) fn start(vars: &[(&str, &str)]) -> Self {
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

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Deploys the template with the bootstrap, as the README says. One stack at a time: each packs the same archive.
    pub(super) fn deploy(&self, name: &str, parameters: &[(&str, &str)]) -> Stack {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock();
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
        tools::run(&mut deploy);
        let outputs = self.outputs(name);
        Stack { name: name.to_owned(), port: self.port, outputs, parameters: all }
    }

    fn outputs(&self, stack: &str) -> Vec<(String, String)> {
        let mut list = Command::new(tools::sam().join("sam"));
        list.args(["list", "stack-outputs", "--output", "json", "--stack-name", stack]);
        let told = tools::run(list.envs(CREDENTIALS).env("AWS_ENDPOINT_URL", self.endpoint()));
        let outputs: Vec<Value> = serde_json::from_str(&told).expect("a list of outputs");
        let text = |output: &Value, name: &str| output[name].as_str().expect("text").to_owned();
        let pair = |output| (text(output, "OutputKey"), text(output, "OutputValue"));
        outputs.iter().map(pair).collect()
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

const CREDENTIALS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("SAM_CLI_TELEMETRY", "0"),
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
            ("TERTULIA_URL".into(), self.output("HttpUrl").into()),
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
