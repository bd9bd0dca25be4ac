//! The whole of it: host processes over one DynamoDB and a real Redis, one of them killed, Redis restarted.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    binary::Process,
    client::{Client, eventually, get, token},
    cloud::{blocking, stack::Emulator},
    javascript::PLACES,
    redis::Redis,
};

const PEOPLE: usize = 6;
/// Messages of everybody between two troubles.
const EACH_TIME: usize = 30;
/// How long one sends before it looks whether something came in.
const PAUSE: Duration = Duration::from_millis(30);

/// Where the hosts are at this moment.
type Addresses = Arc<Mutex<[SocketAddr; 2]>>;

/// What one person has had: each number of the log with its text, in order, by broadcast or by `sync_request`.
struct Person {
    name: String,
    addresses: Addresses,
    /// Which host is tried next.
    host: usize,
    had: Vec<(u64, String)>,
    acked: BTreeMap<u64, String>,
    /// Everybody's acks so far.
    acks: Arc<AtomicUsize>,
    connections: usize,
    /// The last number that this connection's `sync_request` gave, and the last that was broadcast to it.
    synced: u64,
    heard: Option<u64>,
}

fn entry(data: &Value) -> (u64, String) {
    let text = data["message"]["content"]["text"].as_str().expect("a text");
    (data["seq"].as_u64().expect("a number"), text.to_owned())
}

impl Person {
    fn last(&self) -> u64 {
        self.had.last().map_or(0, |(seq, _)| *seq)
    }

    /// Connects to the next host that can be had, and asks for what was missed.
    async fn connect(&mut self) -> Client {
        loop {
            let address = self.addresses.lock()[self.host % 2];
            self.host += 1;
            let reached = tokio::net::TcpStream::connect(address).await.is_ok();
            let token = token(&self.name, &[]);
            let client = if reached { Client::with_token(address, &token).await } else { None };
            if let Some(mut client) = client
                && self.sync(&mut client).await.is_some()
            {
                self.connections += 1;
                return client;
            }
            sleep(PAUSE).await;
        }
    }

    async fn sync(&mut self, client: &mut Client) -> Option<()> {
        self.heard = None;
        client.try_ask("join_channel", json!({ "channelId": "c" })).await?;
        loop {
            let asked = json!({ "channelId": "c", "lastSeq": self.last(), "limit": 500 });
            let mut ack = client.try_ask("sync_request", asked).await?;
            assert_eq!(ack["success"], true, "{ack}");
            let page = ack["channels"][0].take();
            for missed in page["events"].as_array().expect("events") {
                self.take(&missed["data"]);
            }
            if page["hasMore"] != true {
                self.synced = self.last();
                return Some(());
            }
        }
    }

    fn take(&mut self, data: &Value) {
        let (seq, text) = entry(data);
        assert_eq!(seq, self.last() + 1, "{}: left out, or out of order", self.name);
        self.had.push((seq, text));
    }

    /// Takes a broadcast: each number once, and one after the other. Only what the log has given may come again.
    fn hear(&mut self, data: &Value) {
        let seq = entry(data).0;
        let before = self.heard.replace(seq);
        assert!(before.is_none_or(|before| seq == before + 1), "{}: {before:?}, {seq}", self.name);
        if seq > self.synced {
            self.take(data);
        }
    }

    fn hear_all(&mut self, client: &mut Client) {
        for data in client.take("new_message") {
            self.hear(&data);
        }
    }

    /// Talks and listens until told to stop, and then until nothing is missing.
    async fn live(mut self, stop: watch::Receiver<bool>, end: watch::Receiver<u64>) -> Self {
        let mut client = self.connect().await;
        let mut number = 0;
        loop {
            let text = format!("{} {number}", self.name);
            let data = json!({ "channelId": "c", "text": text, "clientMessageId": text });
            match client.try_ask("send_message", data).await {
                Some(ack) if ack["success"] == true => {
                    self.acked.insert(ack["seq"].as_u64().expect("a number"), text);
                    number += 1;
                    self.acks.fetch_add(1, Ordering::SeqCst);
                }
                Some(ack) => assert!(
                    ack["errorCode"] == "RATE_LIMITED" || ack["errorCode"] == "INTERNAL",
                    "{ack}"
                ),
                None => client = self.connect().await,
            }
            self.hear_all(&mut client);
            if *stop.borrow() {
                break;
            }
            sleep(PAUSE).await;
        }
        loop {
            let last = *end.borrow();
            if last > 0 && self.last() >= last {
                return self;
            }
            let frame = client.frame().await.expect("the connection holds");
            if frame["event"] == "new_message" {
                self.hear(&frame["data"]);
            }
        }
    }
}

/// People on two hosts talk while one host is killed and started again, and Redis is restarted: what was acknowledged
/// is there, and everybody has had everything once and in order, counting `sync_request`. Who does not come back from
/// the killed host is offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_and_a_restarted_redis_cost_nobody_a_message() {
    let _place = PLACES.acquire().await.expect("places");
    let emulator = blocking(|| Emulator::start(&[])).await;
    let mut redis = Redis::start(&[]).await;
    let directory = tempfile::tempdir().expect("a directory");
    let (endpoint, url) = (emulator.endpoint(), redis.url());
    let vars = [
        ("STORE", "dynamodb"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("REDIS_URL", url.as_str()),
        ("PRESENCE_LEASE_SECONDS", "4"),
    ];
    let start = || Process::start(directory.path(), &vars);
    let (mut first, mut second) = (start().await, start().await);
    let addresses: Addresses = Arc::new(Mutex::new([first.address, second.address]));

    let mut ghost = Client::connect(first.address, "ghost").await;
    ghost.join("c").await;
    let mut watcher = Client::connect(second.address, "watcher").await;
    watcher.join("quiet").await;
    ghost.join("quiet").await;

    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(0);
    let acks = Arc::new(AtomicUsize::new(0));
    let talk = async || {
        let before = acks.load(Ordering::SeqCst);
        eventually("people talk", async || acks.load(Ordering::SeqCst) > before + EACH_TIME).await;
    };
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        let person = Person {
            name: format!("user{number}"),
            addresses: Arc::clone(&addresses),
            host: number,
            had: Vec::new(),
            acked: BTreeMap::new(),
            acks: Arc::clone(&acks),
            connections: 0,
            synced: 0,
            heard: None,
        };
        people.spawn(person.live(stopped.clone(), ended.clone()));
    }

    talk().await;
    first.kill().await;
    drop(ghost);
    talk().await;
    let mut first = start().await;
    addresses.lock()[0] = first.address;
    talk().await;
    redis.kill().await;
    talk().await;
    redis.restart().await;
    let joined = json!({ "status": "ready" });
    for host in [&first, &second] {
        eventually("the bus is joined", async || get(host.address, "/ready", "").await.1 == joined)
            .await;
    }
    talk().await;
    stop.send_replace(true);
    let mut reader = Client::connect(second.address, "user0").await;
    let mut quiet = None;
    eventually("everybody has stopped", async || {
        let head = reader.ask("sync_request", json!({ "channelId": "c" })).await;
        let head = head["channels"][0]["lastSeq"].as_u64();
        sleep(10 * PAUSE).await;
        std::mem::replace(&mut quiet, head) == head
    })
    .await;
    end.send_replace(quiet.expect("entries"));
    // Moves on those who have had all before they knew.
    let last = reader.say("c", "the end").await;
    let people = people.join_all().await;

    let history = reader.history("c").await;
    let history: Vec<_> = history.iter().map(|one| entry(&one["data"])).collect();
    assert_eq!(history.len() as u64, last);
    for person in &people {
        assert!(history.starts_with(&person.had), "{} has had something else", person.name);
        for (seq, text) in &person.acked {
            let at = usize::try_from(seq - 1).expect("small");
            assert_eq!(history[at], (*seq, text.clone()), "lost, though acknowledged");
        }
    }
    let moved = people.iter().filter(|person| person.connections > 1).count();
    assert!((PEOPLE / 2..PEOPLE).contains(&moved), "{moved} have changed hosts");

    let gone = watcher.event_where("user_presence", |seen| seen["userId"] == "ghost").await;
    assert_eq!(gone["status"], "offline", "{gone}");
    for host in [&mut first, &mut second] {
        host.terminate().await;
        assert_eq!(host.ended().await.code(), Some(0));
    }
    blocking(move || drop(emulator)).await;
}
