//! New items in one statement each, and those of one moment in one commit: which is what a message costs. The engine
//! itself reads an item twice before it writes it, compiles each statement anew, and commits alone.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use dynoxide::storage::{TableMetadata, compute_hash_prefix};
use serde::ser::{Error as _, Serialize, Serializer};
use shared::store::NEW;

use super::database::{Batch, Database, State};

const KEY_SCHEMA: &str =
    r#"[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]"#;
/// Larger ones may be too large for DynamoDB, which counts otherwise: the engine is asked.
const LARGE: usize = 300_000;
/// DynamoDB's keys are at most so long.
const LONG: usize = 1024;
/// DynamoDB takes so many items in a transaction, and so much.
const TOGETHER: RangeInclusive<usize> = 1..=100;
const LARGE_TOGETHER: usize = 4_000_000;

/// An item that must be new, as it was asked for.
#[derive(Clone, Copy)]
pub(super) struct NewItem<'a> {
    table: &'a str,
    item: &'a HashMap<String, AttributeValue>,
}

/// A row as the engine keeps it.
struct Row<'a> {
    new: NewItem<'a>,
    pk: String,
    sk: String,
    hash: String,
    json: String,
}

impl<'a> NewItem<'a> {
    pub(super) fn asked(request: &'a PutItemInput) -> Option<Self> {
        let (names, values) =
            (request.expression_attribute_names(), request.expression_attribute_values());
        let bare = is_new(request.condition_expression(), names, values);
        (bare && request.return_values.is_none())
            .then_some(Self { table: request.table_name()?, item: request.item()? })
    }

    pub(super) fn in_transaction(write: &'a TransactWriteItem) -> Option<Self> {
        let put = write.put()?;
        let (names, values) = (put.expression_attribute_names(), put.expression_attribute_values());
        is_new(put.condition_expression(), names, values)
            .then_some(Self { table: put.table_name(), item: put.item() })
    }

    fn row(self) -> Option<Row<'a>> {
        if self.item.contains_key("") {
            return None;
        }
        let key = |name| match self.item.get(name) {
            Some(AttributeValue::S(key)) if !key.is_empty() && key.len() <= LONG => {
                Some(dynoxide::AttributeValue::S(key.clone()))
            }
            _ => None,
        };
        let (pk, sk) = (key("pk")?, key("sk")?);
        let json = serde_json::to_string(&Json(self.item)).ok()?;
        (json.len() < LARGE).then_some(Row {
            new: self,
            pk: pk.to_key_string()?,
            sk: sk.to_key_string()?,
            hash: compute_hash_prefix(&pk),
            json,
        })
    }
}

/// Whether the condition is that the item is new, and nothing else is asked.
fn is_new(
    condition: Option<&str>,
    names: Option<&HashMap<String, String>>,
    values: Option<&HashMap<String, AttributeValue>>,
) -> bool {
    condition == Some(NEW) && names.is_none() && values.is_none()
}

impl Database {
    /// Writes these items, all of them new, or none; `false` leaves all as it was, and the engine can tell why.
    pub(super) async fn insert<'a>(
        &self,
        items: impl Iterator<Item = Option<NewItem<'a>>>,
    ) -> dynoxide::Result<bool> {
        let rows: Option<Vec<_>> = items.map(|item| item?.row()).collect();
        let Some(rows) = rows.filter(|rows| go_together(rows)) else { return Ok(false) };
        let added = self.state().add(&rows)?;
        match added {
            Some(batch) => self.committed(&batch).await.map(|()| true),
            None => Ok(false),
        }
    }
}

impl State {
    fn add(&mut self, rows: &[Row<'_>]) -> dynoxide::Result<Option<Arc<Batch>>> {
        let Some(first) = rows.first() else { return Ok(None) };
        let Some(table) = self.table(first.new.table)? else { return Ok(None) };
        if !rows.iter().all(|row| table.takes(row.new)) {
            return Ok(None);
        }
        let batch = self.batch()?;
        match self.insert_all(rows) {
            Ok(true) => Ok(Some(batch)),
            Ok(false) => Ok(None),
            Err(error) => {
                self.abandon(&error);
                Err(error)
            }
        }
    }

    /// The table, if it is one of the kind that the product makes.
    fn table(&mut self, name: &str) -> dynoxide::Result<Option<&Table>> {
        if self.table.as_ref().is_none_or(|known| known.name != name) {
            self.table = self.storage.get_table_metadata(name)?.and_then(Table::of);
        }
        Ok(self.table.as_ref())
    }

    fn insert_all(&self, rows: &[Row<'_>]) -> dynoxide::Result<bool> {
        if let [row] = rows {
            return self.insert(row);
        }
        self.execute("SAVEPOINT rows")?;
        for row in rows {
            if !self.insert(row)? {
                self.execute("ROLLBACK TO rows")?;
                self.execute("RELEASE rows")?;
                return Ok(false);
            }
        }
        self.execute("RELEASE rows")?;
        Ok(true)
    }

    fn insert(&self, row: &Row<'_>) -> dynoxide::Result<bool> {
        let Some(table) = &self.table else { return Ok(false) };
        let mut statement = self.storage.conn().prepare_cached(&table.insert)?;
        let row = (&row.pk, &row.sk, &row.json, row.json.len(), &row.hash);
        Ok(statement.execute(row)? == 1)
    }
}

fn go_together(rows: &[Row<'_>]) -> bool {
    let size: usize = rows.iter().map(|row| row.json.len()).sum();
    TOGETHER.contains(&rows.len()) && size < LARGE_TOGETHER
}

/// A table of texts as keys, without a stream.
pub(super) struct Table {
    name: String,
    insert: String,
    /// Of its indexes' definitions, every text: the names of their keys among others.
    indexed: Vec<String>,
}

impl Table {
    fn of(table: TableMetadata) -> Option<Self> {
        let known = table.key_schema == KEY_SCHEMA
            && !table.stream_enabled
            && table.lsi_definitions.is_none()
            && table.vector_index_definitions.is_none();
        let indexes = table.gsi_definitions.unwrap_or_default();
        let insert = format!(
            "INSERT INTO \"{}\" (pk, sk, item_json, item_size, hash_prefix) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            table.table_name
        );
        let indexed = indexes.split('"').map(ToOwned::to_owned).collect();
        known.then_some(Self { name: table.table_name, insert, indexed })
    }

    /// Whether the item goes into this table alone, and into no index.
    fn takes(&self, new: NewItem<'_>) -> bool {
        let indexed = |name: &String| name != "pk" && name != "sk" && self.indexed.contains(name);
        new.table == self.name && !new.item.keys().any(indexed)
    }
}

/// An item in `DynamoDB`'s JSON. Only texts and whole numbers, which is what new items are made of: the engine has rules
/// for all else.
struct Json<'a>(&'a HashMap<String, AttributeValue>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Value(value))))
    }
}

struct Value<'a>(&'a AttributeValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::S(text) => serializer.collect_map([("S", text)]),
            AttributeValue::N(number) if is_whole(number) => {
                serializer.collect_map([("N", number)])
            }
            _ => Err(S::Error::custom("not for here")),
        }
    }
}

/// Whether the engine would keep the number as it is written.
fn is_whole(number: &str) -> bool {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits && (1..=18).contains(&number.len()) && (number == "0" || !number.starts_with('0'))
}
