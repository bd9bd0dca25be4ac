//! The page for people: files in the binary, no build step.

use axum::{Router, http::header, response::IntoResponse, routing::get};
use rust_embed::RustEmbed;

/// The files of `page/`.
#[derive(RustEmbed)]
#[folder = "page/"]
struct Files;

/// A page runs only what came with it.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The routes of the page's files; `index.html` is `/`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Files::iter().fold(Router::new(), |router, name| {
        let Some(file) = Files::get(&name) else { return router };
        let headers = [
            (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
            (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
            (header::CACHE_CONTROL, "no-cache".to_owned()),
        ];
        let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        router.route(&path, get(async move || (headers, file.data).into_response()))
    })
}
