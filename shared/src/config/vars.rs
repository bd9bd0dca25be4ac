//! Reading variables, each problem with the variable's name.

use std::{
    cell::RefCell, collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr, time::Duration,
};

use http::Uri;

use super::{
    AuthConfig, CloudConfig, ConfigError, LogConfig, Modes, PresenceConfig, Setting, Source,
    StoreConfig, StoreKind,
};
use crate::limits::Limits;

const GRACE_ON_A_HOST: u64 = 2;
const GRACE_IN_THE_CLOUD: u64 = 20;

/// The process's environment, or a test's, and what was read of it.
pub(super) struct Vars {
    given: BTreeMap<String, String>,
    settings: RefCell<Vec<Setting>>,
}

impl Vars {
    pub(super) fn new(given: BTreeMap<String, String>) -> Self {
        Self { given, settings: RefCell::default() }
    }

    /// Every variable that was read, in that order.
    pub(super) fn settings(self) -> Vec<Setting> {
        self.settings.into_inner()
    }

    fn given(&self, name: &str) -> Option<String> {
        self.given.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn note(&self, name: &'static str, value: &str, source: Source) {
        let setting = Setting::new(name, value, source);
        let mut settings = self.settings.borrow_mut();
        match settings.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = setting,
            None => settings.push(setting),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let given = self.given(name);
        let source = if given.is_some() { Source::Environment } else { Source::Unset };
        self.note(name, given.as_deref().unwrap_or_default(), source);
        given
    }

    /// What a variable comes to that is not set.
    fn default<T: ToString>(&self, name: &'static str, value: T) -> T {
        self.note(name, &value.to_string(), Source::Default);
        value
    }

    fn text_or(&self, name: &'static str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| self.default(name, default.to_owned()))
    }

    pub(super) fn parse<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        text.parse()
            .map(Some)
            .map_err(|_| ConfigError::new(name, format!("`{text}` is not a value of type {kind}")))
    }

    pub(super) fn parse_or<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr + ToString,
    {
        Ok(self.parse(name)?.unwrap_or_else(|| self.default(name, default)))
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
        let value = self.parse_or(name, default)?;
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

    pub(super) fn auth(&self, loopback: bool) -> Result<AuthConfig, ConfigError> {
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
        let modes = match self.text("AUTH_MODES") {
            Some(list) => list,
            None if auth.has_key() => self.default("AUTH_MODES", "jwt".into()),
            None if loopback => self.default("AUTH_MODES", "jwt,session,anonymous".into()),
            None => {
                return Err(ConfigError::new(
                    "JWT_SECRET",
                    "a host that is not on a loopback address needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL",
                ));
            }
        };
        auth.modes = parse_modes(&modes)?;
        if auth.modes.jwt && !auth.has_key() && !loopback {
            return Err(ConfigError::new("AUTH_MODES", "jwt needs a key to check tokens with"));
        }
        let unverified = auth.modes.session || auth.modes.anonymous;
        let allowed = self.parse_or("ALLOW_UNVERIFIED", false)?;
        if unverified && !loopback && !allowed {
            return Err(ConfigError::new(
                "AUTH_MODES",
                "session and anonymous clients only claim who they are; say ALLOW_UNVERIFIED=true to serve them beyond loopback",
            ));
        }
        Ok(auth)
    }

    pub(super) fn store(&self, cloud: bool) -> Result<StoreConfig, ConfigError> {
        let kind = match self.text_or("STORE", if cloud { "dynamodb" } else { "embedded" }).as_str()
        {
            "embedded" => StoreKind::Embedded,
            "dynamodb" => StoreKind::DynamoDb,
            other => {
                return Err(ConfigError::new(
                    "STORE",
                    format!("`{other}` is neither embedded nor dynamodb"),
                ));
            }
        };
        let table = self.text_or("TABLE_NAME", "tertulia");
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(3..=255).contains(&table.len()) || !table.chars().all(legal) {
            return Err(ConfigError::new(
                "TABLE_NAME",
                format!("`{table}` is no name for a DynamoDB table"),
            ));
        }
        let data_dir = self.text_or("DATA_DIR", "./data");
        let data_dir = (data_dir != ":memory:").then(|| data_dir.into());
        let endpoints = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];
        let local_endpoint = endpoints.map(|name| self.text(name)).iter().any(Option::is_some);
        // Only the SDK uses it, but who looks for a table in vain wants to see it.
        self.text("AWS_REGION");
        Ok(StoreConfig { kind, data_dir, table, local_endpoint })
    }

    pub(super) fn origins(&self) -> Result<Vec<String>, ConfigError> {
        self.text_or("FRONTEND_URL", "http://localhost:3000,http://localhost:3001")
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

    pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
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

    pub(super) fn cloud(&self) -> Result<Option<CloudConfig>, ConfigError> {
        let Some(handler) = self.given("_HANDLER") else {
            return Ok(None);
        };
        let needed = |name| {
            self.given(name).ok_or_else(|| ConfigError::new(name, "is needed by every function"))
        };
        Ok(Some(CloudConfig {
            handler,
            endpoint: needed("WEBSOCKET_ENDPOINT")?.trim_end_matches('/').to_owned(),
            later_queue: needed("LATER_QUEUE_URL")?,
            deliver_queue: needed("DELIVER_QUEUE_URL")?,
            open_queue: self.given("OPEN_QUEUE_URL"),
        }))
    }

    pub(super) fn presence(&self, cloud: bool) -> Result<PresenceConfig, ConfigError> {
        let grace = if cloud { GRACE_IN_THE_CLOUD } else { GRACE_ON_A_HOST };
        let days = self.within("SESSION_TTL_DAYS", 7, 1..=3650)?;
        Ok(PresenceConfig {
            lease: self.seconds("PRESENCE_LEASE_SECONDS", 300, 2)?,
            grace: self.seconds("PRESENCE_GRACE_SECONDS", grace, 0)?,
            room_max: self.within("PRESENCE_ROOM_MAX", 200, 0..=1_000_000)?,
            typing: self.seconds("TYPING_SECONDS", 6, 1)?,
            session_ttl: Duration::from_secs(days * 86_400),
        })
    }

    pub(super) fn log(&self) -> Result<LogConfig, ConfigError> {
        let json = match self.text_or("LOG_FORMAT", "text").as_str() {
            "text" => false,
            "json" => true,
            other => {
                return Err(ConfigError::new(
                    "LOG_FORMAT",
                    format!("`{other}` is neither text nor json"),
                ));
            }
        };
        let endpoint: Option<Uri> = self.parse("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if endpoint.as_ref().is_some_and(|uri| !is_http(uri)) {
            return Err(ConfigError::new(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "is no address of a collector, such as http://localhost:4318",
            ));
        }
        let filter = self.text_or("RUST_LOG", "info");
        Ok(LogConfig { filter, json, export: endpoint.is_some() })
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
