//! Putting the service together, and keeping this host's place among others.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use metrics_exporter_prometheus::BuildError;
use parking_lot::Mutex;
use shared::{
    auth::Auth,
    aws::sdk_config,
    clock::Timestamp,
    config::{Config, ConfigError, StoreConfig, StoreKind},
    context::Context,
    error::Error,
    later::Later,
    log::ChannelLog,
    push::Push,
    store::Store,
};
use thiserror::Error as ThisError;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    App, Parts,
    bus::Bus,
    dynamodb::{Engine, Location, OpenError},
    metrics,
    push::Hub,
    secret::{development_secret, is_development},
    timers::{self, Timers},
};

/// How many times in a lease a host renews it.
const RENEWALS: u32 = 10;
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// A moment by which every host that is not this one has ended: an embedded store has one host at a time.
const AFTER_ALL: i64 = i64::MAX;

/// Why the service does not start.
#[derive(Debug, ThisError)]
pub enum StartError {
    /// A variable cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The embedded engine's file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing can be counted.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The table cannot be made or used.
    #[error("TABLE_NAME: the table {table} cannot be used: {cause}")]
    Table {
        /// The table.
        table: String,
        /// What DynamoDB says.
        cause: String,
    },
}

/// The whole service, with the store that is configured.
///
/// # Errors
/// One line that names what is wrong.
pub async fn app(config: Config) -> Result<App, StartError> {
    match config.store.kind {
        StoreKind::Embedded => {
            let location = config.store.data_dir.clone();
            let engine = Engine::open(&location.map_or(Location::Memory, Location::Directory))?;
            let client = engine.client();
            build(config, client, Some(engine)).await
        }
        StoreKind::DynamoDb => {
            let client = aws_sdk_dynamodb::Client::new(&sdk_config().await);
            build(config, client, None).await
        }
    }
}

/// The whole service over a given client, whatever the configuration says of the store.
///
/// # Errors
/// One line that names what is wrong.
pub async fn app_over(config: Config, client: aws_sdk_dynamodb::Client) -> Result<App, StartError> {
    build(config, client, None).await
}

async fn build(
    mut config: Config,
    client: aws_sdk_dynamodb::Client,
    engine: Option<Engine>,
) -> Result<App, StartError> {
    metrics::install()?;
    let store = Store::new(client, &config.store.table);
    let store = match &engine {
        Some(engine) => store.with_engine(Arc::new(engine.clone())),
        None => store,
    };
    let hub = Arc::new(Hub::default());
    let host: Arc<str> = Uuid::new_v4().simple().to_string().into();
    let (timers, jobs) = Timers::new();
    let bus = match &config.redis_url {
        Some(url) => {
            let (hub, timers) = (hub.clone(), timers.clone());
            Some(Bus::join(url, &config, &host, hub, store.clone(), timers).await?)
        }
        None => None,
    };
    prepare(&store, &config.store, engine.is_some()).await?;
    if is_development(&config) {
        config.auth.secret = Some(development_secret(&config)?);
    }
    let auth = Auth::new(&config.auth, config.presence.session_ttl.as_secs())?;
    let (push, later, log): (Arc<dyn Push>, Arc<dyn Later>, _) = match &bus {
        Some(bus) => {
            (bus.clone(), bus.clone(), ChannelLog::announced_by(store.clone(), bus.clone()))
        }
        None => (hub.clone(), Arc::new(timers), ChannelLog::new(store.clone(), Some(hub.clone()))),
    };
    let cx =
        Context { log, store, push, later, auth: Arc::new(auth), host, config: Arc::new(config) };
    let timers = tokio::spawn(timers::run(cx.clone(), jobs)).abort_handle();
    Ok(App(Arc::new(Parts {
        cx,
        api: Arc::new(functions::api()),
        hub,
        tasks: TaskTracker::new(),
        sockets: Mutex::new(HashMap::new()),
        engine,
        bus,
        timers,
        draining: AtomicBool::new(false),
    })))
}

async fn prepare(store: &Store, config: &StoreConfig, embedded: bool) -> Result<(), StartError> {
    let ready = if embedded || config.local_endpoint {
        store.create_table().await
    } else {
        store.check().await
    };
    ready.map_err(|error| StartError::Table {
        table: config.table.clone(),
        cause: error.cause().map_or_else(|| error.to_string(), ToString::to_string),
    })
}

/// Says again and again that this host is alive, and clears up after those that are not.
pub(crate) async fn keep_lease(app: App) {
    let lease = app.cx.config.presence.lease;
    let mut every = tokio::time::interval(lease / RENEWALS);
    let mut swept = tokio::time::Instant::now();
    let mut first = true;
    loop {
        every.tick().await;
        match Box::pin(renew(&app, lease, first)).await {
            Ok(()) => first = false,
            Err(error) => error.log("lease"),
        }
        if let Some(engine) = app.engine.as_ref().filter(|_| swept.elapsed() >= SWEEP_EVERY) {
            swept = tokio::time::Instant::now();
            if let Err(error) = engine.sweep().await {
                tracing::error!(%error, "expired items stay");
            }
        }
    }
}

/// Others took this host for dead: its connections are made known again.
async fn come_back(app: &App) {
    for connection in app.hub.all() {
        let entered = functions::connect::enter(&app.cx, &connection.caller(false)).await;
        if let Err(error) = entered {
            error.log("lease");
        }
    }
}

async fn renew(app: &App, lease: Duration, first: bool) -> Result<(), Error> {
    let now = Timestamp::now();
    let known = app.cx.store.renew_host(&app.cx.host, now.plus_seconds(lease.as_secs())).await?;
    if !known && !first {
        Box::pin(come_back(app)).await;
    }
    let alone = first && app.engine.is_some();
    let before = if alone { Timestamp::from_millis(AFTER_ALL) } else { now };
    functions::presence::clean_up(&app.cx, before).await?;
    match &app.bus {
        Some(bus) => bus.forget_dead().await,
        None => Ok(()),
    }
}
