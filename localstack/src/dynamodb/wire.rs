//! The engine as the SDK reaches it: requests and answers in `DynamoDB` JSON, without a port.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::DynoxideError;
use dynoxide::actions::{
    batch_get_item, batch_write_item, create_table, delete_item, delete_table, describe_table,
    describe_time_to_live, get_item, list_tables, put_item, query, scan, transact_get_items,
    transact_write_items, update_item, update_table, update_time_to_live,
};
use dynoxide::storage::Storage;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Engine;
use super::database::Database;

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
        "CreateTable" => typed(database, body, create_table::execute),
        "DeleteTable" => typed(database, body, async |storage, request| {
            delete_table::execute(storage, request, &database.indexes).await
        }),
        "DescribeTable" => typed(database, body, async |storage, request| {
            describe_table::execute(storage, request, &database.indexes).await
        }),
        "ListTables" => typed(database, body, list_tables::execute),
        "UpdateTable" => typed(database, body, async |storage, request| {
            update_table::execute(storage, request, &database.indexes).await
        }),
        "DescribeTimeToLive" => typed(database, body, describe_time_to_live::execute),
        "UpdateTimeToLive" => typed(database, body, update_time_to_live::execute),
        "GetItem" => typed(database, body, get_item::execute),
        "PutItem" => typed(database, body, put_item::execute),
        "UpdateItem" => typed(database, body, update_item::execute),
        "DeleteItem" => typed(database, body, delete_item::execute),
        "Query" => typed(database, body, query::execute),
        "Scan" => typed(database, body, scan::execute),
        "BatchGetItem" => typed(database, body, batch_get_item::execute),
        "BatchWriteItem" => typed(database, body, batch_write_item::execute),
        "TransactGetItems" => typed(database, body, transact_get_items::execute),
        "TransactWriteItems" => typed(database, body, transact_write_items::execute),
        _ => return unknown_operation(operation),
    };
    match answer {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    }
}

/// Reads a request from `DynamoDB` JSON, runs it, and writes the answer the same way.
fn typed<Q: DeserializeOwned, A: Serialize>(
    database: &Database,
    body: &[u8],
    operation: impl AsyncFnOnce(&Storage, Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<Vec<u8>> {
    let request = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    serde_json::to_vec(&database.run(operation, request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
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
