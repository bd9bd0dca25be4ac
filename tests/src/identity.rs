//! Whose tokens a host believes, for every way to configure keys. The files in `js/` run against one secret; here
//! each test has a host with keys of its own.

mod claims;
mod jwks;
mod pem;

use futures_util::StreamExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Error};

use crate::{
    client::{DEADLINE, get},
    host::Host,
};

const INVALID: &str = "Token inválido";

/// A pair of keys. All of them were made for these tests and protect nothing.
struct TestKey {
    algorithm: Algorithm,
    private: &'static str,
    public: &'static str,
}

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("identity/keys/", $name, ".pem"))
    };
}

const RSA: TestKey =
    TestKey { algorithm: Algorithm::RS256, private: pem!("rsa"), public: pem!("rsa.pub") };
const P256: TestKey =
    TestKey { algorithm: Algorithm::ES256, private: pem!("p256"), public: pem!("p256.pub") };
const ED25519: TestKey =
    TestKey { algorithm: Algorithm::EdDSA, private: pem!("ed25519"), public: pem!("ed25519.pub") };
/// An RSA key that no host is told of.
const STRANGE: TestKey =
    TestKey { algorithm: Algorithm::RS256, private: pem!("rsa-other"), public: "" };
/// A key of a kind that no algorithm of ours goes with.
const P384_PUBLIC: &str = pem!("p384.pub");

impl TestKey {
    fn encoding(&self) -> EncodingKey {
        let pem = self.private.as_bytes();
        let key = match self.algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
            _ => EncodingKey::from_rsa_pem(pem),
        };
        key.expect("a key")
    }

    /// A token with exactly these claims.
    fn sign(&self, claims: &Value) -> String {
        signed(&Header::new(self.algorithm), claims, &self.encoding())
    }

    /// A token that names its key.
    fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.into()), ..Header::new(self.algorithm) };
        signed(&header, claims, &self.encoding())
    }

    /// The public half as a set of keys lists it.
    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.encoding(), self.algorithm).expect("a JWK");
        jwk.common.key_id = Some(kid.into());
        serde_json::to_value(jwk).expect("JSON")
    }
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).expect("a token")
}

/// Now, in the seconds of a token's times.
fn now() -> i64 {
    Timestamp::now().seconds()
}

/// Claims of a user for an hour.
fn ana() -> Value {
    json!({ "sub": "ana", "exp": now() + 3600 })
}

/// `ana` with other claims: those given are set, those that are `null` are left out.
fn ana_with(changes: Value) -> Value {
    let mut claims = ana();
    let all = claims.as_object_mut().expect("an object");
    let Value::Object(changes) = changes else { panic!("no object: {changes}") };
    for (name, value) in changes {
        match value {
            Value::Null => all.remove(&name),
            value => all.insert(name, value),
        };
    }
    claims
}

/// What a WebSocket upgrade with a token gets: the `user` of the greeting, or the status of the refusal.
async fn greeted(host: &Host, token: &str) -> Result<Value, u16> {
    let url = format!("ws://{}/ws?token={token}", host.address);
    let connecting = timeout(DEADLINE, connect_async(url)).await.expect("an answer in time");
    let mut socket = match connecting {
        Ok((socket, _)) => socket,
        Err(Error::Http(refusal)) => return Err(refusal.status().as_u16()),
        Err(error) => panic!("neither let in nor refused: {error}"),
    };
    let frame = timeout(DEADLINE, socket.next()).await.expect("a frame in time");
    let text = frame.expect("a frame").expect("no error").into_text().expect("text");
    let mut greeting: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(greeting["event"], "connected", "{greeting}");
    Ok(greeting["data"]["user"].take())
}

/// Requires that REST and the WebSocket take a token; the user that the host takes its bearer for.
async fn admitted(host: &Host, token: &str) -> Value {
    let (status, body) = get(host.address, "/notifications", token).await;
    assert_eq!(status, 200, "{body}");
    greeted(host, token).await.expect("REST took it")
}

/// Requires that REST and the WebSocket refuse a token as bad; the text of the refusal.
async fn refusal(host: &Host, token: &str) -> String {
    let (status, body) = get(host.address, "/notifications", token).await;
    assert_eq!((status, &body["errorCode"]), (401, &json!("UNAUTHORIZED")), "{body}");
    assert_eq!(greeted(host, token).await, Err(401));
    body["detail"].as_str().expect("a text").to_owned()
}

/// Requires that tokens are refused as invalid; the name of one says which was not.
async fn all_invalid<const N: usize>(host: &Host, tokens: [(&str, String); N]) {
    for (name, token) in tokens {
        assert_eq!(refusal(host, &token).await, INVALID, "{name}");
    }
}
