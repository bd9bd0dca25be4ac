//! What an ack is worth: the host is killed in the middle of its work, again and again, and nothing is lost of what
//! it acknowledged.

use std::{collections::HashSet, net::SocketAddr, path::Path};

use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    binary::Process,
    client::{Client, eventually, get, post, token},
    socketio::SocketIo,
};

const CHANNEL: &str = "lasting";
const CLIENTS: usize = 6;
/// Rounds, and how many messages are acknowledged in each before the host is killed.
const ROUNDS: [usize; 3] = [40, 150, 90];

/// A message that a client sent, and the number that was acknowledged.
struct Sent {
    text: String,
    with_id: bool,
    acked: Option<u64>,
}

fn message(sent: &Sent) -> Value {
    let mut data = json!({ "channelId": CHANNEL, "text": sent.text });
    if sent.with_id {
        data["clientMessageId"] = json!(sent.text);
    }
    data
}

/// Sends one message after the other until the host is gone; the last one has no ack.
async fn talk(address: SocketAddr, name: String, acks: mpsc::UnboundedSender<()>) -> Vec<Sent> {
    let mut client = Client::connect(address, &name).await;
    client.join(CHANNEL).await;
    let mut all: Vec<Sent> = Vec::new();
    loop {
        let number = all.len();
        let with_id = number.is_multiple_of(2);
        let mut sent = Sent { text: format!("{name} {number}"), with_id, acked: None };
        let ack = client.try_ask("send_message", message(&sent)).await;
        let gone = ack.is_none();
        if let Some(ack) = ack {
            assert_eq!(ack["success"], true, "{ack}");
            sent.acked = ack["seq"].as_u64();
            let _ = acks.send(());
        }
        all.push(sent);
        if gone {
            return all;
        }
    }
}

/// One host's life: started, loaded, killed at once after so many acks.
async fn round(directory: &Path, round: usize, acks: usize) -> Vec<Sent> {
    let mut host = Process::start(directory, &[("DATA_DIR", "data")]).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(talk(host.address, format!("r{round}c{client}"), told.clone()));
    }
    drop(told);
    for _ in 0..acks {
        heard.recv().await.expect("the clients go on");
    }
    host.kill().await;
    clients.join_all().await.into_iter().flatten().collect()
}

/// Kill −9 under load, several times on the same files: what was acknowledged is in the history under its number, the
/// numbers have no gap, what was not acknowledged is there once at most, and a client's id makes sending again safe.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_being_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut all = Vec::new();
    for (number, acks) in ROUNDS.into_iter().enumerate() {
        all.extend(round(directory.path(), number, acks).await);
    }
    let acked = all.iter().filter(|sent| sent.acked.is_some()).count();
    assert!(acked >= ROUNDS.iter().sum());
    let open = all.iter().filter(|sent| sent.acked.is_none());
    assert_eq!(open.count(), CLIENTS * ROUNDS.len(), "each client's last message is unanswered");

    let mut host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
    for sent in all.iter_mut().filter(|sent| sent.acked.is_none() && sent.with_id) {
        let author = sent.text.split(' ').next().expect("a name");
        let mut client = Client::connect(host.address, author).await;
        sent.acked = client.ask("send_message", message(sent)).await["seq"].as_u64();
    }
    let mut reader = Client::connect(host.address, "r0c0").await;
    let history = reader.history(CHANNEL).await;
    let numbers: Vec<u64> = history.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "numbers have gaps");
    let texts: Vec<&str> = history
        .iter()
        .map(|entry| entry["data"]["message"]["content"]["text"].as_str().expect("a text"))
        .collect();
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "a message is there twice");
    for sent in &all {
        if let Some(seq) = sent.acked {
            let at = usize::try_from(seq - 1).expect("small");
            assert_eq!(texts.get(at), Some(&sent.text.as_str()), "lost: number {seq}");
        }
    }
    for text in &texts {
        assert!(all.iter().any(|sent| sent.text == *text), "nobody sent {text}");
    }
    // The same by REST, from the other end.
    let path = format!("/channels/{CHANNEL}/messages?limit=50");
    let (status, page) = get(host.address, &path, &token("r0c0", &[])).await;
    assert_eq!(status, 200, "{page}");
    let newest = page["messages"].as_array().and_then(|all| all.last()).expect("messages");
    assert_eq!(newest["content"]["text"], texts[texts.len() - 1]);
    host.kill().await;
}

/// Whoever was connected to a killed host is offline soon after its next start, in REST and for those in the room.
#[tokio::test(flavor = "multi_thread")]
async fn the_users_of_a_killed_host_go_offline() {
    let directory = tempfile::tempdir().expect("a directory");
    let vars = [("DATA_DIR", "data")];
    let mut host = Process::start(directory.path(), &vars).await;
    let mut gone = Client::connect(host.address, "gone").await;
    gone.join("room").await;
    let mut stays = Client::connect(host.address, "stays").await;
    stays.join("room").await;
    let status = async |host: &Process| {
        let (status, presence) =
            get(host.address, "/users/gone/presence", &token("stays", &[])).await;
        assert_eq!(status, 200, "{presence}");
        presence["status"].as_str().expect("a status").to_owned()
    };
    assert_eq!(status(&host).await, "online");
    host.kill().await;

    let mut host = Process::start(directory.path(), &vars).await;
    eventually("offline", async || status(&host).await == "offline").await;
    let mut back = Client::connect(host.address, "stays").await;
    let _gone = Client::connect(host.address, "gone").await;
    let seen = back.event_where("user_presence", |seen| seen["userId"] == "gone").await;
    assert_eq!(seen["status"], "online", "coming back is news");
    host.kill().await;
}

/// A notification for somebody absent, and a session, are kept like everything else.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_and_sessions_survive_being_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let vars = [("DATA_DIR", "data"), ("AUTH_MODES", "jwt,session")];
    let mut host = Process::start(directory.path(), &vars).await;
    let auth = json!({ "userID": "sid", "username": "Sid" });
    let mut client = SocketIo::with_auth(host.address, false, &auth).await;
    let session = client.event("session").await;
    drop(client);
    let service = token("service", &["service"]);
    for user in ["absent", "sid"] {
        let body = json!({ "message": format!("for {user}"), "userId": user });
        let (status, sent) = post(host.address, "/notification/send", &service, &body).await;
        assert_eq!(status, 201, "{sent}");
    }
    host.kill().await;

    let mut host = Process::start(directory.path(), &vars).await;
    let mut absent = Client::connect(host.address, "absent").await;
    assert_eq!(absent.event("newNotification").await["message"], "for absent");
    let auth = json!({ "sessionID": session["sessionID"] });
    let mut client = SocketIo::with_auth(host.address, false, &auth).await;
    assert_eq!(client.event("session").await, session);
    assert_eq!(client.event("newNotification").await["message"], "for sid");
    host.kill().await;
}
