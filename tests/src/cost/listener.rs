//! Listeners in each of the wire's forms, who take frames as they come.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::client::{DEADLINE, token};

/// A form of the wire: how a client gets into the channel `c`.
pub(super) struct Form {
    pub(super) name: &'static str,
    path: &'static str,
    /// What it sends, and how the answer begins.
    hello: &'static [(&'static str, &'static str)],
}

pub(super) const FORMS: [Form; 3] = [
    Form {
        name: "plain",
        path: "/ws?",
        hello: &[(
            r#"{"action":"join_channel","id":1,"data":{"channelId":"c"}}"#,
            r#"{"event":"ack","#,
        )],
    },
    Form {
        name: "Socket.IO, /",
        path: "/socket.io/?EIO=4&transport=websocket&",
        hello: &[("40", "40{"), (r#"421["join_channel",{"channelId":"c"}]"#, "431[")],
    },
    Form {
        name: "Socket.IO, /chat",
        path: "/socket.io/?EIO=4&transport=websocket&",
        hello: &[
            ("40/chat,", "40/chat,{"),
            (r#"42/chat,1["join_channel",{"channelId":"c"}]"#, "43/chat,1["),
        ],
    },
];

/// A member of the channel `c`.
pub(super) struct Listener(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Listener {
    pub(super) async fn connect(address: SocketAddr, form: &Form) -> Self {
        let url = format!("ws://{address}{}token={}", form.path, token("listener", &[]));
        let (socket, _) = connect_async(url).await.expect("a connection");
        let mut listener = Self(socket);
        for (packet, answer) in form.hello {
            listener.0.send(Message::text(*packet)).await.expect("a connection");
            listener.frame(|frame| frame.starts_with(answer)).await;
        }
        listener
    }

    /// Waits for the next message of the channel.
    pub(super) async fn message(&mut self) -> String {
        self.frame(|frame| frame.contains("\"new_message\"")).await
    }

    async fn frame(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let frames = async {
            loop {
                match self.0.next().await.expect("a connection").expect("a frame") {
                    Message::Text(text) if wanted(&text) => return text.as_str().to_owned(),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, frames).await.expect("a frame in time")
    }
}
