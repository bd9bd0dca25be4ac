//! One public key in `JWT_PUBLIC_KEY`: which tokens it proves, and which it must never be talked into.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tertulia::app;

use super::{
    ED25519, P256, P384_PUBLIC, RSA, STRANGE, TestKey, admitted, all_invalid, ana, ana_with, now,
    refusal, signed,
};
use crate::host::{Host, SECRET, config};

/// A host that knows one public key and no secret.
async fn host_of(public_key: &str) -> Host {
    let vars = [("JWT_SECRET", ""), ("AUTH_MODES", "jwt"), ("JWT_PUBLIC_KEY", public_key)];
    Host::start(&vars).await
}

/// Each kind of key that the contract names proves its own tokens and no others. In an environment variable a PEM
/// often has its line ends as `\n`, and that is the same key.
async fn proves_its_own(key: TestKey, others: [TestKey; 2]) {
    for public_key in [key.public.to_owned(), key.public.replace('\n', "\\n")] {
        let host = host_of(&public_key).await;
        let user = admitted(&host, &key.sign(&ana())).await;
        assert_eq!(user, json!({ "id": "ana", "username": "ana" }));
        admitted(&host, &key.sign_as("any-name", &ana())).await;
        let ended = key.sign(&ana_with(json!({ "exp": now() - 1 })));
        assert_eq!(refusal(&host, &ended).await, "Token expirado");
        let [one, other] = others.each_ref().map(|other| other.sign(&ana()));
        all_invalid(&host, [("one", one), ("other", other), ("strange", STRANGE.sign(&ana()))])
            .await;
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rsa_key_proves_its_tokens() {
    proves_its_own(RSA, [P256, ED25519]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_p256_key_proves_its_tokens() {
    proves_its_own(P256, [RSA, ED25519]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_key_proves_its_tokens() {
    proves_its_own(ED25519, [RSA, P256]).await;
}

/// The public key is public: whoever has it must not be able to use it as the secret of an HS256 token, nor to choose
/// any other algorithm.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_does_not_choose_its_algorithm() {
    for key in [RSA, P256, ED25519] {
        let host = host_of(key.public).await;
        for secret in [key.public, key.public.trim_end(), &key.public.replace('\n', "\\n"), ""] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let secret = EncodingKey::from_secret(secret.as_bytes());
                let forged = signed(&Header::new(algorithm), &ana(), &secret);
                all_invalid(&host, [("a token signed with the public key", forged)]).await;
            }
        }
        for algorithm in ["none", "None", "NONE", ""] {
            let forged = unsigned(&key, algorithm);
            all_invalid(&host, [("no signature", forged.clone()), ("an old one", forged + "AA")])
                .await;
        }
        admitted(&host, &key.sign(&ana())).await;
        host.stop().await;
    }
    let host = host_of(RSA.public).await;
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let token = signed(&Header::new(algorithm), &ana(), &RSA.encoding());
        all_invalid(&host, [("another algorithm of the right key", token)]).await;
    }
    host.stop().await;
}

/// A token of the key whose header names another algorithm, without its signature.
fn unsigned(key: &TestKey, algorithm: &str) -> String {
    let claims = key.sign(&ana()).split('.').nth(1).expect("claims").to_owned();
    let header = match algorithm {
        "none" => "eyJhbGciOiJub25lIn0",
        "None" => "eyJhbGciOiJOb25lIn0",
        "NONE" => "eyJhbGciOiJOT05FIn0",
        _ => "eyJhbGciOiIifQ",
    };
    format!("{header}.{claims}.")
}

/// A host that has only a secret takes no token of a key, whoever made it; with both, each proves its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_and_a_key_do_not_mix() {
    let by_secret = |secret: &str| {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        signed(&Header::new(Algorithm::HS256), &ana(), &secret)
    };
    let host = Host::start(&[("AUTH_MODES", "jwt")]).await;
    admitted(&host, &by_secret(SECRET)).await;
    let [rsa, p256, ed25519] = [RSA, P256, ED25519].map(|key| key.sign(&ana()));
    all_invalid(&host, [("RS256", rsa), ("ES256", p256), ("EdDSA", ed25519)]).await;
    host.stop().await;

    let host = Host::start(&[("AUTH_MODES", "jwt"), ("JWT_PUBLIC_KEY", RSA.public)]).await;
    admitted(&host, &by_secret(SECRET)).await;
    admitted(&host, &RSA.sign(&ana())).await;
    let crossed = by_secret(RSA.public);
    all_invalid(&host, [("crossed", crossed), ("strange", STRANGE.sign(&ana()))]).await;
    host.stop().await;
}

/// A key that could prove nothing stops the start and is named, rather than refuse every client later.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_no_use_stops_the_start() {
    let half = &RSA.public[..RSA.public.len() / 2];
    let wrong = [
        ("text", "no key"),
        ("half of one", half),
        ("P-384", P384_PUBLIC),
        ("private RSA", RSA.private),
        ("private P-256", P256.private),
        ("private Ed25519", ED25519.private),
    ];
    let mut started = Vec::new();
    for (name, public_key) in wrong {
        let config = config(&[("JWT_SECRET", ""), ("JWT_PUBLIC_KEY", public_key)]);
        match app(config).await {
            Ok(_) => started.push(name),
            Err(error) => {
                assert!(error.to_string().starts_with("JWT_PUBLIC_KEY: "), "{name}: {error}");
                assert!(!error.to_string().contains("BEGIN"), "the key is told: {error}");
            }
        }
    }
    assert!(started.is_empty(), "started with {started:?}");
}
