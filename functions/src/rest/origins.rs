//! Origins: which pages browsers may come from.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
};
use shared::{
    error::{Error, Result},
    text::Text,
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::{Problem, problem::language};

/// The origins that browsers may come from: those configured, and the host's own.
#[derive(Clone)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Those configured, and, for a host, its own: its address, and the names of the loopback address at its port.
    #[must_use]
    pub fn new(configured: &[String], own: Option<SocketAddr>) -> Self {
        let own = own.map(|own| {
            let port = own.port();
            let names = [own.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}")];
            names.map(|name| format!("http://{name}"))
        });
        let all = configured.iter().chain(own.iter().flatten());
        Self(all.filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// Whether a request with this `Origin` may come in; one without may.
    ///
    /// # Errors
    /// `FORBIDDEN` for an origin that is not in the list; `null` never is.
    pub fn check(&self, origin: Option<&[u8]>) -> Result<()> {
        match origin {
            Some(origin) if !self.0.iter().any(|allowed| allowed.as_bytes() == origin) => {
                Err(Error::forbidden(Text::OriginNotAllowed))
            }
            _ => Ok(()),
        }
    }

    /// The router behind the check of origins; answers preflights and echoes the allowed origin.
    pub fn guard(self, router: Router) -> Router {
        let cors = self.cors();
        router.layer(middleware::from_fn_with_state(self, check)).layer(cors)
    }

    fn cors(&self) -> CorsLayer {
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

async fn check(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    match origins.check(request.headers().get(header::ORIGIN).map(HeaderValue::as_bytes)) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem(error).say(language(request.headers())),
    }
}
