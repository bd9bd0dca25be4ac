//! What a token has to say: when it is good, who issued it and for whom, whose it is.

use jsonwebtoken::Header;
use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::{ED25519, INVALID, admitted, all_invalid, ana, ana_with, now, refusal, signed};
use crate::{client::get, host::Host};

async fn host_with(vars: &[(&str, &str)]) -> Host {
    let key = [("JWT_SECRET", ""), ("AUTH_MODES", "jwt"), ("JWT_PUBLIC_KEY", ED25519.public)];
    Host::start(&[&key, vars].concat()).await
}

fn token(changes: Value) -> String {
    ED25519.sign(&ana_with(changes))
}

/// `exp` must be there and ahead, `nbf` behind, both without leeway; JWT allows fractions in both.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_from_nbf_to_exp() {
    let host = host_with(&[]).await;
    let far = 9_007_199_254_740_991_i64;
    let whole = now() + 3600;
    for exp in [json!(now() + 5), json!(format!("{whole}.75").parse::<f64>().ok()), json!(far)] {
        assert_eq!(admitted(&host, &token(json!({ "exp": exp }))).await["id"], "ana", "{exp}");
    }
    for nbf in [json!(now() - 1), json!(0), json!(1.5)] {
        admitted(&host, &token(json!({ "nbf": nbf }))).await;
    }
    for exp in [json!(now() - 1), json!(1.5), json!(0)] {
        assert_eq!(refusal(&host, &token(json!({ "exp": exp }))).await, "Token expirado", "{exp}");
    }
    for exp in [json!(null), json!(whole.to_string()), json!(true), json!([whole]), json!({})] {
        assert_eq!(refusal(&host, &token(json!({ "exp": exp }))).await, INVALID, "exp {exp}");
    }
    let early = now() + 60;
    assert_eq!(refusal(&host, &token(json!({ "nbf": early }))).await, INVALID);
    host.stop().await;
}

/// From the moment of `exp` on a token is no good (RFC 7519, 4.1.4), not only when the whole second is over.
#[tokio::test(flavor = "multi_thread")]
async fn the_moment_of_exp_is_too_late() {
    let host = host_with(&[]).await;
    let fraction = Timestamp::now().millis() - 100;
    let fraction: f64 = format!("{fraction}e-3").parse().expect("a number");
    for exp in [json!(now()), json!(fraction)] {
        let (status, body) =
            get(host.address, "/notifications", &token(json!({ "exp": exp }))).await;
        assert_eq!((status, &body["detail"]), (401, &json!("Token expirado")), "exp {exp}: {body}");
    }
    host.stop().await;
}

/// A token may say what a verifier must understand besides. We understand nothing of that kind (RFC 7515, 4.1.11).
#[tokio::test(flavor = "multi_thread")]
async fn critical_extensions_are_refused() {
    let host = host_with(&[]).await;
    let crit = Some(vec!["one-time".into()]);
    let mut header = Header { crit, ..Header::new(ED25519.algorithm) };
    header.extras.insert("one-time", "yes");
    let token = signed(&header, &ana(), &ED25519.encoding());
    all_invalid(&host, [("a critical extension", token)]).await;
    host.stop().await;
}

/// With `JWT_ISSUER` and `JWT_AUDIENCE` another service's tokens open nothing, though the same key signed them.
#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_audience_are_checked_when_configured() {
    let host = host_with(&[("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "chat")]).await;
    let with = |iss: Value, aud: Value| token(json!({ "iss": iss, "aud": aud }));
    for aud in [json!("chat"), json!(["mail", "chat"])] {
        admitted(&host, &with(json!("https://id.example"), aud)).await;
    }
    let right = json!("https://id.example");
    let wrong = [
        ("no issuer", with(json!(null), json!("chat"))),
        ("no audience", with(right.clone(), json!(null))),
        ("neither", token(json!({}))),
        ("another issuer", with(json!("https://id.example.org"), json!("chat"))),
        ("the issuer in another form", with(json!("https://id.example/"), json!("chat"))),
        ("another audience", with(right.clone(), json!("mail"))),
        ("other audiences", with(right.clone(), json!(["mail", "chats"]))),
        ("no audience in the list", with(right.clone(), json!([]))),
        ("an audience that is no text", with(right, json!({ "chat": "chat" }))),
        ("both in place of the other", with(json!("chat"), json!("https://id.example"))),
    ];
    all_invalid(&host, wrong).await;
    host.stop().await;
}

/// Each of the two is checked alone; what is not configured may be anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_configured_is_not_checked() {
    let host = host_with(&[("JWT_ISSUER", "https://id.example")]).await;
    admitted(&host, &token(json!({ "iss": "https://id.example", "aud": ["mail"] }))).await;
    all_invalid(&host, [("no issuer", token(json!({ "aud": "mail" })))]).await;
    host.stop().await;

    let host = host_with(&[("JWT_AUDIENCE", "chat")]).await;
    admitted(&host, &token(json!({ "iss": "anybody", "aud": "chat" }))).await;
    all_invalid(&host, [("no audience", token(json!({ "iss": "anybody" })))]).await;
    host.stop().await;

    let host = host_with(&[]).await;
    admitted(&host, &token(json!({ "iss": "anybody", "aud": ["a", "b"] }))).await;
    admitted(&host, &ED25519.sign(&ana())).await;
    host.stop().await;
}

/// Identity providers put the id in one of three claims, as text or as a number, and the form is kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_is_sub_or_id_or_user_id() {
    let host = host_with(&[]).await;
    for claim in ["sub", "id", "userId"] {
        for id in
            [json!("eva"), json!("007"), json!(7), json!(-7), json!(9_007_199_254_740_991_i64)]
        {
            let mut claims = ana_with(json!({ "sub": null }));
            claims[claim] = id.clone();
            let user = admitted(&host, &ED25519.sign(&claims)).await;
            let name = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            assert_eq!(user, json!({ "id": id, "username": name }), "{claim}");
        }
    }
    let user =
        admitted(&host, &token(json!({ "id": 7, "userId": "leo", "username": "Ana" }))).await;
    assert_eq!(user, json!({ "id": "ana", "username": "Ana" }), "`sub` comes first");
    let user = admitted(&host, &token(json!({ "sub": null, "id": 7, "userId": "leo" }))).await;
    assert_eq!(user["id"], 7, "then `id`");
    let wrong = [
        ("no id", token(json!({ "sub": null }))),
        ("a fraction", token(json!({ "sub": 1.5 }))),
        ("a number too large", token(json!({ "sub": 9_007_199_254_740_992_i64 }))),
        ("empty", token(json!({ "sub": "" }))),
        ("a list", token(json!({ "sub": ["ana"] }))),
        ("a bad one before a good one", token(json!({ "sub": {}, "id": "ana" }))),
    ];
    all_invalid(&host, wrong).await;
    host.stop().await;
}
