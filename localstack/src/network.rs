//! What comes before any transport: what a client shows of itself, and which network connection carries whom.

use std::{collections::HashMap, sync::Weak};

use axum::{
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use functions::rest::Problem;
use serde_json::Value;
use shared::{auth::Credentials, language::Language};

use crate::{App, dispatch, listener::Peer};

/// What a WebSocket reads at a time, and keeps for it: several messages of a usual length.
pub(crate) const READ_BYTES: usize = 1024;
/// Transports read up to this many times the frame limit, so that a frame over it gets an answer.
pub(crate) const READ_FACTOR: usize = 16;

/// What a client shows of itself: in the headers and query of its request, and in Socket.IO's `auth`.
pub(crate) fn credentials(headers: &HeaderMap, uri: &Uri, auth: Value) -> Credentials {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Credentials { header: header.map(str::to_owned), auth, query: query(uri, "token") }
}

/// The language that a client asks for: in Socket.IO's `auth`, else in the query, else in the headers.
pub(crate) fn language(headers: &HeaderMap, uri: &Uri, auth: &Value) -> Language {
    let auth = auth.get("lang").and_then(Value::as_str);
    let query = query(uri, "lang");
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::preferred(auth.or(query.as_deref()).or(header))
}

/// One parameter of a query.
pub(crate) fn query(uri: &Uri, name: &str) -> Option<String> {
    Query::<HashMap<String, String>>::try_from_uri(uri).ok()?.0.remove(name)
}

/// Says that the host is going down to who asks whether it can work. Whether it lives is another question.
pub(crate) async fn watch_readiness(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    if app.is_draining() && request.uri().path() == "/ready" {
        let language = language(request.headers(), request.uri(), &Value::Null);
        let problem = Problem(dispatch::going_down());
        return problem.say_as(StatusCode::SERVICE_UNAVAILABLE, language);
    }
    next.run(request).await
}

/// Refuses new Socket.IO sessions while the host is going down, and notes which network connection an upgrade uses.
pub(crate) async fn watch_upgrades(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with("/socket.io") {
        return next.run(request).await;
    }
    let sid = query(request.uri(), "sid");
    if app.is_draining() && sid.is_none() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match sid {
        None => detach(&mut request),
        Some(sid) if query(request.uri(), "transport").as_deref() == Some("websocket") => {
            detach(&mut request);
            let socket = app.sockets.lock().get(&sid).and_then(Weak::upgrade);
            if let Some(socket) = socket {
                socket.data.runs_over(peer.cut);
            }
        }
        Some(_) => {}
    }
    next.run(request).await
}

/// Copies the address and the headers. A session keeps its request for as long as it lives, and they would keep what
/// they were read into: 16 KiB.
fn detach(request: &mut Request) {
    let uri = request.uri().to_string().parse();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let name = HeaderName::from_bytes(name.as_ref()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    let headers = request.headers().iter().map(header).collect::<Option<HeaderMap>>();
    if let (Ok(uri), Some(headers)) = (uri, headers) {
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
    }
}
