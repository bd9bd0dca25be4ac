//! Logs, on stderr: text for people, JSON for machines. No text of messages, no token, no session id is ever in them.

use std::io::IsTerminal;

use tracing_subscriber::{filter::Targets, fmt, prelude::*};

use crate::config::{ConfigError, LogConfig};

/// Starts logging for the whole process, once.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub fn start(config: &LogConfig) -> Result<(), ConfigError> {
    let filter: Targets =
        config.filter.parse().map_err(|error| ConfigError::new("RUST_LOG", error))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let log = if config.json {
        log.json().boxed()
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    tracing_subscriber::registry().with(log.with_filter(filter)).init();
    Ok(())
}
