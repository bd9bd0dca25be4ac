//! How requests leave the store: through the AWS SDK, or as they are to an engine in this process.

use std::{future::Future, time::Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        self,
        transact_write_items::{
            TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput,
        },
    },
    types::TransactWriteItem,
};

use super::{Store, is_throttle};
use crate::metrics::{Outcome, StoreMeter};

type Answer<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// A request that is ready to be sent.
pub(super) trait Request: Sized {
    type Output;
    type Error: ProvideErrorMetadata;

    fn meter() -> &'static StoreMeter;

    fn by_sdk(
        self,
        client: &Client,
    ) -> impl Future<Output = Answer<Self::Output, Self::Error>> + Send;

    fn by_engine(
        self,
        engine: &dyn Engine,
    ) -> impl Future<Output = Answer<Self::Output, Self::Error>> + Send;
}

macro_rules! requests {
    ($($name:ident $operation:literal: $Builder:ident, $Input:ident, $Output:ident, $Error:ident;)*) => {
        /// A DynamoDB in this process that takes requests as they are: no JSON, no HTTP.
        #[async_trait]
        pub trait Engine: Send + Sync {
            $(
                #[doc = concat!("Answers `", stringify!($Input), "` as DynamoDB would.")]
                ///
                /// # Errors
                /// Those that DynamoDB has.
                async fn $name(
                    &self,
                    request: operation::$name::$Input,
                ) -> Result<operation::$name::$Output, Box<operation::$name::$Error>>;
            )*
        }

        $(
            impl Request for operation::$name::builders::$Builder {
                type Output = operation::$name::$Output;
                type Error = operation::$name::$Error;

                fn meter() -> &'static StoreMeter {
                    static METER: StoreMeter = StoreMeter::of($operation);
                    &METER
                }

                fn by_sdk(
                    self,
                    client: &Client,
                ) -> impl Future<Output = Answer<Self::Output, Self::Error>> + Send {
                    self.send_with(client)
                }

                async fn by_engine(self, engine: &dyn Engine) -> Answer<Self::Output, Self::Error> {
                    let request = self.build().map_err(SdkError::construction_failure)?;
                    engine.$name(request).await.map_err(|error| as_answered(*error))
                }
            }
        )*
    };
}

requests! {
    batch_get_item "BatchGetItem": BatchGetItemInputBuilder, BatchGetItemInput, BatchGetItemOutput, BatchGetItemError;
    batch_write_item "BatchWriteItem": BatchWriteItemInputBuilder, BatchWriteItemInput, BatchWriteItemOutput, BatchWriteItemError;
    delete_item "DeleteItem": DeleteItemInputBuilder, DeleteItemInput, DeleteItemOutput, DeleteItemError;
    get_item "GetItem": GetItemInputBuilder, GetItemInput, GetItemOutput, GetItemError;
    put_item "PutItem": PutItemInputBuilder, PutItemInput, PutItemOutput, PutItemError;
    query "Query": QueryInputBuilder, QueryInput, QueryOutput, QueryError;
    transact_write_items "TransactWriteItems": TransactWriteItemsInputBuilder, TransactWriteItemsInput, TransactWriteItemsOutput, TransactWriteItemsError;
    update_item "UpdateItem": UpdateItemInputBuilder, UpdateItemInput, UpdateItemOutput, UpdateItemError;
}

/// An error in the form that it has when it comes over HTTP.
fn as_answered<E: ProvideErrorMetadata>(error: E) -> SdkError<E, HttpResponse> {
    let status: u16 = if error.code() == Some("InternalServerError") { 500 } else { 400 };
    match status.try_into() {
        Ok(status) => SdkError::service_error(error, HttpResponse::new(status, "".into())),
        Err(impossible) => SdkError::construction_failure(impossible),
    }
}

fn outcome<T, E: ProvideErrorMetadata>(answer: &Answer<T, E>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Ok,
        Err(error) if is_throttle(error.code()) => Outcome::Throttled,
        Err(SdkError::ServiceError(refused)) if !refused.raw().status().is_server_error() => {
            Outcome::Refused
        }
        Err(_) => Outcome::Failed,
    }
}

impl Store {
    pub(super) async fn send<R: Request>(&self, request: R) -> Answer<R::Output, R::Error> {
        let started = Instant::now();
        let answer = self.unmeasured(request).await;
        R::meter().called(outcome(&answer), started.elapsed());
        answer
    }

    async fn unmeasured<R: Request>(&self, request: R) -> Answer<R::Output, R::Error> {
        match &self.engine {
            Some(engine) => {
                // The engine seldom suspends, so without this a task that calls in a loop would keep its worker for ever.
                tokio::task::consume_budget().await;
                request.by_engine(engine.as_ref()).await
            }
            // The SDK's future is 16 KiB, which the caller's would hold for as long as it lives.
            None => Box::pin(request.by_sdk(&self.client)).await,
        }
    }

    /// Writes all of them, or none.
    pub(super) async fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
    ) -> Answer<TransactWriteItemsOutput, TransactWriteItemsError> {
        self.send(TransactWriteItemsInput::builder().set_transact_items(Some(writes))).await
    }
}
