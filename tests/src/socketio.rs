//! A Socket.IO client of a few lines, for what the official one hides: packets as text, over both transports.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::client::{DEADLINE, token};

const SEPARATOR: char = '\u{1e}';

enum Transport {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    /// The address with the session id, and packets that came together with others.
    Polling(String, Vec<String>),
}

/// A connection to the namespace `/`.
pub(crate) struct SocketIo {
    transport: Transport,
    asked: u64,
    events: Vec<Value>,
}

impl SocketIo {
    /// Connects a user with a token.
    pub(crate) async fn connect(address: SocketAddr, polling: bool, user: &str) -> Self {
        Self::with_auth(address, polling, &json!({ "token": token(user, &[]) })).await
    }

    /// Connects with what the client would give as `auth`.
    pub(crate) async fn with_auth(address: SocketAddr, polling: bool, auth: &Value) -> Self {
        let transport = if polling {
            let url = format!("http://{address}/socket.io/?EIO=4&transport=polling");
            let open = reqwest::get(&url).await.expect("an answer").text().await.expect("text");
            let open: Value = serde_json::from_str(&open[1..]).expect("an open packet");
            let sid = open["sid"].as_str().expect("a session");
            Transport::Polling(format!("{url}&sid={sid}"), Vec::new())
        } else {
            let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
            let (socket, _) = connect_async(url).await.expect("a connection");
            Transport::WebSocket(Box::new(socket))
        };
        let mut client = Self { transport, asked: 0, events: Vec::new() };
        client.send(format!("40{auth}")).await;
        let is_answer = |packet: &str| packet.starts_with("40") || packet.starts_with("44");
        let answer = client.packet_that(is_answer).await.expect("an answer");
        assert!(answer.starts_with("40"), "refused: {answer}");
        client
    }

    async fn send(&mut self, packet: String) {
        match &mut self.transport {
            Transport::WebSocket(socket) => {
                socket.send(Message::text(packet)).await.expect("a connection");
            }
            Transport::Polling(url, _) => {
                let post = reqwest::Client::new().post(&*url).body(packet);
                let status = post.send().await.expect("an answer").status();
                assert!(status.is_success(), "{status}");
            }
        }
    }

    /// The next packet; `None` when the connection has ended.
    async fn packet(&mut self) -> Option<String> {
        match &mut self.transport {
            Transport::WebSocket(socket) => loop {
                let next = tokio::time::timeout(DEADLINE, socket.next()).await;
                match next.expect("a packet in time") {
                    Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            },
            Transport::Polling(url, waiting) => {
                while waiting.is_empty() {
                    let poll = reqwest::Client::new().get(&*url).timeout(DEADLINE);
                    let answer = poll.send().await.ok()?.error_for_status().ok()?;
                    let text = answer.text().await.ok()?;
                    waiting.extend(text.split(SEPARATOR).map(str::to_owned));
                }
                Some(waiting.remove(0))
            }
        }
    }

    /// The next packet that is wanted; pings are answered, and events kept.
    async fn packet_that(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let packet = self.packet().await?;
            if wanted(&packet) {
                return Some(packet);
            }
            if packet == "2" {
                self.send("3".into()).await;
            } else if let Some(event) = packet.strip_prefix("42") {
                self.events.push(serde_json::from_str(event).expect("an event"));
            }
        }
    }

    /// Emits an event; returns the number that its ack will carry.
    pub(crate) async fn emit(&mut self, event: &str, data: Value) -> u64 {
        self.asked += 1;
        self.send(format!("42{}{}", self.asked, json!([event, data]))).await;
        self.asked
    }

    /// The next ack, and the number of what it answers; `None` when the connection ends first.
    pub(crate) async fn ack(&mut self) -> Option<(u64, Value)> {
        let packet = self.packet_that(|packet| packet.starts_with("43")).await?;
        let (number, ack) = packet[2..].split_at(packet[2..].find('[').expect("arguments"));
        let mut ack: Value = serde_json::from_str(ack).expect("an ack");
        Some((number.parse().expect("a number"), ack[0].take()))
    }

    /// Emits an event and waits for its ack.
    pub(crate) async fn ask(&mut self, event: &str, data: Value) -> Value {
        let asked = self.emit(event, data).await;
        let (answered, ack) = self.ack().await.expect("an ack");
        assert_eq!(answered, asked);
        ack
    }

    /// The data of the next event of that name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event[0] == name) {
                return self.events.remove(at)[1].take();
            }
            let packet = self.packet_that(|packet| packet.starts_with("42")).await;
            let packet = packet.unwrap_or_else(|| panic!("no `{name}`, but an end"));
            self.events.push(serde_json::from_str(&packet[2..]).expect("an event"));
        }
    }
}
