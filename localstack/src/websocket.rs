//! The plain WebSocket: JSON text frames, one task a connection.

use std::{future::pending, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::{
        ConnectInfo, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
    },
    http::{HeaderMap, Uri},
    response::Response,
};
use functions::rest::Problem;
use futures_util::{FutureExt, SinkExt};
use serde_json::Value;
use shared::{
    api::too_large,
    auth::Admitted,
    error::{Error, Result},
    ids::Room,
    language::Language,
    plain::{self, Request, ack_frame},
    text::Text,
    user::ConnectionId,
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at},
};
use uuid::Uuid;

use crate::{
    App,
    connection::{Connection, Queued, Transport, Wire},
    dispatch,
    listener::{Cut, Peer},
    network,
};

/// Frames queued for one socket. A reader that falls further behind is cut off.
const QUEUED_FRAMES: usize = 1024;
/// Frames that wait are written together up to so many bytes, which a connection keeps once it has needed them.
const WRITE_TOGETHER: usize = 4096;
/// How often an idle connection is used, so that nobody between takes it for dead. Silence for two of these ends it.
const PING_EVERY: Duration = Duration::from_mins(1);
/// How long a closing connection's last input is waited for.
const LAST_INPUT: Duration = Duration::from_secs(1);

/// Admits before the upgrade: a refusal is an HTTP status.
pub(crate) async fn upgrade(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let language = network::language(&headers, &uri, &Value::Null);
    if app.is_draining() {
        return Problem(dispatch::going_down()).say(language);
    }
    let credentials = network::credentials(&headers, &uri, Value::Null);
    let admitted = match app.cx.auth.admit(&app.cx.store, &credentials).await {
        Ok(admitted) => admitted,
        Err(error) => return Problem(error).say(language),
    };
    let read = app.cx.config.limits.frame_bytes * network::READ_FACTOR;
    upgrade
        .read_buffer_size(network::READ_BYTES)
        .write_buffer_size(WRITE_TOGETHER)
        .max_message_size(read)
        .max_frame_size(read)
        .on_upgrade(move |socket| async move {
            let (connection, outgoing) = open(&app, admitted, language, peer.cut);
            // Boxed: what greeting needs is not kept for as long as the connection lives.
            if let Err(error) = Box::pin(greet(&app, &connection)).await {
                error.log("connect");
                dispatch::tell_error(&connection, None, &error);
                connection.close();
            }
            Session { app: &app, connection: &connection, outgoing, working: None, heard: true }
                .run(socket)
                .await;
            Box::pin(app.closed(&connection)).await;
        })
}

fn open(
    app: &App,
    admitted: Admitted,
    language: Language,
    cut: Cut,
) -> (Arc<Connection>, mpsc::Receiver<Outgoing>) {
    let (queue, outgoing) = mpsc::channel(QUEUED_FRAMES);
    let id = ConnectionId::new(&Uuid::new_v4().simple().to_string());
    let Admitted { user, expires, .. } = admitted;
    let limits = &app.cx.config.limits;
    let transport = Box::new(PlainTransport { outgoing: queue, cut });
    let connection = Arc::new(Connection::new(id, transport, user, expires, language, limits));
    (connection, outgoing)
}

async fn greet(app: &App, connection: &Arc<Connection>) -> Result<()> {
    Box::pin(app.open(connection, Some(Room::lobby()))).await?;
    let caller = connection.caller(false);
    for frame in functions::connect::greeting(&caller, None)? {
        connection.send(&Wire::new(&frame));
    }
    functions::connect::deliver_waiting(&app.cx, &caller).await
}

/// What a connection's task is told to do.
enum Outgoing {
    Frame(Utf8Bytes),
    Close,
}

/// The queue of a connection's task.
struct PlainTransport {
    outgoing: mpsc::Sender<Outgoing>,
    cut: Cut,
}

impl Transport for PlainTransport {
    fn queue(&self, wire: &Wire<'_>) -> Queued {
        // Half of the queue is kept for what must not be lost.
        if wire.is_volatile() && self.outgoing.capacity() * 2 < self.outgoing.max_capacity() {
            return Queued::Full;
        }
        self.outgoing.try_send(Outgoing::Frame(wire.plain())).into()
    }

    fn close(&self) -> bool {
        self.outgoing.try_send(Outgoing::Close).is_ok()
    }

    fn go_away(&self) {
        if !self.close() {
            self.cut();
        }
    }

    fn cut(&self) {
        self.cut.now();
    }

    fn is_forgotten(&self, _: bool) -> bool {
        self.outgoing.is_closed()
    }

    fn waiting(&self) -> Option<usize> {
        Some(self.outgoing.max_capacity() - self.outgoing.capacity())
    }

    fn name(&self) -> (&'static str, Option<&'static str>) {
        ("plain", None)
    }
}

type Working<'a> = Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;

struct Session<'a> {
    app: &'a App,
    connection: &'a Arc<Connection>,
    outgoing: mpsc::Receiver<Outgoing>,
    /// The event being handled: the next frame is read when it is done, so order is kept and a flood waits outside.
    working: Option<Working<'a>>,
    /// Whether anything came in since the last ping.
    heard: bool,
}

impl Session<'_> {
    async fn run(mut self, mut socket: WebSocket) {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let sent = tokio::select! {
                biased;
                outgoing = self.outgoing.recv() => match outgoing {
                    Some(Outgoing::Frame(text)) => self.send(&mut socket, text).await,
                    Some(Outgoing::Close) | None => return self.finish(socket).await,
                },
                answer = maybe(&mut self.working) => {
                    self.working = None;
                    match answer {
                        Some(text) => socket.send(Message::text(text)).await,
                        None => Ok(()),
                    }
                }
                incoming = socket.recv(), if self.working.is_none() && !self.app.is_draining() => match incoming {
                    Some(Ok(message)) => {
                        self.heard = true;
                        match self.take(message) {
                            Some(refusal) => socket.send(Message::text(refusal)).await,
                            None => Ok(()),
                        }
                    }
                    Some(Err(_)) | None => return,
                },
                _ = ping.tick() => {
                    if !std::mem::take(&mut self.heard) {
                        return;
                    }
                    match socket.send(Message::text(plain::PING)).await {
                        Ok(()) => socket.send(Message::Ping(<_>::default())).await,
                        failed => failed,
                    }
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Writes a frame and whatever else waits, then flushes once.
    async fn send(
        &mut self,
        socket: &mut WebSocket,
        text: Utf8Bytes,
    ) -> std::result::Result<(), axum::Error> {
        socket.feed(Message::Text(text)).await?;
        while let Ok(next) = self.outgoing.try_recv() {
            match next {
                Outgoing::Frame(text) => socket.feed(Message::Text(text)).await?,
                Outgoing::Close => {
                    self.outgoing.close();
                    break;
                }
            }
        }
        socket.flush().await
    }

    /// Answers what was accepted, then says goodbye.
    async fn finish(mut self, mut socket: WebSocket) {
        let answer = match self.working.take() {
            Some(working) => working.await,
            None => None,
        };
        let reason = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        let last = answer.map(Message::text).into_iter().chain([Message::Close(Some(reason))]);
        for message in last {
            if socket.send(message).await.is_err() {
                // The peer is gone already.
                return;
            }
        }
        // Closed with input unread, the kernel would drop what is still on its way out.
        let rest = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = tokio::time::timeout(LAST_INPUT, rest).await;
    }

    /// Begins to handle a frame, or refuses it at once with the frame that says so.
    fn take(&mut self, message: Message) -> Option<String> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return self.refuse(None, &Error::invalid("", Text::NoBinary));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return None,
        };
        let limit = self.app.cx.config.limits.frame_bytes;
        let refused = if let Err(error) = dispatch::count(self.connection) {
            error
        } else if text.len() > limit {
            too_large(limit)
        } else {
            let (app, connection) = (self.app, self.connection);
            let handling = async move { handle(app, connection, &text).await };
            self.working = Some(app.tasks.track_future(handling).boxed());
            return None;
        };
        // Read even so: who waits for an ack shall have it.
        self.refuse(Request::parse(&text).ok().as_ref(), &refused)
    }

    fn refuse(&self, request: Option<&Request<'_>>, error: &Error) -> Option<String> {
        let name = request.and_then(Request::name);
        let id = request.and_then(Request::id);
        let refusal = dispatch::refuse(self.connection, name.as_deref(), error, id.is_some());
        Some(ack_frame(id?, &refusal?))
    }
}

async fn maybe(working: &mut Option<Working<'_>>) -> Option<String> {
    match working {
        Some(working) => working.await,
        None => pending().await,
    }
}

async fn handle(app: &App, connection: &Arc<Connection>, text: &str) -> Option<String> {
    let request = match Request::parse(text) {
        Ok(request) => request,
        Err(error) => {
            dispatch::refuse(connection, None, &error, false);
            return None;
        }
    };
    let wants_ack = request.id().is_some();
    let answer = match request.name() {
        Some(name) => dispatch::answer(app, connection, &name, &[request.data()], wants_ack).await,
        None => dispatch::refuse(connection, None, &plain::nameless(), wants_ack),
    };
    Some(ack_frame(request.id()?, &answer?))
}
