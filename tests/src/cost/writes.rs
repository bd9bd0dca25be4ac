//! What messages cost the embedded engine's file, in system calls that write. The kernel counts those of the real
//! binary; what goes to sockets is sent, not written, and is not among them.

use serde_json::json;

use crate::{binary::Process, client::Client};

const SENDERS: usize = 64;
/// Calls a message, of which each page takes two: 5 to 6 as the file grows.
const ALONE: u64 = 7;

/// A channel for each of these, so that nothing but the engine brings their messages together.
fn channel(sender: usize) -> String {
    format!("channel{sender}")
}

/// What is written for messages of one moment is far less than for one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_moment_share_a_commit() {
    let directory = tempfile::tempdir().expect("a directory");
    let host = Process::start(directory.path(), &[("DATA_DIR", "data")]).await;
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let mut client = Client::connect(host.address, &format!("sender{sender}")).await;
        client.join(&channel(sender)).await;
        client.say(&channel(sender), "first").await;
        senders.push(client);
    }

    let before = host.writes();
    for (sender, client) in senders.iter_mut().enumerate() {
        client.say(&channel(sender), "alone").await;
    }
    let alone = host.writes() - before;
    assert!(alone <= SENDERS as u64 * ALONE, "{alone} writes for {SENDERS} messages");

    // All of them are there when the host looks.
    let before = host.writes();
    host.pause().await;
    for (sender, client) in senders.iter_mut().enumerate() {
        let said = json!({ "channelId": channel(sender), "text": "together" });
        client.send("send_message", said).await.expect("a connection");
    }
    host.resume().await;
    for client in &mut senders {
        let together = |data: &serde_json::Value| data["message"]["content"]["text"] == "together";
        client.event_where("new_message", together).await;
    }
    let together = host.writes() - before;
    assert!(together > 0, "messages are written before they are broadcast");
    assert!(together * 2 < alone, "{together} writes together, {alone} one after the other");
}
