//! How many bytes a message is: in the table, and on the wire of each who hears it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use super::{
    Meter,
    listener::{FORMS, Listener},
};
use crate::client::Client;

/// A text's length, and the bytes that a message with it comes to.
const SIZES: [(usize, [(&str, usize); 4]); 2] = [
    (10, [("item", 367), ("plain", 332), ("Socket.IO, /", 319), ("Socket.IO, /chat", 325)]),
    (4000, [("item", 4357), ("plain", 4322), ("Socket.IO, /", 4309), ("Socket.IO, /chat", 4315)]),
];

/// Passes one connection on to the host, and counts the bytes that come back.
struct Relay {
    address: SocketAddr,
    bytes: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(host: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let bytes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&bytes);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            let host = TcpStream::connect(host).await.expect("the host");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_host, mut to_host) = host.into_split();
            tokio::spawn(async move { copy(&mut from_client, &mut to_host).await });
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = from_host.read(&mut buffer).await {
                count.fetch_add(read, Ordering::SeqCst);
                to_client.write_all(&buffer[..read]).await.expect("the client");
            }
        });
        Self { address, bytes }
    }

    /// The bytes since this was asked last.
    fn take(&self) -> usize {
        self.bytes.swap(0, Ordering::SeqCst)
    }
}

/// An item's size as `DynamoDB` counts it, which is what is paid for: names and values. A message has texts and numbers.
fn item_size(item: &Value) -> usize {
    let attributes = item.as_object().expect("attributes").iter();
    let sizes = attributes.map(|(name, value)| {
        let value = match (&value["S"], &value["N"]) {
            (Value::String(text), _) => text.len(),
            (_, Value::String(number)) => number.len().div_ceil(2) + 1,
            _ => panic!("neither a text nor a number: {name}: {value}"),
        };
        name.len() + value
    });
    sizes.sum()
}

/// Ids and times are of one length, so sizes are exact. More is money and latency, and less a reason to change the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_as_large_as_it_was() {
    let meter = Meter::start().await;
    let address = meter.host.address;
    let mut ana = Client::connect(address, "ana").await;
    ana.join("c").await;
    let mut listeners = Vec::new();
    for form in &FORMS {
        let relay = Relay::to(address).await;
        let listener = Listener::connect(relay.address, form).await;
        listeners.push((form.name, listener, relay));
    }
    // The numbers that follow have two digits.
    for number in 1..10 {
        ana.say("c", &format!("{number}")).await;
        for (_, listener, _) in &mut listeners {
            listener.message().await;
        }
    }

    let mut found = Vec::new();
    for (length, _) in SIZES {
        meter.tap.take();
        for (_, _, relay) in &listeners {
            relay.take();
        }
        ana.say("c", &"x".repeat(length)).await;
        let mut sizes = Vec::new();
        for (form, listener, relay) in &mut listeners {
            listener.message().await;
            sizes.push((*form, relay.take()));
        }
        let calls = meter.tap.take();
        let puts = calls.iter().filter(|call| call.appends());
        let items = puts.map(|put| {
            let request: Value = serde_json::from_str(&put.body).expect("JSON");
            item_size(&request["Item"])
        });
        sizes.insert(0, ("item", items.sum()));
        found.push((length, sizes));
    }
    let expected = SIZES.map(|(length, sizes)| (length, sizes.to_vec()));
    assert_eq!(found, expected, "found (left), expected (right)");
    meter.host.stop().await;
}
