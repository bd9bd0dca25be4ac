//! `rest`: the host's own routes, behind the HTTP API.

use std::sync::Arc;

use axum::{Router, response::Redirect, routing::get};
use lambda_http::{Adapter, Context, LambdaEvent, Service, request::LambdaRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use shared::error::Error;

use crate::{Cloud, invocation::Failed};

/// What a path may hold as it is. `%` stays, for what is encoded already.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'%').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The routes; the page for people is only the host's, so `/` leads to the documentation.
pub(crate) fn router(cloud: &Cloud) -> Router {
    let router = functions::rest::router(cloud.cx.clone(), Arc::clone(&cloud.api))
        .route("/", get(async || Redirect::temporary("docs/")));
    cloud.origins.clone().guard(router)
}

/// Answers one request.
pub(crate) async fn handle(router: &Router, event: Value) -> Value {
    match answer(router, event).await {
        Ok(answer) => answer,
        Err(error) => {
            error.log("rest");
            Value::failed()
        }
    }
}

async fn answer(router: &Router, mut event: Value) -> Result<Value, Error> {
    // API Gateway decodes it, and an id may hold what would end a path.
    if let Some(Value::String(path)) = event.get_mut("rawPath") {
        *path = utf8_percent_encode(path, PATH).to_string();
    }
    let payload: LambdaRequest = serde_json::from_value(event)?;
    let request = LambdaEvent { payload, context: Context::default() };
    let answered = Adapter::from(router.clone()).call(request).await.map_err(Error::internal)?;
    Ok(serde_json::to_value(answered)?)
}
