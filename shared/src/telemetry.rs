//! Logs, on stderr: text for people, JSON for machines. No text of messages, no token, no session id is ever in them.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{ConfigError, LogConfig};

/// Starts logging for the whole process, once.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub fn start(config: &LogConfig) -> Result<(), ConfigError> {
    let filter =
        EnvFilter::try_new(&config.filter).map_err(|error| ConfigError::new("RUST_LOG", error))?;
    let color = std::io::stderr().is_terminal();
    let log = fmt().with_env_filter(filter).with_ansi(color).with_writer(std::io::stderr);
    if config.json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
