//! The engine as the SDK reaches it: requests and answers in `DynamoDB` JSON, without a port.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::actions::transact_write_items as transact;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Engine;

/// The token that the SDK sends where the caller gave none.
pub(super) const AUTOMATIC_TOKEN: &str = "sdk-auto";

/// Stands where the SDK expects a network.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Engine);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.0.clone();
        HttpConnectorFuture::new(async move {
            // The engine never suspends, so without this a task that calls in a loop would keep its worker for ever.
            tokio::task::consume_budget().await;
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default();
            let body = request.body().bytes().unwrap_or_default();
            // Inline holds this worker for well under 1 ms while others steal its queue; a blocking thread adds 55 to 85 µs.
            let (status, body) = answer(&engine.inner.database, operation, body);
            let status = StatusCode::try_from(status)
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

/// The status and the body that answer one request. A new operation is one line here.
fn answer(database: &Database, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let answer = match operation {
        "CreateTable" => typed(body, |request| database.create_table(request)),
        "DeleteTable" => typed(body, |request| database.delete_table(request)),
        "DescribeTable" => typed(body, |request| database.describe_table(request)),
        "ListTables" => typed(body, |request| database.list_tables(request)),
        "UpdateTable" => typed(body, |request| database.update_table(request)),
        "DescribeTimeToLive" => typed(body, |request| database.describe_time_to_live(request)),
        "UpdateTimeToLive" => typed(body, |request| database.update_time_to_live(request)),
        "GetItem" => typed(body, |request| database.get_item(request)),
        "PutItem" => typed(body, |request| database.put_item(request)),
        "UpdateItem" => typed(body, |request| database.update_item(request)),
        "DeleteItem" => typed(body, |request| database.delete_item(request)),
        "Query" => typed(body, |request| database.query(request)),
        "Scan" => typed(body, |request| database.scan(request)),
        "BatchGetItem" => typed(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => typed(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => typed(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => typed(body, |request| transact_write_items(database, request)),
        _ => return unknown_operation(operation),
    };
    match answer {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    }
}

/// Reads a request from `DynamoDB` JSON, calls, and writes the answer the same way.
fn typed<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    call: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<Vec<u8>> {
    let request = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    serde_json::to_vec(&call(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The engine scans ten minutes of tokens at each transaction, so those that nobody asked for are dropped.
fn transact_write_items(
    database: &Database,
    mut request: transact::TransactWriteItemsRequest,
) -> dynoxide::Result<transact::TransactWriteItemsResponse> {
    request.client_request_token.take_if(|token| token == AUTOMATIC_TOKEN);
    database.transact_write_items(request)
}

fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let message = match text.split_once(':') {
        // The engine's readers mark such messages for its own server, as in "VALIDATION:One or more …".
        Some((mark, rest)) if mark.chars().all(|c| c.is_ascii_uppercase() || c == '_') => rest,
        _ => &text,
    };
    DynoxideError::ValidationException(message.into())
}

fn unknown_operation(operation: &str) -> (u16, Vec<u8>) {
    let body = serde_json::json!({
        "__type": "com.amazon.coral.service#UnknownOperationException",
        "message": format!("the embedded engine does not know the operation {operation:?}"),
    });
    (400, body.to_string().into_bytes())
}
