//! Clients in Rust: a plain WebSocket, REST, and tokens for both.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shared::{
    auth::{Auth, Claims},
    clock::Timestamp,
    ids::Id,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::host::config;

/// How long anything may take that is expected to happen. Only a failing test waits as long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A token for an hour, signed with the secret of the tests.
pub(crate) fn token(user: &str, roles: &[&str]) -> String {
    let user = Id::parse(user).expect("an id");
    let roles = roles.iter().map(ToString::to_string).collect();
    let claims = Claims::new(user, None, roles, Timestamp::now().plus_seconds(3600));
    let auth = Auth::new(&config(&[]).auth, 0).expect("a key");
    auth.sign(&claims).expect("a secret to sign with")
}

/// Waits until something holds; fails, saying what did not happen, when it does not in time.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {DEADLINE:?}: {what}");
}

/// A plain WebSocket.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What came in and was not asked for yet.
    events: VecDeque<Value>,
    asked: u64,
    /// The id that the server gave this connection.
    pub(crate) id: String,
}

impl Client {
    /// Connects as a user and waits for the greeting.
    pub(crate) async fn connect(address: SocketAddr, user: &str) -> Self {
        Self::with_token(address, &token(user, &[])).await.expect("a connection")
    }

    /// Connects with a token and waits for the greeting; `None` when refused.
    pub(crate) async fn with_token(address: SocketAddr, token: &str) -> Option<Self> {
        let url = format!("ws://{address}/ws?token={token}");
        let connecting = tokio::time::timeout(DEADLINE, connect_async(url)).await;
        let (socket, _) = connecting.expect("an answer in time").ok()?;
        let mut client = Self { socket, events: VecDeque::new(), asked: 0, id: String::new() };
        let connected = client.event("connected").await;
        client.id = connected["connectionId"].as_str().expect("an id").to_owned();
        Some(client)
    }

    /// Sends a request; returns the id that its ack will carry.
    pub(crate) async fn send(&mut self, action: &str, data: Value) -> Option<u64> {
        self.asked += 1;
        let frame = json!({ "action": action, "id": self.asked, "data": data }).to_string();
        self.socket.send(Message::text(frame)).await.ok()?;
        Some(self.asked)
    }

    /// Sends a frame, whatever it is.
    pub(crate) async fn send_text(&mut self, frame: String) {
        self.socket.send(Message::text(frame)).await.expect("a connection");
    }

    /// The next frame; `None` when the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.socket.next()).await;
            match next.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if frame["event"] != "ping" {
                        return Some(frame);
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Sends a request and waits for its ack; `None` when the connection ends first.
    pub(crate) async fn try_ask(&mut self, action: &str, data: Value) -> Option<Value> {
        let id = self.send(action, data).await?;
        loop {
            let mut frame = self.frame().await?;
            if frame["event"] == "ack" && frame["id"] == id {
                return Some(frame["data"].take());
            }
            self.events.push_back(frame);
        }
    }

    /// Sends a request that must succeed.
    pub(crate) async fn ask(&mut self, action: &str, data: Value) -> Value {
        let ack = self.try_ask(action, data).await.expect("the connection holds");
        assert_eq!(ack["success"], true, "{action}: {ack}");
        ack
    }

    /// The data of the next event of that name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true).await
    }

    /// The data of the next event of that name that is as wanted.
    pub(crate) async fn event_where(
        &mut self,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let fits = |frame: &Value| frame["event"] == name && wanted(&frame["data"]);
        if let Some(at) = self.events.iter().position(fits) {
            return self.events.remove(at).expect("it is there")["data"].take();
        }
        loop {
            let mut frame = self.frame().await.unwrap_or_else(|| panic!("no `{name}`, but an end"));
            if fits(&frame) {
                return frame["data"].take();
            }
            self.events.push_back(frame);
        }
    }

    /// How many events of that name came in and were not asked for.
    pub(crate) fn unread(&self, name: &str) -> usize {
        self.events.iter().filter(|frame| frame["event"] == name).count()
    }

    /// Takes the data of the events of that name that came in and were not asked for.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Value> {
        let frames = std::mem::take(&mut self.events);
        let (taken, kept) = frames.into_iter().partition(|frame| frame["event"] == name);
        self.events = kept;
        let taken: VecDeque<Value> = taken;
        taken.into_iter().map(|mut frame| frame["data"].take()).collect()
    }

    /// Joins a channel, which the first to join makes.
    pub(crate) async fn join(&mut self, channel: &str) {
        self.ask("join_channel", json!({ "channelId": channel })).await;
    }

    /// Says something; the message's number.
    pub(crate) async fn say(&mut self, channel: &str, text: &str) -> u64 {
        let ack = self.ask("send_message", json!({ "channelId": channel, "text": text })).await;
        ack["seq"].as_u64().expect("a number")
    }

    /// All entries of a channel's log.
    pub(crate) async fn history(&mut self, channel: &str) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let last = entries.last().map_or(0, |entry| entry["seq"].as_u64().expect("a number"));
            let asked = json!({ "channelId": channel, "lastSeq": last, "limit": 500 });
            let mut ack = self.ask("sync_request", asked).await;
            let page = ack["channels"][0].take();
            entries.extend(page["events"].as_array().expect("events").iter().cloned());
            if page["hasMore"] != true {
                return entries;
            }
        }
    }
}

/// REST with a token: the status and the body.
pub(crate) async fn get(address: SocketAddr, path: &str, token: &str) -> (u16, Value) {
    let call = reqwest::Client::new().get(format!("http://{address}{path}"));
    answer(call.bearer_auth(token)).await
}

/// As [`get`], with a body.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    token: &str,
    body: &Value,
) -> (u16, Value) {
    let call = reqwest::Client::new().post(format!("http://{address}{path}"));
    answer(call.bearer_auth(token).json(body)).await
}

async fn answer(call: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = call.timeout(DEADLINE).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}
