//! What comes before any transport: origins, cross-origin answers, and which network connection carries whom.

use std::{collections::HashMap, net::SocketAddr, sync::Weak};

use axum::{
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use functions::rest::Problem;
use serde_json::Value;
use shared::{auth::Credentials, error::Error};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{App, listener::Cut};

/// Transports read up to this many times the frame limit, so that a frame over it gets an answer.
pub(crate) const READ_FACTOR: usize = 16;

/// What a client shows of itself: in the headers and query of its request, and in Socket.IO's `auth`.
pub(crate) fn credentials(headers: &HeaderMap, uri: &Uri, auth: Value) -> Credentials {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Credentials { header: header.map(str::to_owned), auth, query: query(uri, "token") }
}

/// One parameter of a query.
pub(crate) fn query(uri: &Uri, name: &str) -> Option<String> {
    Query::<HashMap<String, String>>::try_from_uri(uri).ok()?.0.remove(name)
}

/// The origins that browsers may come from: those configured, and the host's own.
#[derive(Clone)]
pub(crate) struct Origins(Vec<HeaderValue>);

impl Origins {
    pub(crate) fn new(configured: &[String], own: SocketAddr) -> Self {
        let port = own.port();
        let own = [
            format!("http://{own}"),
            format!("http://localhost:{port}"),
            format!("http://127.0.0.1:{port}"),
        ];
        let all = configured.iter().chain(&own);
        Self(all.filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    fn allow(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }

    /// The layer that answers preflights and echoes the allowed origin.
    pub(crate) fn cors(&self) -> CorsLayer {
        let methods = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.0.iter().cloned()))
            .allow_credentials(true)
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
    }
}

/// Refuses an origin that is present and not allowed, on every transport.
pub(crate) async fn check_origin(
    State(origins): State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !origins.allow(origin) => {
            Problem(Error::forbidden("This origin is not allowed")).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Refuses new Socket.IO sessions while the host is going down, and notes which network connection an upgrade uses.
pub(crate) async fn watch_upgrades(
    State(app): State<App>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with("/socket.io") {
        return next.run(request).await;
    }
    let sid = query(request.uri(), "sid");
    if app.is_draining() && sid.is_none() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Some(sid) = sid
        && query(request.uri(), "transport").as_deref() == Some("websocket")
    {
        let socket = app.sockets.lock().get(&sid).and_then(Weak::upgrade);
        if let Some(socket) = socket {
            socket.data.runs_over(cut);
        }
    }
    next.run(request).await
}
