//! The engine's storage, for one caller at a time, and what this process does with it by itself.

use std::sync::{Arc, OnceLock};

use dynoxide::actions::delete_item::{self, DeleteItemRequest};
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::{ScanParams, Storage, TableMetadata};
use dynoxide::types::KeySchemaElement;
use dynoxide::{AttributeValue, DynoxideError, Item};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use shared::clock::Timestamp;

use super::inserts::Table;

/// A commit survives the process and waits for no disk; what it leaves in the write-ahead log goes to its place 16 MiB at
/// a time. Units are pages of 4 KiB, and KiB where they are negative.
const SETTINGS: &str = "PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA cache_size = -8000;
    PRAGMA temp_store = MEMORY;";

/// Rows that a sweep reads before it lets others in.
const SWEEP_PAGE: usize = 25;

/// All tables. The engine's operations are `async` for the sake of other storages; with this one they never wait.
pub(super) struct Database {
    state: Mutex<State>,
    /// The engine wants it with every operation on a table; there are no vector indexes here.
    pub(super) indexes: VectorIndexLifecycle,
}

/// The storage, and what is written to it but not committed: nobody reads that, and nobody was told of it.
pub(super) struct State {
    pub(super) storage: Storage,
    open: Option<Arc<Batch>>,
    /// What is known of a table, until an operation that may change it.
    pub(super) table: Option<Table>,
}

/// Writes that are committed together, once that has happened or failed.
#[derive(Default)]
pub(super) struct Batch(OnceLock<Result<(), String>>);

impl Database {
    pub(super) fn memory() -> dynoxide::Result<Self> {
        Ok(Self::of(Storage::memory()?))
    }

    pub(super) fn open(path: &str) -> dynoxide::Result<Self> {
        let storage = Storage::new(path)?;
        storage.conn().execute_batch(SETTINGS)?;
        Ok(Self::of(storage))
    }

    fn of(storage: Storage) -> Self {
        let state = Mutex::new(State { storage, open: None, table: None });
        Self { state, indexes: VectorIndexLifecycle::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The storage with nothing left open.
    fn storage(&self) -> MappedMutexGuard<'_, Storage> {
        let mut state = self.state();
        state.commit();
        state.table = None;
        MutexGuard::map(state, |state| &mut state.storage)
    }

    /// Runs one of the engine's operations.
    pub(super) fn run<Q, A>(
        &self,
        operation: impl AsyncFnOnce(&Storage, Q) -> dynoxide::Result<A>,
        request: Q,
    ) -> dynoxide::Result<A> {
        pollster::block_on(operation(&self.storage(), request))
    }

    /// Waits until a batch is committed. Whoever is ready now gets to add to it before; a lone write waits for nobody.
    pub(super) async fn committed(&self, batch: &Batch) -> dynoxide::Result<()> {
        tokio::task::yield_now().await;
        if batch.0.get().is_none() {
            self.state().commit();
        }
        let failed = match batch.0.get() {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => error.clone(),
            None => "a batch was forgotten".to_owned(),
        };
        Err(DynoxideError::InternalServerError(failed))
    }

    /// Deletes the items whose time to live is over, and returns how many. Others get in between its pages.
    pub(super) fn sweep(&self) -> dynoxide::Result<usize> {
        let now = Timestamp::now().seconds();
        let tables = self.storage().list_ttl_enabled_tables()?;
        let mut deleted = 0;
        for table in tables {
            let Some(attribute) = &table.ttl_attribute else { continue };
            let keys = key_names(&table)?;
            let mut after: Option<(String, String)> = None;
            loop {
                let storage = self.storage();
                let page = storage.scan_items(&table.table_name, &page_after(after.as_ref()))?;
                for (_, _, item) in &page {
                    if let Some(item) = over(item, attribute, now) {
                        delete(&storage, &table.table_name, &keys, item)?;
                        deleted += 1;
                    }
                }
                MappedMutexGuard::unlock_fair(storage);
                let Some((pk, sk, _)) = page.into_iter().next_back() else { break };
                after = Some((pk, sk));
            }
        }
        Ok(deleted)
    }
}

impl State {
    /// The batch that is open; there is one after this.
    pub(super) fn batch(&mut self) -> dynoxide::Result<Arc<Batch>> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(open));
        }
        self.execute("BEGIN IMMEDIATE")?;
        Ok(Arc::clone(self.open.insert(Arc::default())))
    }

    /// Commits the open batch, if there is one, and settles it.
    fn commit(&mut self) {
        if self.open.is_some() {
            let done = self.execute("COMMIT").map(drop);
            self.close(done.map_err(|error| error.to_string()));
        }
    }

    /// Undoes all of the open batch.
    pub(super) fn abandon(&mut self, error: &DynoxideError) {
        self.close(Err(error.to_string()));
    }

    /// Ends the open batch and settles it; what is not committed is undone.
    fn close(&mut self, done: Result<(), String>) {
        // Some errors, such as a full disk's, end a transaction by themselves.
        if !self.storage.conn().is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a batch of writes stays open");
        }
        if let Some(open) = self.open.take() {
            // It is taken out of the state, so that nobody else can settle it.
            let _ = open.0.set(done);
        }
    }

    pub(super) fn execute(&self, statement: &str) -> dynoxide::Result<usize> {
        Ok(self.storage.conn().prepare_cached(statement)?.execute(())?)
    }
}

fn page_after(last: Option<&(String, String)>) -> ScanParams<'_> {
    ScanParams {
        limit: Some(SWEEP_PAGE),
        exclusive_start_pk: last.map(|(pk, _)| pk.as_str()),
        exclusive_start_sk: last.map(|(_, sk)| sk.as_str()),
        ..ScanParams::default()
    }
}

/// The item, if its time is over.
fn over(json: &str, attribute: &str, now: i64) -> Option<Item> {
    // Most items live for ever, and need not be read for that.
    if !json.contains(attribute) {
        return None;
    }
    let item: Item = serde_json::from_str(json).ok()?;
    match item.get(attribute) {
        Some(AttributeValue::N(at)) if at.parse::<i64>().is_ok_and(|at| at < now) => Some(item),
        _ => None,
    }
}

/// The attributes that are the table's key.
fn key_names(table: &TableMetadata) -> dynoxide::Result<Vec<String>> {
    let keys: Vec<KeySchemaElement> = serde_json::from_str(&table.key_schema)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
    Ok(keys.into_iter().map(|key| key.attribute_name).collect())
}

fn delete(storage: &Storage, table: &str, keys: &[String], mut item: Item) -> dynoxide::Result<()> {
    let key = keys.iter().filter_map(|name| item.remove_entry(name)).collect();
    let request = DeleteItemRequest { table_name: table.to_owned(), key, ..Default::default() };
    pollster::block_on(delete_item::execute(storage, request)).map(drop)
}
