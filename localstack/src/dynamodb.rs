//! The embedded `DynamoDB` engine: requests are answered in this process, without a port.
//!
//! It takes them as they are (`typed`), which is how a store that has it sends what every event needs, and writes items
//! that are new without the engine (`inserts`); and for all that the SDK can ask, its pipeline runs as against AWS, down
//! to the HTTP connector, which calls the engine (`wire`). `database` is what both are answered from.

mod database;
mod inserts;
mod typed;
mod wire;

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Credentials, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use dynoxide::DynoxideError;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use self::database::Database;
use self::wire::Connector;

/// The engine's file within the directory.
const DATABASE_FILE: &str = "tertulia.db";
/// Locked for as long as the engine is open, and never removed.
const LOCK_FILE: &str = "tertulia.lock";
/// What every `SQLite` file begins with, once it holds anything.
const SQLITE_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// What would end the path in a URI, or not be itself there.
const PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// Where the embedded engine keeps its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory: gone with the last clone of the engine.
    Memory,
    /// In files in this directory, which belongs to one process at a time.
    Directory(PathBuf),
}

/// An embedded engine; cloning shares it. It holds the lock on its directory for as long as any clone, or any client
/// made from one, lives.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// Fields are dropped in this order, so the file is closed before another process can have it.
struct Inner {
    database: Database,
    _lock: Option<File>,
}

/// Why the engine cannot be opened: one line for whoever starts the host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory is missing and cannot be made.
    #[error("DATA_DIR: the directory {path:?} cannot be created: {reason}")]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// Someone else has the directory open.
    #[error("DATA_DIR: {path:?} is in use: another process holds the lock on its {LOCK_FILE}")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A file in the directory cannot be opened for reading and writing.
    #[error("DATA_DIR: the file {path:?} cannot be read and written: {reason}")]
    Access {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("DATA_DIR: the file {path:?} is no database; move it away or choose another directory")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The engine refuses, for example a damaged file or one of a later version.
    #[error("DATA_DIR: the database {path:?} cannot be opened: {reason}")]
    Refused {
        /// The file, or `:memory:`.
        path: PathBuf,
        /// What the engine says.
        reason: DynoxideError,
    },
}

/// Why a sweep ended early. What it had deleted by then stays deleted; the next sweep does the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The engine could not read or write.
    #[error(transparent)]
    Engine(#[from] DynoxideError),
    /// The runtime is shutting down, or the sweep panicked.
    #[error(transparent)]
    Stopped(#[from] tokio::task::JoinError),
}

impl Engine {
    /// Opens the engine, and creates what is missing of its directory and files.
    ///
    /// # Errors
    /// See [`OpenError`]. It never waits for another process to let go of the directory.
    pub fn open(location: &Location) -> Result<Self, OpenError> {
        let (database, lock) = match location {
            Location::Memory => (open_with(Database::memory, Path::new(":memory:"))?, None),
            Location::Directory(directory) => {
                let (database, lock) = open_directory(directory)?;
                (database, Some(lock))
            }
        };
        Ok(Self { inner: Arc::new(Inner { database, _lock: lock }) })
    }

    /// An SDK client that talks to this engine in the process.
    #[must_use]
    pub fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(Connector(self.clone()));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .endpoint_url("http://embedded.invalid")
            .region(Region::from_static("local"))
            .credentials_provider(Credentials::new("local", "local", None, None, "embedded"))
            .identity_cache(IdentityCache::no_cache())
            // There is no network to lose an answer: what fails here fails again.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// Deletes the items whose time to live is over, and returns how many. It needs a Tokio runtime.
    ///
    /// # Errors
    /// When the engine fails or the runtime stops; the caller logs it.
    pub async fn sweep(&self) -> Result<usize, SweepError> {
        let engine = self.clone();
        Ok(tokio::task::spawn_blocking(move || engine.inner.database.sweep()).await??)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

fn open_directory(directory: &Path) -> Result<(Database, File), OpenError> {
    let directory = std::path::absolute(directory)
        .and_then(|path| std::fs::create_dir_all(&path).map(|()| path))
        .map_err(|reason| OpenError::Create { path: directory.into(), reason })?;
    let lock = lock(&directory)?;
    let file = directory.join(DATABASE_FILE);
    check(&file)?;
    let database = open_with(|| Database::open(&address(&file)), &file)?;
    Ok((database, lock))
}

/// The file as `SQLite` takes it, with locks held for as long as it is open: the directory is this process's own, and
/// locks and shared memory for others cost several system calls a write.
fn address(file: &Path) -> String {
    let path = percent_encode(file.as_os_str().as_bytes(), PATH);
    format!("file:{path}?vfs=unix-excl")
}

fn open_with<T>(open: impl FnOnce() -> dynoxide::Result<T>, path: &Path) -> Result<T, OpenError> {
    open().map_err(|reason| OpenError::Refused { path: path.into(), reason })
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK_FILE);
    let file = open_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: directory.into() }),
        Err(TryLockError::Error(reason)) => Err(OpenError::Access { path, reason }),
    }
}

/// `SQLite` opens a file that it may not write as a read-only one and reports so at the first write: too late.
fn check(file: &Path) -> Result<(), OpenError> {
    let mut header = Vec::with_capacity(SQLITE_HEADER.len());
    open_file(file)?
        .take(SQLITE_HEADER.len() as u64)
        .read_to_end(&mut header)
        .map_err(|reason| OpenError::Access { path: file.into(), reason })?;
    if header.is_empty() || header == SQLITE_HEADER {
        return Ok(());
    }
    Err(OpenError::NotADatabase { path: file.into() })
}

fn open_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(|reason| OpenError::Access { path: path.into(), reason })
}
