//! Channels' logs: in order, once, on every host.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    ids::Id,
    log::{ChannelLog, Record},
    signal::Frame,
    store::Store,
};

use super::Hosts;
use crate::{client::Client, socketio::SocketIo};

const SENDERS: usize = 4;
const EACH: usize = 40;

/// Members on both hosts, over both transports, while people write on both: all the same, in the same order, once.
#[tokio::test(flavor = "multi_thread")]
async fn writers_on_two_hosts_are_heard_in_one_order() {
    let all = Hosts::start(&[]).await;
    let (mut plain, mut sockets) = (Vec::new(), Vec::new());
    for at in [0, 1] {
        let mut client = Client::connect(all.address(at), &format!("plain{at}")).await;
        client.join("c").await;
        plain.push(client);
        let mut socket = SocketIo::connect(all.address(at), false, &format!("socket{at}")).await;
        socket.ask("join_channel", json!({ "channelId": "c" })).await;
        sockets.push(socket);
    }
    let senders = (0..2 * SENDERS).map(async |sender| {
        let mut client = Client::connect(all.address(sender % 2), &format!("user{sender}")).await;
        client.join("c").await;
        for number in 0..EACH {
            client.say("c", &format!("{sender}/{number}")).await;
        }
    });
    join_all(senders).await;

    let count = 2 * SENDERS * EACH;
    let history = plain[0].history("c").await;
    let entries: Vec<&Value> = history.iter().map(|entry| &entry["data"]).collect();
    assert_eq!(entries.len(), count);
    for client in &mut plain {
        for entry in &entries {
            assert_eq!(client.event("new_message").await, **entry);
        }
    }
    for socket in &mut sockets {
        for entry in &entries {
            assert_eq!(socket.event("new_message").await, **entry);
        }
    }
    // Nothing came twice: a message more is the very next one.
    plain[1].say("c", "the end").await;
    for client in &mut plain {
        assert_eq!(client.event("new_message").await["seq"], count + 1);
    }
    all.stop().await;
}

/// A reply goes to the thread's room, its summary to the channel; edits, reactions and mentions find who they concern.
#[tokio::test(flavor = "multi_thread")]
async fn threads_edits_and_mentions_cross_hosts() {
    let all = Hosts::start(&[]).await;
    let mut ana = Client::connect(all.address(0), "ana").await;
    let mut bob = Client::connect(all.address(1), "bob").await;
    let mut eve = Client::connect(all.address(1), "eve").await;
    for client in [&mut ana, &mut bob, &mut eve] {
        client.join("c").await;
    }
    let said = json!({ "channelId": "c", "text": "look", "mentions": ["bob"] });
    let sent = ana.ask("send_message", said).await;
    assert_eq!(bob.event("new_message").await["seq"], 1);
    assert_eq!(bob.event("mention_received").await["messageId"], sent["messageId"]);
    let thread = json!({ "channelId": "c", "messageId": sent["messageId"] });
    let thread = bob.ask("create_thread", thread).await["threadId"].clone();
    for client in [&mut ana, &mut eve] {
        assert_eq!(client.event("thread_created").await["seq"], 2);
    }
    let joined = json!({ "channelId": "c", "threadId": thread });
    ana.ask("join_thread", joined).await;
    bob.ask("send_message", json!({ "channelId": "c", "text": "so", "threadId": thread })).await;
    assert_eq!(ana.event("new_message").await["seq"], 1);
    assert_eq!(ana.event("new_message").await["seq"], 3);
    assert_eq!(ana.event("thread_updated").await["seq"], 3);
    assert_eq!(eve.event("thread_updated").await["seq"], 3);
    let edit = json!({ "channelId": "c", "messageId": sent["messageId"], "text": "look here" });
    ana.ask("edit_message", edit).await;
    let reaction = json!({ "channelId": "c", "messageId": sent["messageId"], "emoji": "🦀" });
    bob.ask("add_reaction", reaction).await;
    assert_eq!(eve.event("message_edited").await["seq"], 4);
    assert_eq!(eve.event("reaction_added").await["seq"], 5);
    assert_eq!(ana.event("reaction_added").await["seq"], 5);
    // Eve is not in the thread: of its reply she has only heard the summary.
    assert_eq!(eve.event("new_message").await["seq"], 1);
    ana.say("c", "after").await;
    assert_eq!(eve.event("new_message").await["seq"], 6);
    all.stop().await;
}

/// Who comes in while others write has all from then on: by `sync_request` what was there, by broadcast what is new.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_in_the_middle_misses_nothing() {
    const NEWCOMERS: usize = 12;
    let all = Hosts::start(&[]).await;
    // The other host follows the channel only while a newcomer is there.
    let mut writer = Client::connect(all.address(0), "writer").await;
    writer.join("c").await;
    let writing = async {
        for number in 0..150 {
            writer.say("c", &format!("{number}")).await;
        }
        writer.say("c", "the end").await
    };
    let newcomers = (0..NEWCOMERS).map(async |number| {
        let mut client = Client::connect(all.address(1), &format!("newcomer{number}")).await;
        client.join("c").await;
        let known = client.ask("sync_request", json!({ "channelId": "c" })).await;
        let known = known["channels"][0]["lastSeq"].as_u64().expect("a number");
        let mut heard = Vec::new();
        loop {
            let data = client.event("new_message").await;
            heard.push(data["seq"].as_u64().expect("a number"));
            if data["message"]["content"]["text"] == "the end" {
                return (known, heard);
            }
        }
    });
    let (last, newcomers) = tokio::join!(writing, join_all(newcomers));
    for (known, heard) in newcomers {
        let whole: Vec<u64> = (heard[0]..=last).collect();
        assert_eq!(heard, whole, "out of order, twice, or left out");
        assert!(heard[0] <= known + 1, "knows up to {known}, and heard from {}", heard[0]);
    }
    all.stop().await;
}

/// Writes an entry as a host does that is killed before it can say so.
async fn write_and_die(all: &Hosts) {
    let log = ChannelLog::new(Store::new(all.engine.client(), "tertulia"), None);
    let channel = Id::parse("c").expect("an id");
    let entry = |seq: u64| serde_json::value::to_raw_value(&json!({ "seq": seq }));
    let written = log
        .append(&channel, move |slot| Ok(Record::new(Frame::new("new_message", entry(slot.seq)?))));
    written.await.expect("it is written");
}

/// Entries that no host has told of are read from the log: before the next one, when a host is not heard any more, and
/// when the bus was lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_of_is_read() {
    let all = Hosts::start(&[]).await;
    let mut members = Vec::new();
    for at in [0, 1] {
        let mut client = Client::connect(all.address(at), &format!("user{at}")).await;
        client.join("c").await;
        members.push(client);
    }
    let mut expected = 0;
    let mut heard = async |members: &mut Vec<Client>, until: u64| {
        while expected < until {
            expected += 1;
            for client in members.iter_mut() {
                assert_eq!(client.event("new_message").await["seq"], expected);
            }
        }
    };
    assert_eq!(members[0].say("c", "first").await, 1);
    write_and_die(&all).await;
    assert_eq!(members[1].say("c", "third").await, 3);
    heard(&mut members, 3).await;

    // What is no message, or one of another version, disturbs nobody.
    for message in
        ["nonsense", r#"{\"v\":99,\"from\":\"x\",\"said\":{\"beat\":{\"last\":7,\"crowds\":[]}}}"#]
    {
        all.redis.command(&format!("PUBLISH tertulia:tertulia \"{message}\"")).await;
    }
    let alive = r#"{\"v\":1,\"from\":\"x\",\"said\":{\"beat\":{\"last\":0,\"crowds\":[]}}}"#;
    let hearing = all.redis.command(&format!("PUBLISH tertulia:tertulia \"{alive}\"")).await;
    assert_eq!(hearing, ":2\r\n");
    write_and_die(&all).await;
    heard(&mut members, 4).await;

    write_and_die(&all).await;
    all.redis.command("CLIENT KILL TYPE pubsub").await;
    heard(&mut members, 5).await;
    assert_eq!(members[0].say("c", "sixth").await, 6);
    heard(&mut members, 6).await;
    all.stop().await;
}
