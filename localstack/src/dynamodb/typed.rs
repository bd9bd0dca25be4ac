//! The engine as a store reaches it: the SDK's own types in and out, with nothing encoded in between.

use std::collections::HashMap;
use std::iter;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::operation::batch_get_item::{
    BatchGetItemError, BatchGetItemInput, BatchGetItemOutput,
};
use aws_sdk_dynamodb::operation::batch_write_item::{
    BatchWriteItemError, BatchWriteItemInput, BatchWriteItemOutput,
};
use aws_sdk_dynamodb::operation::delete_item::{
    DeleteItemError, DeleteItemInput, DeleteItemOutput,
};
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryError, QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, UpdateItemInput, UpdateItemOutput,
};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types as sdk;
use aws_sdk_dynamodb::types::error as refused;
use dynoxide::actions::{
    batch_get_item, batch_write_item, delete_item, get_item, put_item, query,
    transact_write_items as transact, update_item,
};
use dynoxide::{AttributeValue, DynoxideError};
use shared::store;

use super::Engine;
use super::inserts::NewItem;

type Item = HashMap<String, AttributeValue>;
type SdkItem = HashMap<String, sdk::AttributeValue>;

#[async_trait]
impl store::Engine for Engine {
    async fn get_item(&self, request: GetItemInput) -> Result<GetItemOutput, Box<GetItemError>> {
        let request = get_item::GetItemRequest {
            table_name: request.table_name.unwrap_or_default(),
            key: given(request.key),
            consistent_read: request.consistent_read,
            projection_expression: request.projection_expression,
            expression_attribute_names: request.expression_attribute_names,
            ..Default::default()
        };
        let answer = self.inner.database.run(get_item::execute, request);
        let answer = answer.map_err(|error| GetItemError::generic(metadata(&error)))?;
        Ok(GetItemOutput::builder().set_item(answer.item.map(told)).build())
    }

    async fn batch_get_item(
        &self,
        request: BatchGetItemInput,
    ) -> Result<BatchGetItemOutput, Box<BatchGetItemError>> {
        let wanted = |wanted: sdk::KeysAndAttributes| batch_get_item::KeysAndAttributes {
            keys: wanted.keys.into_iter().map(taken).collect(),
            projection_expression: wanted.projection_expression,
            expression_attribute_names: wanted.expression_attribute_names,
            consistent_read: wanted.consistent_read,
            ..Default::default()
        };
        let tables = request.request_items.unwrap_or_default().into_iter();
        let request = batch_get_item::BatchGetItemRequest {
            request_items: tables.map(|(table, keys)| (table, wanted(keys))).collect(),
            ..Default::default()
        };
        let answer = self.inner.database.run(batch_get_item::execute, request);
        let answer = answer.map_err(|error| BatchGetItemError::generic(metadata(&error)))?;
        let tables = answer.responses.into_iter();
        let items = |items: Vec<Item>| items.into_iter().map(told).collect();
        let found = tables.map(|(table, found)| (table, items(found))).collect();
        Ok(BatchGetItemOutput::builder().set_responses(Some(found)).build())
    }

    async fn batch_write_item(
        &self,
        request: BatchWriteItemInput,
    ) -> Result<BatchWriteItemOutput, Box<BatchWriteItemError>> {
        let write = |write: sdk::WriteRequest| batch_write_item::WriteRequest {
            put_request: write
                .put_request
                .map(|put| batch_write_item::PutRequest { item: taken(put.item) }),
            delete_request: write
                .delete_request
                .map(|delete| batch_write_item::DeleteRequest { key: taken(delete.key) }),
        };
        let tables = request.request_items.unwrap_or_default().into_iter();
        let writes = |writes: Vec<_>| writes.into_iter().map(write).collect();
        let request = batch_write_item::BatchWriteItemRequest {
            request_items: tables.map(|(table, all)| (table, writes(all))).collect(),
            ..Default::default()
        };
        let answer = self.inner.database.run(batch_write_item::execute, request);
        // The engine writes all of them, or none.
        answer.map_err(|error| BatchWriteItemError::generic(metadata(&error)))?;
        Ok(BatchWriteItemOutput::builder().build())
    }

    async fn put_item(&self, request: PutItemInput) -> Result<PutItemOutput, Box<PutItemError>> {
        let inserted = self.inner.database.insert(iter::once(NewItem::asked(&request))).await;
        if inserted.map_err(|error| PutItemError::generic(metadata(&error)))? {
            return Ok(PutItemOutput::builder().build());
        }
        let request = put_item::PutItemRequest {
            table_name: request.table_name.unwrap_or_default(),
            item: given(request.item),
            return_values: request.return_values.map(name),
            condition_expression: request.condition_expression,
            expression_attribute_names: request.expression_attribute_names,
            expression_attribute_values: request.expression_attribute_values.map(taken),
            return_values_on_condition_check_failure: request
                .return_values_on_condition_check_failure
                .map(name),
            ..Default::default()
        };
        let answer = self.inner.database.run(put_item::execute, request).map_err(|error| {
            conditional(error, PutItemError::ConditionalCheckFailedException, PutItemError::generic)
        })?;
        Ok(PutItemOutput::builder().set_attributes(answer.attributes.map(told)).build())
    }

    async fn update_item(
        &self,
        request: UpdateItemInput,
    ) -> Result<UpdateItemOutput, Box<UpdateItemError>> {
        let request = update_item::UpdateItemRequest {
            table_name: request.table_name.unwrap_or_default(),
            key: given(request.key),
            update_expression: request.update_expression,
            condition_expression: request.condition_expression,
            expression_attribute_names: request.expression_attribute_names,
            expression_attribute_values: request.expression_attribute_values.map(taken),
            return_values: request.return_values.map(name),
            return_values_on_condition_check_failure: request
                .return_values_on_condition_check_failure
                .map(name),
            ..Default::default()
        };
        let answer = self.inner.database.run(update_item::execute, request).map_err(|error| {
            conditional(
                error,
                UpdateItemError::ConditionalCheckFailedException,
                UpdateItemError::generic,
            )
        })?;
        Ok(UpdateItemOutput::builder().set_attributes(answer.attributes.map(told)).build())
    }

    async fn delete_item(
        &self,
        request: DeleteItemInput,
    ) -> Result<DeleteItemOutput, Box<DeleteItemError>> {
        let request = delete_item::DeleteItemRequest {
            table_name: request.table_name.unwrap_or_default(),
            key: given(request.key),
            return_values: request.return_values.map(name),
            condition_expression: request.condition_expression,
            expression_attribute_names: request.expression_attribute_names,
            expression_attribute_values: request.expression_attribute_values.map(taken),
            ..Default::default()
        };
        let answer = self.inner.database.run(delete_item::execute, request).map_err(|error| {
            conditional(
                error,
                DeleteItemError::ConditionalCheckFailedException,
                DeleteItemError::generic,
            )
        })?;
        Ok(DeleteItemOutput::builder().set_attributes(answer.attributes.map(told)).build())
    }

    async fn query(&self, request: QueryInput) -> Result<QueryOutput, Box<QueryError>> {
        let request = query::QueryRequest {
            table_name: request.table_name.unwrap_or_default(),
            index_name: request.index_name,
            key_condition_expression: request.key_condition_expression,
            filter_expression: request.filter_expression,
            projection_expression: request.projection_expression,
            expression_attribute_names: request.expression_attribute_names,
            expression_attribute_values: request.expression_attribute_values.map(taken),
            scan_index_forward: request.scan_index_forward.unwrap_or(true),
            limit: request.limit.and_then(|limit| usize::try_from(limit).ok()),
            exclusive_start_key: request.exclusive_start_key.map(taken),
            select: request.select.map(name),
            consistent_read: request.consistent_read,
            ..Default::default()
        };
        let answer = self.inner.database.run(query::execute, request);
        let answer = answer.map_err(|error| QueryError::generic(metadata(&error)))?;
        let count = |count| i32::try_from(count).unwrap_or(i32::MAX);
        Ok(QueryOutput::builder()
            .set_items(answer.items.map(|items| items.into_iter().map(told).collect()))
            .count(count(answer.count))
            .scanned_count(count(answer.scanned_count))
            .set_last_evaluated_key(answer.last_evaluated_key.map(told))
            .build())
    }

    async fn transact_write_items(
        &self,
        request: TransactWriteItemsInput,
    ) -> Result<TransactWriteItemsOutput, Box<TransactWriteItemsError>> {
        let writes = request.transact_items().iter();
        let inserted = self.inner.database.insert(writes.map(NewItem::in_transaction)).await;
        if inserted.map_err(|error| TransactWriteItemsError::generic(metadata(&error)))? {
            return Ok(TransactWriteItemsOutput::builder().build());
        }
        let items = request.transact_items.unwrap_or_default().into_iter().map(write).collect();
        let request =
            transact::TransactWriteItemsRequest { transact_items: items, ..Default::default() };
        self.inner.database.run(transact::execute, request).map_err(|error| match error {
            DynoxideError::TransactionCanceledException(..) => {
                TransactWriteItemsError::TransactionCanceledException(canceled(error))
            }
            error => TransactWriteItemsError::generic(metadata(&error)),
        })?;
        Ok(TransactWriteItemsOutput::builder().build())
    }
}

fn write(write: sdk::TransactWriteItem) -> transact::TransactWriteItem {
    transact::TransactWriteItem {
        put: write.put.map(|put| transact::TransactPut {
            table_name: put.table_name,
            item: taken(put.item),
            condition_expression: put.condition_expression,
            expression_attribute_names: put.expression_attribute_names,
            expression_attribute_values: put.expression_attribute_values.map(taken),
            return_values_on_condition_check_failure: put
                .return_values_on_condition_check_failure
                .map(name),
        }),
        update: write.update.map(|update| transact::TransactUpdate {
            table_name: update.table_name,
            key: taken(update.key),
            update_expression: update.update_expression,
            condition_expression: update.condition_expression,
            expression_attribute_names: update.expression_attribute_names,
            expression_attribute_values: update.expression_attribute_values.map(taken),
            return_values_on_condition_check_failure: update
                .return_values_on_condition_check_failure
                .map(name),
        }),
        delete: write.delete.map(|delete| transact::TransactDelete {
            table_name: delete.table_name,
            key: taken(delete.key),
            condition_expression: delete.condition_expression,
            expression_attribute_names: delete.expression_attribute_names,
            expression_attribute_values: delete.expression_attribute_values.map(taken),
            return_values_on_condition_check_failure: delete
                .return_values_on_condition_check_failure
                .map(name),
        }),
        condition_check: write.condition_check.map(|check| transact::TransactConditionCheck {
            table_name: check.table_name,
            key: taken(check.key),
            condition_expression: check.condition_expression,
            expression_attribute_names: check.expression_attribute_names,
            expression_attribute_values: check.expression_attribute_values.map(taken),
            return_values_on_condition_check_failure: check
                .return_values_on_condition_check_failure
                .map(name),
        }),
    }
}

/// The engine's code and text, where the SDK keeps those that it has no type for.
fn metadata(error: &DynoxideError) -> ErrorMetadata {
    let code = error.error_type().rsplit('#').next().unwrap_or_default();
    ErrorMetadata::builder().code(code).message(error.to_string()).build()
}

/// The error of a write that has a condition: that it does not hold, or any other.
fn conditional<E>(
    error: DynoxideError,
    unmet: fn(refused::ConditionalCheckFailedException) -> E,
    other: fn(ErrorMetadata) -> E,
) -> E {
    let metadata = metadata(&error);
    match error {
        DynoxideError::ConditionalCheckFailedException(message, old) => unmet(
            refused::ConditionalCheckFailedException::builder()
                .meta(metadata)
                .message(message)
                .set_item(old.map(told))
                .build(),
        ),
        _ => other(metadata),
    }
}

fn canceled(error: DynoxideError) -> refused::TransactionCanceledException {
    let canceled = refused::TransactionCanceledException::builder().meta(metadata(&error));
    match error {
        DynoxideError::TransactionCanceledException(message, reasons) => {
            let reasons = reasons.into_iter().map(|reason| {
                sdk::CancellationReason::builder()
                    .code(reason.code)
                    .set_message(reason.message)
                    .set_item(reason.item.map(told))
                    .build()
            });
            canceled.message(message).set_cancellation_reasons(Some(reasons.collect())).build()
        }
        _ => canceled.build(),
    }
}

/// An enumeration's value as text.
fn name(value: impl AsRef<str>) -> String {
    value.as_ref().to_owned()
}

fn given(item: Option<SdkItem>) -> Item {
    item.map(taken).unwrap_or_default()
}

fn taken(item: SdkItem) -> Item {
    item.into_iter().map(|(name, value)| (name, take(value))).collect()
}

fn told(item: Item) -> SdkItem {
    item.into_iter().map(|(name, value)| (name, tell(value))).collect()
}

fn take(value: sdk::AttributeValue) -> AttributeValue {
    match value {
        sdk::AttributeValue::S(text) => AttributeValue::S(text),
        sdk::AttributeValue::N(number) => AttributeValue::N(number),
        sdk::AttributeValue::B(bytes) => AttributeValue::B(bytes.into_inner()),
        sdk::AttributeValue::Bool(value) => AttributeValue::BOOL(value),
        sdk::AttributeValue::Ss(texts) => AttributeValue::SS(texts),
        sdk::AttributeValue::Ns(numbers) => AttributeValue::NS(numbers),
        sdk::AttributeValue::Bs(all) => {
            AttributeValue::BS(all.into_iter().map(Blob::into_inner).collect())
        }
        sdk::AttributeValue::L(values) => AttributeValue::L(values.into_iter().map(take).collect()),
        sdk::AttributeValue::M(item) => AttributeValue::M(taken(item)),
        // `Null`, and kinds that came after this: the engine has none of them.
        _ => AttributeValue::NULL(true),
    }
}

fn tell(value: AttributeValue) -> sdk::AttributeValue {
    match value {
        AttributeValue::S(text) => sdk::AttributeValue::S(text),
        AttributeValue::N(number) => sdk::AttributeValue::N(number),
        AttributeValue::B(bytes) => sdk::AttributeValue::B(Blob::new(bytes)),
        AttributeValue::BOOL(value) => sdk::AttributeValue::Bool(value),
        AttributeValue::NULL(value) => sdk::AttributeValue::Null(value),
        AttributeValue::SS(texts) => sdk::AttributeValue::Ss(texts),
        AttributeValue::NS(numbers) => sdk::AttributeValue::Ns(numbers),
        AttributeValue::BS(all) => {
            sdk::AttributeValue::Bs(all.into_iter().map(Blob::new).collect())
        }
        AttributeValue::L(values) => sdk::AttributeValue::L(values.into_iter().map(tell).collect()),
        AttributeValue::M(item) => sdk::AttributeValue::M(told(item)),
    }
}
