//! The configuration: read from the environment once, at start. A wrong value stops the start and names its variable.

use std::{
    collections::BTreeMap, fmt, net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr,
    time::Duration,
};

use http::Uri;
use thiserror::Error;

use crate::limits::Limits;

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
    pub redis_url: Option<String>,
    /// Limits on what clients send.
    pub limits: Limits,
    /// Times and sizes of presence, typing and sessions.
    pub presence: PresenceConfig,
    /// How dead Socket.IO connections are noticed. No variable: clients are told, and follow.
    pub heartbeat: Heartbeat,
    /// `LOG_FORMAT` and `RUST_LOG`.
    pub log: LogConfig,
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

/// `HOST` and `PORT`.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// `HOST`: an IP address.
    pub host: IpAddr,
    /// `PORT`: 0 takes a free one.
    pub port: u16,
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
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        // The one place where the environment is read: `clippy.toml` forbids it elsewhere.
        #[allow(clippy::disallowed_methods)]
        Self::from_vars(std::env::vars().collect())
    }

    /// Reads a set of variables.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let vars = Vars(vars);
        let listen = Listen {
            host: vars.parse("HOST")?.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: vars.parse("PORT")?.unwrap_or(4000),
        };
        let auth = vars.auth(listen.host.is_loopback())?;
        let development = listen.host.is_loopback() && !auth.has_key();
        let config = Self {
            listen,
            store: vars.store()?,
            origins: vars.origins()?,
            open_rooms: vars.parse("OPEN_ROOMS")?.unwrap_or(development),
            redis_url: vars.text("REDIS_URL"),
            limits: vars.limits()?,
            presence: vars.presence()?,
            heartbeat: Heartbeat::default(),
            log: vars.log()?,
            auth,
        };
        if config.redis_url.is_some() && config.store.kind == StoreKind::Embedded {
            return Err(ConfigError::new("REDIS_URL", "several hosts need STORE=dynamodb"));
        }
        Ok(config)
    }
}

struct Vars(BTreeMap<String, String>);

impl Vars {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn parse<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        text.parse()
            .map(Some)
            .map_err(|_| ConfigError::new(name, format!("`{text}` is not a value of type {kind}")))
    }

    fn within<T>(
        &self,
        name: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let value = self.parse(name)?.unwrap_or(default);
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            return Err(ConfigError::new(name, format!("{value} is not within {least} to {most}")));
        }
        Ok(value)
    }

    fn seconds(
        &self,
        name: &'static str,
        default: u64,
        least: u64,
    ) -> Result<Duration, ConfigError> {
        self.within(name, default, least..=86_400).map(Duration::from_secs)
    }

    fn auth(&self, loopback: bool) -> Result<AuthConfig, ConfigError> {
        let mut auth = AuthConfig {
            modes: Modes::default(),
            secret: self.text("JWT_SECRET"),
            public_key: self.text("JWT_PUBLIC_KEY"),
            jwks_url: self.text("JWT_JWKS_URL"),
            issuer: self.text("JWT_ISSUER"),
            audience: self.text("JWT_AUDIENCE"),
        };
        if auth.secret.as_ref().is_some_and(|secret| secret.len() < 32) {
            return Err(ConfigError::new("JWT_SECRET", "must be at least 32 bytes long"));
        }
        auth.modes = match self.text("AUTH_MODES") {
            Some(list) => parse_modes(&list)?,
            None if auth.has_key() => Modes { jwt: true, ..Modes::default() },
            None if loopback => Modes { jwt: true, session: true, anonymous: true },
            None => {
                return Err(ConfigError::new(
                    "JWT_SECRET",
                    "a host that is not on a loopback address needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL",
                ));
            }
        };
        if auth.modes.jwt && !auth.has_key() && !loopback {
            return Err(ConfigError::new("AUTH_MODES", "jwt needs a key to check tokens with"));
        }
        let unverified = auth.modes.session || auth.modes.anonymous;
        let allowed = self.parse("ALLOW_UNVERIFIED")?.unwrap_or(false);
        if unverified && !loopback && !allowed {
            return Err(ConfigError::new(
                "AUTH_MODES",
                "session and anonymous clients only claim who they are; say ALLOW_UNVERIFIED=true to serve them beyond loopback",
            ));
        }
        Ok(auth)
    }

    fn store(&self) -> Result<StoreConfig, ConfigError> {
        let kind = match self.text("STORE").as_deref() {
            None | Some("embedded") => StoreKind::Embedded,
            Some("dynamodb") => StoreKind::DynamoDb,
            Some(other) => {
                return Err(ConfigError::new(
                    "STORE",
                    format!("`{other}` is neither embedded nor dynamodb"),
                ));
            }
        };
        let table = self.text("TABLE_NAME").unwrap_or_else(|| "tertulia".into());
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(3..=255).contains(&table.len()) || !table.chars().all(legal) {
            return Err(ConfigError::new(
                "TABLE_NAME",
                format!("`{table}` is no name for a DynamoDB table"),
            ));
        }
        let data_dir = match self.text("DATA_DIR").as_deref() {
            Some(":memory:") => None,
            other => Some(other.unwrap_or("./data").into()),
        };
        let local_endpoint = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]
            .iter()
            .any(|name| self.text(name).is_some());
        Ok(StoreConfig { kind, data_dir, table, local_endpoint })
    }

    fn origins(&self) -> Result<Vec<String>, ConfigError> {
        self.text("FRONTEND_URL")
            .unwrap_or_else(|| "http://localhost:3000,http://localhost:3001".into())
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                let uri: Option<Uri> = origin.parse().ok();
                let is_origin = |uri: &Uri| uri.scheme().is_some() && uri.path() == "/";
                if uri.as_ref().is_some_and(is_origin) {
                    return Ok(origin);
                }
                let problem = format!("`{origin}` is no origin, such as https://example.com");
                Err(ConfigError::new("FRONTEND_URL", problem))
            })
            .collect()
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let limits = Limits {
            events_per_second: self.within("RATE_EVENTS_PER_SECOND", 20, 0..=1_000_000)?,
            burst: self.within("RATE_BURST", 40, 0..=1_000_000)?,
            frame_bytes: self.within("MAX_FRAME_BYTES", 32 * 1024, 1024..=256 * 1024)?,
            text_chars: self.within("MAX_TEXT_CHARS", 4000, 1..=32_000)?,
        };
        if limits.events_per_second > 0 && limits.burst == 0 {
            return Err(ConfigError::new("RATE_BURST", "must be at least 1"));
        }
        Ok(limits)
    }

    fn presence(&self) -> Result<PresenceConfig, ConfigError> {
        let days = self.within("SESSION_TTL_DAYS", 7, 1..=3650)?;
        Ok(PresenceConfig {
            lease: self.seconds("PRESENCE_LEASE_SECONDS", 300, 2)?,
            grace: self.seconds("PRESENCE_GRACE_SECONDS", 2, 0)?,
            room_max: self.within("PRESENCE_ROOM_MAX", 200, 0..=1_000_000)?,
            typing: self.seconds("TYPING_SECONDS", 6, 1)?,
            session_ttl: Duration::from_secs(days * 86_400),
        })
    }

    fn log(&self) -> Result<LogConfig, ConfigError> {
        let json = match self.text("LOG_FORMAT").as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => {
                return Err(ConfigError::new(
                    "LOG_FORMAT",
                    format!("`{other}` is neither text nor json"),
                ));
            }
        };
        Ok(LogConfig { filter: self.text("RUST_LOG").unwrap_or_else(|| "info".into()), json })
    }
}

fn parse_modes(list: &str) -> Result<Modes, ConfigError> {
    let mut modes = Modes::default();
    for mode in list.split(',').map(str::trim).filter(|mode| !mode.is_empty()) {
        match mode {
            "jwt" => modes.jwt = true,
            "session" => modes.session = true,
            "anonymous" => modes.anonymous = true,
            other => {
                return Err(ConfigError::new(
                    "AUTH_MODES",
                    format!("`{other}` is none of jwt, session, anonymous"),
                ));
            }
        }
    }
    if modes == Modes::default() {
        return Err(ConfigError::new("AUTH_MODES", "names no mode, so nobody could connect"));
    }
    Ok(modes)
}
