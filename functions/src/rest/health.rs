//! Whether the service lives, and whether it can work.

use axum::{Json, extract::State};
use serde_json::{Value, json};
use shared::error::{Code, Error};

use super::{Answer, Rest};

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "It lives")))]
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether the store can be used.
#[utoipa::path(get, path = "/ready", tag = "service", responses(
    (status = 200, description = "It can work"),
    (status = 500, description = "The store cannot be used"),
))]
pub(crate) async fn ready(State(rest): State<Rest>) -> Answer<Json<Value>> {
    if let Err(error) = rest.cx.store.check().await {
        error.log("ready");
        return Err(Error::new(Code::Internal, "The store cannot be used").into());
    }
    Ok(Json(json!({ "status": "ready" })))
}
