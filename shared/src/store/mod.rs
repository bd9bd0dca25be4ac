//! State, in one DynamoDB table. Only in this folder is a key written.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | user: presence and proof of identity | `USERS#<shard>` | user |
//! | connection, in the cloud | `CONNS#<shard>` | socket, or socket and namespace |
//! | room subscription, in the cloud | `SUBS#<room>`, the lobby's with a shard | connection |
//! | host lease | `HOSTS` | boot id |
//! | session | `SESSION#<hash>` | `-` |
//! | membership (index: `ROOM#<room>`, name hash and user) | `USER#<user>` | `MEMBER#<room>` |
//! | notification, waiting or confirmed | `USER#<user>` | `WAITING#<id>`, `CONFIRMED#<id>` |
//! | read mark | `USER#<user>` | `READ#<channel>` |
//! | channel or group | `ROOMS#<kind>` | id |
//! | log entry | `CHANNEL#<channel>` | `LOG#<seq, 16 digits>` |
//! | reaction | `CHANNEL#<channel>` | `REACTION#<seq>#<emoji>#<user>` |
//! | thread | `CHANNEL#<channel>` | `THREAD#<message>` |
//! | reply: where a thread's messages are | `CHANNEL#<channel>` | `REPLY#<seq of the thread's message>#<seq>` |
//! | client message id | `CHANNEL#<channel>` | `CLIENT#<user>#<hash>` |
//! | watched episode | `GROUP#<group>` | `WATCHED#<user>#<hash>` |
//! | lobby message | `LOBBY` | time-ordered id |
//! | direct message | `DIRECT#<user>#<user>` | time-ordered id |
//!
//! TTL is on `expiresAt`. It deletes late, so every read filters by time as well.

pub mod appends;
mod attributes;
pub mod clients;
pub mod connections;
pub mod entries;
mod erasure;
pub mod hosts;
pub mod memberships;
pub mod messages;
pub mod notifications;
pub mod reactions;
pub mod reads;
mod requests;
pub mod rooms;
pub mod sessions;
pub mod subscriptions;
mod table;
pub mod threads;
pub mod users;
pub mod watched;

use std::{collections::HashMap, error::Error as StdError, fmt::Write as _, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemInput,
        get_item::GetItemInput,
        put_item::{PutItemInput, builders::PutItemInputBuilder},
        query::{QueryInput, builders::QueryInputBuilder},
        update_item::{UpdateItemInput, builders::UpdateItemInputBuilder},
    },
    types::{AttributeValue, Put, TransactWriteItem},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest, Sha256};

pub use self::{attributes::Attributes, requests::Engine};
use crate::{
    clock::Timestamp,
    error::{Chain, Error, Result},
};

/// How long a throttled client is told to wait.
const THROTTLED_MS: u64 = 1000;
const KEY: &AsciiSet = &CONTROLS.add(b'#').add(b'%').add(b':');
/// The condition of a write that its item must be new.
pub const NEW: &str = "attribute_not_exists(pk)";
const PARTITION: &str = "pk";
const SORT: &str = "sk";
const EXPIRES: &str = "expiresAt";

/// The table, by way of the AWS SDK. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    engine: Option<Arc<dyn Engine>>,
    table: Arc<str>,
}

impl Store {
    /// A store over a table that exists, or will be made by [`Store::create_table`].
    #[must_use]
    pub fn new(client: Client, table: &str) -> Self {
        Self { client, engine: None, table: table.into() }
    }

    /// The same store, with what it sends for every event handed to an engine in this process. The client reaches the
    /// same engine, with the rest.
    #[must_use]
    pub fn with_engine(self, engine: Arc<dyn Engine>) -> Self {
        Self { engine: Some(engine), ..self }
    }

    fn query(&self) -> QueryInputBuilder {
        QueryInput::builder().table_name(&*self.table)
    }

    fn put_item(&self, row: Item) -> PutItemInputBuilder {
        PutItemInput::builder().table_name(&*self.table).set_item(Some(row))
    }

    fn update_item(&self, pk: String, sk: String) -> UpdateItemInputBuilder {
        UpdateItemInput::builder().table_name(&*self.table).set_key(Some(item(pk, sk)))
    }

    async fn get(&self, pk: String, sk: String) -> Result<Option<Attributes>> {
        let get = GetItemInput::builder()
            .table_name(&*self.table)
            .set_key(Some(item(pk, sk)))
            .consistent_read(true);
        let output = self.send(get).await.map_err(failed)?;
        Ok(output.item.map(Attributes).filter(Attributes::is_live))
    }

    async fn put(&self, row: Item) -> Result<()> {
        self.send(self.put_item(row)).await.map_err(failed).map(drop)
    }

    /// Puts an item unless one with its key exists; says whether it was put.
    async fn put_new(&self, row: Item) -> Result<bool> {
        let put = self
            .put_item(row)
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", expires_in(0));
        match self.send(put).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(error.as_service_error()) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// The write of an item, for a transaction; refused when one with its key exists.
    fn write_new(&self, row: Item) -> Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(row))
            .condition_expression(NEW)
            .build()
            .map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    async fn delete(&self, pk: String, sk: String) -> Result<()> {
        let delete =
            DeleteItemInput::builder().table_name(&*self.table).set_key(Some(item(pk, sk)));
        self.send(delete).await.map_err(failed).map(drop)
    }

    /// A consistent query of the items of a partition whose sort key has this prefix.
    fn prefixed(&self, pk: String, prefix: &str) -> QueryInputBuilder {
        let query = self.query().consistent_read(true).expression_attribute_values(":pk", text(pk));
        if prefix.is_empty() {
            query.key_condition_expression("pk = :pk")
        } else {
            query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix))
        }
    }

    /// A consistent query of the items of a partition between two sort keys, both included.
    fn between(&self, pk: String, first: String, last: String) -> QueryInputBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last))
    }

    /// Runs a query page by page until `enough` items passed, or there are no more. Expired items do not count.
    async fn collect(&self, query: QueryInputBuilder, enough: usize) -> Result<Vec<Attributes>> {
        let mut items = Vec::new();
        let mut start = query.get_exclusive_start_key().clone();
        loop {
            let page = query.clone().set_exclusive_start_key(start);
            let page = self.send(page).await.map_err(failed)?;
            let live = page.items.unwrap_or_default().into_iter().map(Attributes);
            items.extend(live.filter(Attributes::is_live));
            start = page.last_evaluated_key;
            if start.is_none() || items.len() >= enough {
                items.truncate(enough);
                return Ok(items);
            }
        }
    }
}

/// A key of parts, each encoded so that no two lists of parts make one key.
fn key(parts: &[&str]) -> String {
    let mut key = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push('#');
        }
        key.extend(utf8_percent_encode(part, KEY));
    }
    key
}

/// A key of parts that ends in `#`: what a range of keys begins with.
fn prefix(parts: &[&str]) -> String {
    key(parts) + "#"
}

/// A short stand-in for text that is too long, or too secret, for a key.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(key(parts));
    digest.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A partition's number among `shards`, the same for the same text for ever.
fn shard(of: &str, shards: u8) -> u8 {
    Sha256::digest(of)[0] % shards
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn expires_in(seconds: u64) -> AttributeValue {
    number(Timestamp::now().plus_seconds(seconds).seconds())
}

type Item = HashMap<String, AttributeValue>;

fn item(pk: String, sk: String) -> Item {
    HashMap::from([(PARTITION.to_owned(), text(pk)), (SORT.to_owned(), text(sk))])
}

/// What a failed call means to the client: busy, or our fault.
fn failed<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Error::rate_limited(THROTTLED_MS),
        error if is_throttle(error.code()) => Error::rate_limited(THROTTLED_MS),
        // Without the answer itself, which may hold an item, and so a message.
        error => Error::internal(Chain(&error).to_string()),
    }
}

/// Whether a put, update or delete failed by its own condition.
fn is_condition<E: ProvideErrorMetadata>(error: Option<&E>) -> bool {
    error.and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

fn is_throttle(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "TransactionInProgressException"
                | "TransactionConflictException"
        )
    )
}
