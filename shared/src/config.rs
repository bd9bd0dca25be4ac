//! The configuration: read from the environment once, at start. A wrong value stops the start and names its variable.

mod settings;
mod vars;

use std::{
    collections::BTreeMap, fmt, net::IpAddr, num::NonZeroUsize, path::PathBuf, thread,
    time::Duration,
};

use thiserror::Error;

pub use self::settings::{Setting, Source};
use self::vars::Vars;
use crate::limits::Limits;

/// Two events of one client may run side by side there.
const LOOK_AGAIN: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(250)];

/// A variable with a value that cannot be used.
#[derive(Debug, Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    /// What is wrong with a variable.
    #[must_use]
    pub fn new(variable: &'static str, problem: impl fmt::Display) -> Self {
        Self { variable, problem: problem.to_string() }
    }
}

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the host listens.
    pub listen: Listen,
    /// Where state is kept.
    pub store: StoreConfig,
    /// Who is let in.
    pub auth: AuthConfig,
    /// Origins that browsers may come from.
    pub origins: Vec<String>,
    /// `OPEN_ROOMS`: whether joining a room that nobody has made makes it.
    pub open_rooms: bool,
    /// `REDIS_URL`: joins several hosts over one DynamoDB.
    pub redis_url: Option<RedisUrl>,
    /// Limits on what clients send.
    pub limits: Limits,
    /// Times and sizes of presence, typing and sessions.
    pub presence: PresenceConfig,
    /// How dead Socket.IO connections are noticed. No variable: clients are told, and follow.
    pub heartbeat: Heartbeat,
    /// `LOG_FORMAT`, `RUST_LOG` and `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub log: LogConfig,
    /// What a function in the cloud is told by its template; none on a host.
    pub cloud: Option<CloudConfig>,
    /// How long after another look is taken for what an event of the same client may be writing. A host needs none:
    /// it handles a client's events one after the other.
    pub look_again: &'static [Duration],
}

/// What the template tells a function.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// `_HANDLER`: which of the functions this is.
    pub handler: String,
    /// `WEBSOCKET_ENDPOINT`: where connections are managed; ends in the stage.
    pub endpoint: String,
    /// `LATER_QUEUE_URL`: takes work with a delay.
    pub later_queue: String,
    /// `DELIVER_QUEUE_URL`: takes pages of a broadcast to many.
    pub deliver_queue: String,
    /// `OPEN_QUEUE_URL`: takes new connections to be greeted; only `connect` needs it.
    pub open_queue: Option<String>,
}

/// An address that may carry a password, which no log shall show.
#[derive(Clone)]
pub struct RedisUrl(pub String);

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// How dead Socket.IO connections are noticed.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// How often a client is pinged.
    pub interval: Duration,
    /// How long its answer may take.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    /// What Socket.IO servers do by default.
    fn default() -> Self {
        Self { interval: Duration::from_secs(25), timeout: Duration::from_secs(20) }
    }
}

/// `HOST`, `PORT` and `WORKER_THREADS`.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// `HOST`: an IP address.
    pub host: IpAddr,
    /// `PORT`: 0 takes a free one.
    pub port: u16,
    /// `WORKER_THREADS`: how many threads serve all connections.
    pub workers: NonZeroUsize,
}

/// Which DynamoDB.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `STORE`.
    pub kind: StoreKind,
    /// `DATA_DIR`; none for `:memory:`.
    pub data_dir: Option<PathBuf>,
    /// `TABLE_NAME`.
    pub table: String,
    /// Whether the SDK is pointed at an endpoint that is not AWS, where the table is made if missing.
    pub local_endpoint: bool,
}

/// `STORE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// An engine in this process.
    Embedded,
    /// Whatever the AWS SDK's own variables point at.
    DynamoDb,
}

/// Who is let in, and by what proof.
#[derive(Clone)]
pub struct AuthConfig {
    /// `AUTH_MODES`, or the default for the key and address.
    pub modes: Modes,
    /// `JWT_SECRET`: at least 32 bytes, for HS256.
    pub secret: Option<String>,
    /// `JWT_PUBLIC_KEY`: PEM, for RS256, ES256 or `EdDSA`.
    pub public_key: Option<String>,
    /// `JWT_JWKS_URL`.
    pub jwks_url: Option<String>,
    /// `JWT_ISSUER`: the `iss` a token must carry.
    pub issuer: Option<String>,
    /// `JWT_AUDIENCE`: the `aud` a token must carry.
    pub audience: Option<String>,
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig").field("modes", &self.modes).finish_non_exhaustive()
    }
}

impl AuthConfig {
    /// Whether any key to check tokens with is configured.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.secret.is_some() || self.public_key.is_some() || self.jwks_url.is_some()
    }
}

/// Which ways to identify oneself are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// By JSON Web Token.
    pub jwt: bool,
    /// By a session id that the client keeps.
    pub session: bool,
    /// By nothing, until `initialize` binds an id.
    pub anonymous: bool,
}

/// Presence, typing and sessions.
#[derive(Clone, Copy, Debug)]
pub struct PresenceConfig {
    /// `PRESENCE_LEASE_SECONDS`: how long a host that says nothing counts as alive.
    pub lease: Duration,
    /// `PRESENCE_GRACE_SECONDS`: how long a user may be without a connection and still be online.
    pub grace: Duration,
    /// `PRESENCE_ROOM_MAX`: rooms with more connections hear of no presence.
    pub room_max: usize,
    /// `TYPING_SECONDS`: how long somebody types unless renewed.
    pub typing: Duration,
    /// `SESSION_TTL_DAYS`: how long an unused session is kept.
    pub session_ttl: Duration,
}

/// How to log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `RUST_LOG`.
    pub filter: String,
    /// `LOG_FORMAT=json`.
    pub json: bool,
    /// Whether spans are exported: `OTEL_EXPORTER_OTLP_ENDPOINT` is set. The exporter itself reads where to.
    pub export: bool,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(environment())
    }

    /// Reads a set of variables.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::read(&Vars::new(vars))
    }

    /// Reads the process's environment, and tells what each variable came to.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn explained() -> Result<(Self, Vec<Setting>), ConfigError> {
        let vars = Vars::new(environment());
        Ok((Self::read(&vars)?, vars.settings()))
    }

    fn read(vars: &Vars) -> Result<Self, ConfigError> {
        let cloud = vars.cloud()?;
        let store = vars.store(cloud.is_some())?;
        let listen = Listen {
            host: vars.parse_or("HOST", IpAddr::from([127, 0, 0, 1]))?,
            port: vars.parse_or("PORT", 4000)?,
            workers: vars.parse_or("WORKER_THREADS", workers(store.kind))?,
        };
        let loopback = listen.host.is_loopback() && cloud.is_none();
        let auth = vars.auth(loopback)?;
        let development = loopback && !auth.has_key();
        let config = Self {
            listen,
            store,
            origins: vars.origins()?,
            open_rooms: vars.parse_or("OPEN_ROOMS", development)?,
            redis_url: vars.text("REDIS_URL").map(RedisUrl),
            limits: vars.limits()?,
            presence: vars.presence(cloud.is_some())?,
            heartbeat: Heartbeat::default(),
            log: vars.log()?,
            look_again: if cloud.is_some() { &LOOK_AGAIN } else { &[] },
            cloud,
            auth,
        };
        if config.redis_url.is_some() && config.store.kind == StoreKind::Embedded {
            return Err(ConfigError::new("REDIS_URL", "several hosts need STORE=dynamodb"));
        }
        Ok(config)
    }
}

/// The embedded store does one thing at a time, and threads that hand each other work cost more than they bring.
fn workers(store: StoreKind) -> NonZeroUsize {
    match store {
        StoreKind::Embedded => NonZeroUsize::MIN,
        StoreKind::DynamoDb => thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    }
}

/// The one place where the environment is read: `clippy.toml` forbids it elsewhere.
#[allow(clippy::disallowed_methods)]
fn environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}
