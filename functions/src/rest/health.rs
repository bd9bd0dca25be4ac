//! Whether the service lives, and whether it can work.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use shared::{
    error::{Code, Error},
    text::Text,
};

use super::{Problem, Rest};

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "It lives")))]
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether the store can be used, and the host is not going down.
#[utoipa::path(get, path = "/ready", tag = "service", responses(
    (status = 200, description = "It can work"),
    (status = 503, description = "The store cannot be used, or the host is going down"),
))]
pub(crate) async fn ready(State(rest): State<Rest>) -> Response {
    if let Err(error) = rest.cx.store.check().await {
        error.log("ready");
        let error = Error::new(Code::Internal, Text::StoreUnusable);
        return (StatusCode::SERVICE_UNAVAILABLE, Problem(error)).into_response();
    }
    // Without its bus a host still serves its own, and the others are no better off: no reason to send clients away.
    let alone = !rest.cx.push.reaches_all();
    let ready = if alone {
        json!({ "status": "ready", "bus": "lost" })
    } else {
        json!({ "status": "ready" })
    };
    Json(ready).into_response()
}
