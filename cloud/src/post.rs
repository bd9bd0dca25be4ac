//! API Gateway's management of connections: posting to them, ending them.

use aws_sdk_apigatewaymanagement::error::ProvideErrorMetadata;
use aws_sdk_apigatewaymanagement::{
    Client,
    error::DisplayErrorContext,
    operation::{
        delete_connection::DeleteConnectionError, post_to_connection::PostToConnectionError,
    },
    primitives::Blob,
};
use shared::{
    clock::Timestamp,
    error::{Error, Result},
    push::Delivery,
};

/// How API Gateway calls an id that it never gave.
const NO_ID: &str = "BadRequestException";

/// The sockets of one stage. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Posts(pub(crate) Client);

impl Posts {
    /// Sends text. Throttling and failures of API Gateway are tried again with jitter before they are an error.
    pub(crate) async fn post(&self, socket: &str, text: impl Into<Vec<u8>>) -> Result<Delivery> {
        let post = self.0.post_to_connection().connection_id(socket).data(Blob::new(text));
        match post.send().await {
            Ok(_) => Ok(Delivery::Sent),
            Err(error) if is_gone(error.as_service_error()) => Ok(Delivery::Gone),
            Err(error) => Err(Error::internal(DisplayErrorContext(error).to_string())),
        }
    }

    /// Ends a socket; one that is gone is no error.
    pub(crate) async fn close(&self, socket: &str) -> Result<()> {
        match self.0.delete_connection().connection_id(socket).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_closed(error.as_service_error()) => Ok(()),
            Err(error) => Err(Error::internal(DisplayErrorContext(error).to_string())),
        }
    }

    /// When something last went over a socket; `None` when it is gone or API Gateway does not say.
    pub(crate) async fn last_active(&self, socket: &str) -> Option<Timestamp> {
        let found = self.0.get_connection().connection_id(socket).send().await.ok()?;
        found.last_active_at?.to_millis().ok().map(Timestamp::from_millis)
    }
}

fn is_gone(error: Option<&PostToConnectionError>) -> bool {
    error.is_some_and(|error| error.is_gone_exception() || error.code() == Some(NO_ID))
}

fn is_closed(error: Option<&DeleteConnectionError>) -> bool {
    error.is_some_and(|error| error.is_gone_exception() || error.code() == Some(NO_ID))
}
