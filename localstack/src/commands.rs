//! Commands for whoever runs the host.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap_complete::Shell;
use shared::{
    auth::Auth,
    config::{Config, Listen},
    telemetry,
};

use crate::Failure;

/// How long a host that lives may take to say so.
const ANSWER: Duration = Duration::from_secs(3);

/// Prints every variable with the value in force; fails where a start would.
pub(crate) fn config() -> Result<(), Failure> {
    let (config, settings) = Config::explained()?;
    telemetry::start(&config.log, None)?;
    Auth::new(&config.auth, config.presence.session_ttl.as_secs())?;
    let mut out = io::stdout().lock();
    for setting in settings {
        writeln!(out, "{setting}")?;
    }
    Ok(())
}

/// Asks the host that is configured, on this machine, whether it lives.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn health() -> Result<(), Failure> {
    let address = nearest(Config::from_env()?.listen);
    if address.port() == 0 {
        return Err("PORT: 0 says not where the host listens".into());
    }
    // Not by a proxy, which would be somebody else to ask.
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?;
    client.get(format!("http://{address}/health")).send().await?.error_for_status()?;
    Ok(())
}

/// Where a host that listens there can be reached from here.
fn nearest(listen: Listen) -> SocketAddr {
    let host = match listen.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, listen.port)
}

/// Prints a script that completes this command line in a shell.
pub(crate) fn completion(shell: Shell, command: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "tertulia", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
