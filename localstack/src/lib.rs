//! The local host: every event, all transports and the page in one process.

mod bus;
mod connection;
mod dispatch;
pub mod dynamodb;
mod listener;
mod metrics;
mod network;
mod otlp;
mod page;
mod push;
mod secret;
mod socketio;
mod start;
mod timers;
mod websocket;

use std::{
    collections::HashMap,
    io,
    ops::Deref,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware, routing::get};
use functions::rest::Origins;
use parking_lot::Mutex;
use shared::{
    api::Api,
    clock::Timestamp,
    context::Context,
    error::{Code, Error, Result},
    ids::Room,
    push::Push,
    text::Text,
};
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use self::{
    bus::Bus,
    connection::Connection,
    dynamodb::Engine,
    listener::{CuttableListener, Peer},
    push::Hub,
    socketio::Socket,
};
pub use self::{
    otlp::Traces,
    secret::{development_secret, is_development},
    start::{StartError, app, app_over},
};

/// How long accepted work may take when the host goes down.
const DRAIN: Duration = Duration::from_secs(8);
/// How long requests in flight may take after that.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The whole service, ready to be run. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the service is made of.
pub struct Parts {
    pub(crate) cx: Context,
    pub(crate) api: Arc<Api>,
    pub(crate) hub: Arc<Hub>,
    /// Events being handled.
    pub(crate) tasks: TaskTracker,
    /// The Socket.IO sockets, by the engine's id.
    pub(crate) sockets: Mutex<HashMap<String, Weak<Socket>>>,
    engine: Option<Engine>,
    /// Joins the hosts over one table, where there are several.
    bus: Option<Arc<Bus>>,
    timers: AbortHandle,
    draining: AtomicBool,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes a connection in: it is known, in the lobby if it has one, and in its user's rooms.
    async fn open(&self, connection: &Arc<Connection>, lobby: Option<Room>) -> Result<()> {
        self.hub.add(connection);
        let caller = connection.caller(false);
        let opened = async {
            self.hub.join(&caller, lobby.as_slice()).await?;
            Box::pin(functions::connect::enter(&self.cx, &caller)).await
        };
        let opened = opened.await;
        if opened.is_err() {
            self.hub.leave_rooms(connection);
            self.hub.remove(&connection.id);
        }
        opened
    }

    /// Lets a connection go that has ended.
    async fn closed(&self, connection: &Connection) {
        if !connection.end() {
            return;
        }
        self.hub.leave_rooms(connection);
        let caller = connection.caller(false);
        let left = self.tasks.track_future(functions::disconnect::leave(&self.cx, &caller));
        if let Err(error) = left.await {
            error.log("disconnect");
        }
        self.hub.remove(&connection.id);
    }

    /// Serves until `shutdown`, then refuses what is new, finishes what was accepted, and returns within 10 s.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let origins = Origins::new(&self.cx.config.origins, Some(listener.local_addr()?));
        let router = self.router(origins);
        let service = router.into_make_service_with_connect_info::<Peer>();
        let watch = tokio::spawn(watch(self.clone()));
        let leases = tokio::spawn(start::keep_lease(self.clone()));
        let app = self.clone();
        let (stopped, stop) = tokio::sync::oneshot::channel::<()>();
        let serve =
            axum::serve(CuttableListener(listener), service).with_graceful_shutdown(async {
                let _ = stop.await;
            });
        let mut serve = tokio::spawn(async move { serve.await });
        shutdown.await;
        app.draining.store(true, Ordering::Relaxed);
        let _ = stopped.send(());
        app.drain().await;
        watch.abort();
        leases.abort();
        // Requests in flight end by themselves; a poll that waits does not.
        if tokio::time::timeout(LAST_REQUESTS, &mut serve).await.is_err() {
            serve.abort();
        }
        Ok(())
    }

    fn router(&self, origins: Origins) -> Router {
        let router = page::router()
            .route("/ws", get(websocket::upgrade))
            .route("/metrics", get(metrics::serve))
            .with_state(self.clone())
            .merge(functions::rest::router(self.cx.clone(), Arc::clone(&self.api)))
            .layer(middleware::from_fn_with_state(self.clone(), network::watch_readiness))
            .layer(socketio::layer(self))
            .layer(middleware::from_fn_with_state(self.clone(), network::watch_upgrades));
        origins.guard(router).layer(CatchPanicLayer::new())
    }

    /// How many events wait for the one being handled, for each Socket.IO connection.
    fn inboxes(&self) -> Vec<usize> {
        let sockets: Vec<_> = self.sockets.lock().values().filter_map(Weak::upgrade).collect();
        sockets.iter().flat_map(|socket| socket.data.inboxes()).collect()
    }

    async fn drain(&self) {
        let drained = async {
            self.tasks.close();
            self.tasks.wait().await;
            for connection in self.hub.all() {
                connection.go_away();
            }
            while !self.hub.all().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.tasks.wait().await;
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("stopped with work left over");
        }
        if let Err(error) = self.cx.store.forget_host(&self.cx.host).await {
            error.log("shutdown");
        }
        self.timers.abort();
        if let Some(bus) = &self.bus {
            bus.leave().await;
        }
    }
}

/// Looks after connections: ends those whose token has expired, and lets go of those that vanished.
async fn watch(app: App) {
    let mut every = tokio::time::interval(WATCH_EVERY);
    loop {
        every.tick().await;
        metrics::add_up();
        let now = Timestamp::now();
        for connection in app.hub.all() {
            if connection.is_dead() {
                app.closed(&connection).await;
            } else if connection.is_expired(now) {
                let error = Error::new(Code::Unauthorized, Text::TokenExpired);
                dispatch::tell_error(&connection, None, &error);
                connection.close();
            }
        }
    }
}
