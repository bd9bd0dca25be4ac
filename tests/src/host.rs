//! A host in this process.

use std::{collections::BTreeMap, net::SocketAddr};

use shared::config::Config;
use tertulia::{App, app};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// The secret that hosts under test check tokens with.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A running host. Dropped, it stops.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
}

/// A configuration for tests: everything allowed, nothing kept, no limits; `vars` come on top.
pub(crate) fn config(vars: &[(&str, &str)]) -> Config {
    let defaults = [
        ("PORT", "0"),
        ("DATA_DIR", ":memory:"),
        ("JWT_SECRET", SECRET),
        ("AUTH_MODES", "jwt,session,anonymous"),
        ("OPEN_ROOMS", "true"),
        ("RATE_EVENTS_PER_SECOND", "0"),
    ];
    let all: BTreeMap<String, String> = defaults
        .iter()
        .chain(vars)
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Config::from_vars(all).expect("a good configuration")
}

impl Host {
    pub(crate) async fn start(vars: &[(&str, &str)]) -> Self {
        Self::run(app(config(vars)).await.expect("the host starts")).await
    }

    pub(crate) async fn run(app: App) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(app.run(listener, async {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), running }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the host as SIGTERM would, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.running).await.expect("the host does not panic").expect("the host ends well");
    }
}
