//! JSON Web Tokens: HS256 by secret; RS256, ES256 and `EdDSA` by PEM or JWKS. The token never chooses its algorithm.

use std::time::{Duration, Instant};

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation, decode,
    decode_header, encode,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{NAME_CHARS, unauthorized};
use crate::{
    clock::Timestamp,
    config::{AuthConfig, ConfigError},
    error::{Error, Result},
    ids::Id,
    text::Text,
    user::User,
};

/// An unknown key id makes the set be fetched again, but not more often than this.
const REFETCH_AFTER: Duration = Duration::from_secs(10);
/// A key that was taken out of the set is good no longer than this.
const KEPT: Duration = Duration::from_hours(1);
/// An uncompressed point of P-256, which is the curve of ES256.
const P256_BYTES: usize = 65;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id; `id` or `userId` will do as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<Id>,
    #[serde(default, skip_serializing)]
    id: Option<Id>,
    #[serde(default, rename = "userId", skip_serializing)]
    user_id: Option<Id>,
    /// The user's name; the id when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A picture's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// What the user may do beyond memberships.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// When the token ends, in seconds since 1970.
    pub exp: serde_json::Number,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<serde_json::Value>,
}

impl Claims {
    /// Claims for a user until a moment.
    #[must_use]
    pub fn new(user: Id, username: Option<String>, roles: Vec<String>, until: Timestamp) -> Self {
        Self {
            sub: Some(user),
            id: None,
            user_id: None,
            username,
            avatar: None,
            roles,
            exp: until.seconds().into(),
            iss: None,
            aud: None,
        }
    }

    fn expires(&self) -> Timestamp {
        let seconds = self.exp.as_f64().unwrap_or_default();
        #[allow(clippy::cast_possible_truncation)] // saturates, and is cut to what a time can be
        Timestamp::from_millis((seconds * 1000.0) as i64)
    }

    pub(super) fn into_user(self) -> Result<(User, Timestamp)> {
        let expires = self.expires();
        let id = self
            .sub
            .or(self.id)
            .or(self.user_id)
            .ok_or_else(|| unauthorized(Text::TokenInvalid))?;
        let username = self.username.filter(|name| !name.is_empty());
        let username = username.unwrap_or_else(|| id.to_string());
        if username.chars().count() > NAME_CHARS {
            return Err(unauthorized(Text::TokenInvalid));
        }
        let (avatar, roles) = (self.avatar, self.roles);
        Ok((User { id, username, avatar, roles, verified: true }, expires))
    }
}

struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Checks tokens against the configured keys.
pub(super) struct Verifier {
    keys: Vec<Key>,
    jwks: Option<Jwks>,
    signer: Option<EncodingKey>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Verifier {
    pub(super) fn new(config: &AuthConfig) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        if let Some(secret) = &config.secret {
            let key = DecodingKey::from_secret(secret.as_bytes());
            keys.push(Key { algorithm: Algorithm::HS256, key });
        }
        if let Some(pem) = &config.public_key {
            keys.push(read_pem(pem).ok_or_else(|| {
                ConfigError::new(
                    "JWT_PUBLIC_KEY",
                    "is no PEM of an RSA, P-256 or Ed25519 public key",
                )
            })?);
        }
        Ok(Self {
            keys,
            jwks: config.jwks_url.as_ref().map(|url| Jwks::new(url)).transpose()?,
            signer: config.secret.as_ref().map(|s| EncodingKey::from_secret(s.as_bytes())),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
        })
    }

    pub(super) fn sign(&self, claims: &Claims) -> Option<String> {
        encode(&Header::default(), claims, self.signer.as_ref()?).ok()
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Claims> {
        let header = decode_header(token).map_err(|_| unauthorized(Text::TokenInvalid))?;
        // RFC 7515: extensions that must be understood, and are not.
        if header.crit.is_some() {
            return Err(unauthorized(Text::TokenInvalid));
        }
        let configured = self.keys.iter().find(|key| key.algorithm == header.alg);
        if let Some(key) = configured {
            return self.check(token, key);
        }
        let Some(jwks) = &self.jwks else {
            return Err(unauthorized(Text::TokenInvalid));
        };
        let jwk = jwks
            .find(header.kid.as_deref())
            .await?
            .ok_or_else(|| unauthorized(Text::TokenInvalid))?;
        let key = read_jwk(&jwk).ok_or_else(|| unauthorized(Text::TokenInvalid))?;
        self.check(token, &key)
    }

    fn check(&self, token: &str, key: &Key) -> Result<Claims> {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp"]);
        match &self.issuer {
            Some(issuer) => {
                validation.set_issuer(&[issuer]);
                validation.required_spec_claims.insert("iss".into());
            }
            None => validation.iss = None,
        }
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".into());
            }
            None => validation.validate_aud = false,
        }
        match decode::<Claims>(token, &key.key, &validation) {
            // The library rounds to whole seconds.
            Ok(data) if data.claims.expires() <= Timestamp::now() => {
                Err(unauthorized(Text::TokenExpired))
            }
            Ok(data) => Ok(data.claims),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                Err(unauthorized(Text::TokenExpired))
            }
            Err(_) => Err(unauthorized(Text::TokenInvalid)),
        }
    }
}

fn read_pem(pem: &str) -> Option<Key> {
    // Keys in environment variables often carry their line ends as `\n`.
    let pem = pem.replace("\\n", "\n");
    if pem.contains("PRIVATE KEY") {
        return None;
    }
    let pem = pem.as_bytes();
    let key = |algorithm, key: jsonwebtoken::errors::Result<DecodingKey>| {
        key.ok().map(|key| Key { algorithm, key })
    };
    let is_p256 = |key: &Key| key.key.try_get_as_bytes().is_ok_and(|key| key.len() == P256_BYTES);
    key(Algorithm::RS256, DecodingKey::from_rsa_pem(pem))
        .or_else(|| key(Algorithm::ES256, DecodingKey::from_ec_pem(pem)).filter(is_p256))
        .or_else(|| key(Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)))
}

/// The key of a JWK with the one algorithm that is accepted for its kind. Symmetric keys are none.
fn read_jwk(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (key.family() != AlgorithmFamily::Hmac).then_some(Key { algorithm, key })
}

/// A set of keys that is fetched when needed and kept.
struct Jwks {
    url: reqwest::Url,
    client: reqwest::Client,
    fetched: Mutex<Option<(Instant, JwkSet)>>,
    fetching: tokio::sync::Mutex<()>,
    failed: Mutex<Option<Instant>>,
}

impl Jwks {
    fn new(url: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new("JWT_JWKS_URL", problem);
        let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build();
        let parsed: Option<reqwest::Url> = url.parse().ok();
        let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
        Ok(Self {
            url: parsed.ok_or_else(|| wrong(format!("`{url}` is no http or https URL")))?,
            client: client.map_err(|error| wrong(error.to_string()))?,
            fetched: Mutex::default(),
            fetching: <_>::default(),
            failed: Mutex::default(),
        })
    }

    async fn find(&self, kid: Option<&str>) -> Result<Option<Jwk>> {
        if let Some(jwk) = self.known(kid) {
            return Ok(Some(jwk));
        }
        let came = Instant::now();
        let _one_at_a_time = self.fetching.lock().await;
        if self.failed.lock().is_some_and(|failed| failed > came) {
            return Err(Error::internal("the key set could not be fetched a moment ago"));
        }
        let recent = |fetched: &(Instant, JwkSet)| fetched.0.elapsed() < REFETCH_AFTER;
        if !self.fetched.lock().as_ref().is_some_and(recent) {
            let set = self.fetch().await.map_err(|error| {
                *self.failed.lock() = Some(Instant::now());
                Error::internal(error)
            })?;
            *self.fetched.lock() = Some((Instant::now(), set));
        }
        Ok(self.known(kid))
    }

    fn known(&self, kid: Option<&str>) -> Option<Jwk> {
        let fetched = self.fetched.lock();
        let (_, set) = fetched.as_ref().filter(|(at, _)| at.elapsed() < KEPT)?;
        match (kid, set.keys.as_slice()) {
            (Some(kid), _) => set.find(kid).cloned(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        self.client.get(self.url.clone()).send().await?.error_for_status()?.json().await
    }
}
