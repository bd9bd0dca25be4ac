//! The contract of events as files, packed into the binary: `AsyncAPI`, TypeScript, and a page for people.

use std::io::Read;

use axum::{
    Router,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use flate2::read::GzDecoder;
use shared::error::Error;

use super::Answer;

/// The page runs only what came with it.
const POLICY: &str = "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A file, as `build.rs` packs it.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    kind: &'static str,
    packed: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $kind:literal) => {
        File {
            path: $path,
            kind: $kind,
            packed: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
        }
    };
}

const FILES: [File; 5] = [
    file!("/asyncapi.json", "asyncapi.json", "application/json"),
    file!("/events.d.ts", "events.d.ts", "text/plain; charset=utf-8"),
    file!("/docs/events", "events.html", "text/html; charset=utf-8"),
    file!("/docs/events.css", "events.css", "text/css; charset=utf-8"),
    file!("/docs/events.js", "events.js", "text/javascript; charset=utf-8"),
];

/// The routes of the files, open to all.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(async move |headers: HeaderMap| file.answer(&headers)))
    })
}

impl File {
    /// Packed for who can unpack it: `curl` does not ask for that.
    fn answer(self, request: &HeaderMap) -> Answer<Response> {
        let headers = [
            (header::CONTENT_TYPE, self.kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-cache"),
            (header::VARY, "accept-encoding"),
        ];
        if unpacks(request) {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            return Ok((headers, encoding, self.packed).into_response());
        }
        let mut plain = Vec::new();
        GzDecoder::new(self.packed).read_to_end(&mut plain).map_err(Error::internal)?;
        Ok((headers, plain).into_response())
    }
}

fn unpacks(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut codings =
        accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.any(|coding| coding.trim().starts_with("gzip") && !coding.contains("q=0"))
}
