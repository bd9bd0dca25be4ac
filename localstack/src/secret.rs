//! The secret of development: made once, kept in `DATA_DIR`, so that tokens outlive a restart.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    sync::OnceLock,
};

use shared::config::{Config, ConfigError};

const FILE: &str = "jwt-secret";

/// Whether the host makes a secret of its own: on a loopback address, with no key configured.
#[must_use]
pub fn is_development(config: &Config) -> bool {
    config.listen.host.is_loopback() && !config.auth.has_key()
}

/// The secret that is kept in `DATA_DIR`, made if there is none; one for this process alone where nothing is kept.
///
/// # Errors
/// When the file cannot be read or written.
pub fn development_secret(config: &Config) -> Result<String, ConfigError> {
    static OF_THIS_PROCESS: OnceLock<String> = OnceLock::new();
    let Some(directory) = &config.store.data_dir else {
        return Ok(OF_THIS_PROCESS.get_or_init(random).clone());
    };
    let path = directory.join(FILE);
    kept(directory, &path)
        .map_err(|error| ConfigError::new("DATA_DIR", format!("{}: {error}", path.display())))
}

fn kept(directory: &Path, path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(secret) if secret.trim().len() >= 32 => return Ok(secret.trim().to_owned()),
        Ok(_) => return Err(io::Error::other("holds no secret; remove it to get a new one")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(directory)?;
    let secret = random();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(secret.as_bytes())?;
    Ok(secret)
}

fn random() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}
