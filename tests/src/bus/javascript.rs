//! The official clients against two hosts behind a balancer that sends each connection to the next host: what they
//! are promised of one host holds.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncWriteExt as _, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::Hosts;
use crate::javascript::{PLACES, every_host, node};

/// Passes on what comes in, until either end is closed. A host that answers early takes no more, and is still heard.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

/// Passes connections on to the hosts in turn.
async fn balance(listener: TcpListener, hosts: [SocketAddr; 2]) {
    for host in hosts.into_iter().cycle() {
        let (client, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let host = TcpStream::connect(host).await.expect("the host");
            for stream in [&client, &host] {
                stream.set_nodelay(true).expect("a socket");
            }
            let (from_client, to_client) = client.into_split();
            let (from_host, to_host) = host.into_split();
            tokio::join!(pass_on(from_client, to_host), pass_on(from_host, to_client));
        });
    }
}

async fn run(file: &str) {
    let _place = PLACES.acquire().await.expect("places");
    let vars = [("TYPING_SECONDS", "1"), ("PRESENCE_GRACE_SECONDS", "1")];
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let url = format!("http://{address}");
    let hosts = Hosts::start(&vars).await;
    let balancer = tokio::spawn(balance(listener, [hosts.address(0), hosts.address(1)]));
    let mut told: Vec<(String, String)> = vec![
        ("TERTULIA_URL".into(), url),
        // A session of polling would have to stay on one host.
        ("TERTULIA_SIO_OPTIONS".into(), r#"{"transports":["websocket"]}"#.into()),
        ("TERTULIA_SETTLE_MS".into(), "200".into()),
        ("TERTULIA_DEADLINE_MS".into(), "5000".into()),
    ];
    told.extend(vars.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    node(file, &told).await;
    balancer.abort();
    hosts.stop().await;
}

macro_rules! files {
    // `auth` takes a host without polling for the cloud, which refuses otherwise. `rest` has a body that a host refuses
    // before it has read it: its answer may get lost on the way through a balancer this simple. Neither concerns other hosts.
    (@one auth $file:literal) => {};
    (@one rest $file:literal) => {};
    (@one $test:ident $file:literal) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            run($file).await;
        }
    };
    ($($test:ident $file:literal,)*) => { $(files!(@one $test $file);)* };
}

every_host! { files! {} }
