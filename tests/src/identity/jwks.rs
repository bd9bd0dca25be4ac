//! A set of keys at `JWT_JWKS_URL`: fetched when it is needed, kept, and fetched again when its keys have changed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    routing::get as route,
};
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tertulia::app;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{
    ED25519, INVALID, P256, RSA, STRANGE, TestKey, admitted, all_invalid, ana, greeted, refusal,
    signed,
};
use crate::{
    client::{DEADLINE, eventually, get},
    host::{Host, config},
};

/// The set is not fetched again within this time: the contract's promise to whoever serves it.
const REFETCH_AFTER: Duration = Duration::from_secs(10);
/// So slow that a crowd has come before the first answer.
const SLOW: Duration = Duration::from_millis(300);
/// What the server of the keys says when it fails. It is not for clients.
const TROUBLE: &str = "the-keys-are-on-fire";

/// Who issues tokens: a server of one document, on a port of its own.
struct Issuer {
    url: String,
    served: Arc<Served>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct Served {
    /// The document; none while the server is in trouble.
    text: Mutex<Option<String>>,
    /// How long the server takes to answer.
    delay: Mutex<Duration>,
    asked: AtomicUsize,
}

impl Issuer {
    async fn start(keys: &[Value]) -> Self {
        let served = Arc::new(Served::default());
        let document = |State(served): State<Arc<Served>>| async move {
            served.asked.fetch_add(1, Ordering::SeqCst);
            let delay = *served.delay.lock();
            tokio::time::sleep(delay).await;
            let text = served.text.lock().clone();
            let text = text.ok_or((StatusCode::SERVICE_UNAVAILABLE, TROUBLE))?;
            Ok::<_, (StatusCode, &str)>(([(header::CONTENT_TYPE, "application/json")], text))
        };
        let router = Router::new().route("/keys", route(document)).with_state(Arc::clone(&served));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let running = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        let issuer = Self { url, served, running };
        issuer.publish(keys);
        issuer
    }

    fn publish(&self, keys: &[Value]) {
        *self.served.text.lock() = Some(json!({ "keys": keys }).to_string());
    }

    /// How often the document was asked for.
    fn asked(&self) -> usize {
        self.served.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn host_of(url: &str) -> Host {
    let vars = [("JWT_SECRET", ""), ("AUTH_MODES", "jwt"), ("JWT_JWKS_URL", url)];
    Host::start(&vars).await
}

/// Each key of the set proves the tokens that name it, by the one algorithm of its kind; one request fetches all.
#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_set_prove_their_tokens() {
    let issuer = Issuer::start(&[RSA.jwk("rsa"), P256.jwk("p256"), ED25519.jwk("ed")]).await;
    let host = host_of(&issuer.url).await;
    assert_eq!(issuer.asked(), 0, "fetched before anybody came");
    let keys = [(RSA, "rsa"), (P256, "p256"), (ED25519, "ed")];
    for (key, kid) in &keys {
        assert_eq!(admitted(&host, &key.sign_as(kid, &ana())).await["id"], "ana", "{kid}");
    }
    for (key, kid) in &keys {
        for (_, other) in keys.iter().filter(|(_, other)| other != kid) {
            let crossed = key.sign_as(other, &ana());
            assert_eq!(refusal(&host, &crossed).await, INVALID, "{kid} as {other}");
        }
    }
    let rs512 = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::RS512) };
    let wrong = [
        ("a strange key of that name", STRANGE.sign_as("rsa", &ana())),
        ("another algorithm", signed(&rs512, &ana(), &RSA.encoding())),
        ("one of several keys, unnamed", RSA.sign(&ana())),
    ];
    all_invalid(&host, wrong).await;
    assert_eq!(issuer.asked(), 1);
    host.stop().await;
}

/// Where there is but one key, a token need not name it.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_key_needs_no_name() {
    for key in [RSA, P256, ED25519] {
        let mut jwk = key.jwk("only");
        jwk.as_object_mut().expect("an object").remove("kid");
        let issuer = Issuer::start(&[jwk]).await;
        let host = host_of(&issuer.url).await;
        admitted(&host, &key.sign(&ana())).await;
        assert_eq!(refusal(&host, &STRANGE.sign(&ana())).await, INVALID);
        host.stop().await;
    }
}

/// A set is public, so a symmetric key in it proves nothing; and the public keys of the set are no secrets either.
#[tokio::test(flavor = "multi_thread")]
async fn a_symmetric_key_is_not_accepted() {
    let text = "c2VjcmV0by1zZWNyZXRvLXNlY3JldG8tc2VjcmV0bw";
    let secret = EncodingKey::from_secret(b"secreto-secreto-secreto-secreto");
    let oct = |alg: &str| json!({ "kty": "oct", "kid": "oct", "alg": alg, "k": text });
    for keys in [vec![oct("HS256")], vec![oct("RS256"), RSA.jwk("rsa")]] {
        let issuer = Issuer::start(&keys).await;
        let host = host_of(&issuer.url).await;
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let named = Header { kid: Some("oct".into()), ..Header::new(algorithm) };
            let unnamed = Header::new(algorithm);
            let modulus = EncodingKey::from_secret(RSA.public.as_bytes());
            let crossed = Header { kid: Some("rsa".into()), ..Header::new(algorithm) };
            let wrong = [
                ("named", signed(&named, &ana(), &secret)),
                ("unnamed", signed(&unnamed, &ana(), &secret)),
                ("by the public key", signed(&crossed, &ana(), &modulus)),
            ];
            all_invalid(&host, wrong).await;
        }
        host.stop().await;
    }
}

/// Providers list keys of other kinds as well: what we do not know does not spoil the rest.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_unknown_kinds_are_passed_over() {
    let unknown = [
        json!({ "kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "AAAA" }),
        json!({ "kty": "EC", "kid": "k1", "crv": "secp256k1", "x": "AAAA", "y": "AAAA" }),
        json!({ "kty": "OKP", "kid": "x", "crv": "X25519", "x": "AAAA", "use": "enc" }),
        json!({ "kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP-512", "n": "AQ", "e": "AQAB" }),
        RSA.jwk("rsa"),
    ];
    let issuer = Issuer::start(&unknown).await;
    let host = host_of(&issuer.url).await;
    admitted(&host, &RSA.sign_as("rsa", &ana())).await;
    for kid in ["post-quantum", "k1", "x", "enc"] {
        assert_eq!(refusal(&host, &RSA.sign_as(kid, &ana())).await, INVALID, "{kid}");
    }
    host.stop().await;
}

/// New keys are found without a restart. Yet names that nobody knows, which cost an attacker nothing, do not make the
/// host ask again and again.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_fetches_the_set_again_but_seldom() {
    let issuer = Issuer::start(&[RSA.jwk("old")]).await;
    let host = host_of(&issuer.url).await;
    let started = Instant::now();
    admitted(&host, &RSA.sign_as("old", &ana())).await;
    issuer.publish(&[RSA.jwk("old"), P256.jwk("new")]);
    let new = P256.sign_as("new", &ana());
    for number in 0..20 {
        let unknown = STRANGE.sign_as(&format!("unknown-{number}"), &ana());
        assert_eq!(refusal(&host, &unknown).await, INVALID);
    }
    if started.elapsed() < REFETCH_AFTER / 2 {
        assert_eq!(issuer.asked(), 1, "asked again at once");
        assert_eq!(refusal(&host, &new).await, INVALID);
    }
    admitted(&host, &RSA.sign_as("old", &ana())).await;
    eventually("the new key is known", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        greeted(&host, &new).await.is_ok()
    })
    .await;
    assert_eq!(issuer.asked(), 2);
    assert!(started.elapsed() >= REFETCH_AFTER, "asked again after {:?}", started.elapsed());
    admitted(&host, &RSA.sign_as("old", &ana())).await;
    host.stop().await;
}

/// Many who come at once wait for one answer; they do not ask each for themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_fetches_the_set_once() {
    let issuer = Issuer::start(&[P256.jwk("p256")]).await;
    *issuer.served.delay.lock() = SLOW;
    let host = host_of(&issuer.url).await;
    let token = P256.sign_as("p256", &ana());
    let crowd = (0..30).map(|_| get(host.address, "/notifications", &token));
    for (status, body) in futures_util::future::join_all(crowd).await {
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(issuer.asked(), 1);
    host.stop().await;
}

/// Nor do they when the answer is a failure: else a server that answers late keeps the last of a crowd waiting for as
/// many answers as there are clients before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_shares_a_failure() {
    let issuer = Issuer::start(&[]).await;
    *issuer.served.text.lock() = None;
    *issuer.served.delay.lock() = SLOW;
    let host = host_of(&issuer.url).await;
    let token = P256.sign_as("p256", &ana());
    let crowd = (0..10).map(|_| get(host.address, "/notifications", &token));
    for (status, body) in futures_util::future::join_all(crowd).await {
        assert_eq!(status, 500, "{body}");
    }
    assert!(issuer.asked() <= 3, "asked {} times by 10 who came at once", issuer.asked());
    host.stop().await;
}

/// An address that can never be fetched stops the start, rather than refuse every client later.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_no_use_stops_the_start() {
    let mut started = Vec::new();
    for url in ["keys", "/keys", "ftp://id.example/keys", "file:///keys", "data:,{}"] {
        match app(config(&[("JWT_SECRET", ""), ("JWT_JWKS_URL", url)])).await {
            Ok(_) => started.push(url),
            Err(error) => assert!(error.to_string().starts_with("JWT_JWKS_URL: "), "{error}"),
        }
    }
    assert!(started.is_empty(), "started with {started:?}");
}

/// The answer to a CONNECT packet.
async fn connect_packet(host: &Host, token: &str) -> String {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", host.address);
    let (mut socket, _) = connect_async(url).await.expect("a connection");
    let packet = format!("40{}", json!({ "token": token }));
    socket.send(Message::text(packet)).await.expect("a connection");
    loop {
        let frame = timeout(DEADLINE, socket.next()).await.expect("a packet in time");
        let packet = frame.expect("a frame").expect("no error").into_text().expect("text");
        if packet.starts_with('4') {
            return packet.as_str().to_owned();
        }
    }
}

/// Requires that the host owns up to a failure of its own, on every transport, without saying what it was.
async fn fails_inside(host: &Host, token: &str) {
    let (status, body) = get(host.address, "/notifications", token).await;
    assert_eq!((status, &body["errorCode"]), (500, &json!("INTERNAL")), "{body}");
    assert_eq!(greeted(host, token).await, Err(500));
    let packet = connect_packet(host, token).await;
    let refusal: Value =
        serde_json::from_str(packet.strip_prefix("44").expect(&packet)).expect("JSON");
    assert_eq!(refusal["data"]["errorCode"], "INTERNAL", "{packet}");
    for told in [body.to_string(), packet] {
        let told = told.to_lowercase();
        let causes = [TROUBLE, "503", "http", "jwk", "keys", "connect", "127.0.0.1", "decod"];
        for cause in causes {
            assert!(!told.contains(cause), "`{cause}` is told: {told}");
        }
    }
}

/// While the keys cannot be had nobody can be known: that is our failure, not the token's, and it passes.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_had_are_our_failure() {
    let issuer = Issuer::start(&[]).await;
    let host = host_of(&issuer.url).await;
    let token = RSA.sign_as("rsa", &ana());
    let documents = [None, Some("<html>404</html>"), Some("[]"), Some(r#"{"error":"keys"}"#)];
    for document in documents {
        *issuer.served.text.lock() = document.map(str::to_owned);
        fails_inside(&host, &token).await;
    }
    assert_eq!(refusal(&host, "no.token.at-all").await, INVALID);
    issuer.publish(&[RSA.jwk("rsa")]);
    eventually("the keys are had", async || greeted(&host, &token).await.is_ok()).await;
    assert!(connect_packet(&host, &token).await.starts_with("40"));

    // What is known stays known.
    *issuer.served.text.lock() = None;
    admitted(&host, &token).await;
    host.stop().await;
}

/// A server that is not there is told apart from a token that is bad as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_our_failure() {
    let issuer = Issuer::start(&[]).await;
    let url = issuer.url.clone();
    drop(issuer);
    let host = host_of(&url).await;
    let key: TestKey = RSA;
    eventually("the server is gone", async || reqwest::get(&url).await.is_err()).await;
    fails_inside(&host, &key.sign_as("rsa", &ana())).await;
    host.stop().await;
}
