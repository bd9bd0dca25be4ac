//! Redis goes and comes back, and connections to it break: nobody misses anything that can be had again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use shared::{
    clock::Timestamp,
    ids::{Id, Room},
    store::Store,
};
use tokio::sync::watch;

use super::{Hosts, call, emit, rooms::listed};
use crate::client::{Client, eventually};

/// Writes until told to stop; how much.
async fn write(mut client: Client, until: watch::Receiver<bool>, written: Arc<AtomicU64>) -> u64 {
    client.join("c").await;
    let mut count = 0;
    while !*until.borrow() {
        client.say("c", &format!("{count}")).await;
        client.ask("event_message", json!({ "lobby": count })).await;
        count += 1;
        written.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    count
}

/// Listens to a channel and the lobby until the event `last`; the numbers of the channel's entries as they came, and
/// how many messages were in the lobby.
async fn listen(mut client: Client, heard: Arc<AtomicU64>) -> (Vec<u64>, u64) {
    let (mut entries, mut lobby) = (Vec::new(), 0);
    loop {
        let frame = client.frame().await.expect("the connection holds");
        match frame["data"]["seq"].as_u64() {
            _ if frame["event"] == "last" => return (entries, lobby),
            Some(seq) if frame["event"] == "new_message" => entries.push(seq),
            None if frame["event"] == "new_message" => lobby += 1,
            _ => continue,
        }
        heard.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until ten messages more have been written.
async fn go_on(written: &AtomicU64) {
    let before = written.load(Ordering::SeqCst);
    eventually("people write", async || written.load(Ordering::SeqCst) >= before + 10).await;
}

/// All that was written on both hosts while something was done to their Redis is heard on both, in order and once.
async fn nothing_is_lost(all: &mut Hosts, trouble: impl AsyncFnOnce(&mut Hosts)) {
    let mut listening = Vec::new();
    for at in [0, 1] {
        let mut client = Client::connect(all.address(at), &format!("listener{at}")).await;
        client.join("c").await;
        let heard = Arc::new(AtomicU64::new(0));
        listening.push((Arc::clone(&heard), tokio::spawn(listen(client, heard))));
    }
    let (stop, stopped) = watch::channel(false);
    let written = Arc::new(AtomicU64::new(0));
    let mut writing = Vec::new();
    for number in 0..4 {
        let client = Client::connect(all.address(number % 2), &format!("writer{number}")).await;
        writing.push(tokio::spawn(write(client, stopped.clone(), Arc::clone(&written))));
    }
    go_on(&written).await;
    trouble(all).await;
    all.joined().await;
    go_on(&written).await;
    stop.send_replace(true);
    let mut count = 0;
    for writing in writing {
        count += writing.await.expect("it writes");
    }
    for (heard, _) in &listening {
        eventually("all is heard", async || heard.load(Ordering::SeqCst) >= 2 * count).await;
    }
    emit(all.address(0), "/broadcast", json!({ "event": "last" })).await;
    for (_, listening) in listening {
        let (entries, lobby) = listening.await.expect("it listens");
        assert_eq!(entries, (1..=count).collect::<Vec<_>>(), "out of order, twice, or left out");
        assert_eq!(lobby, count, "twice, or left out");
    }
}

/// Redis crashes, and is started anew, twice; people go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_restarted_costs_nobody_a_message() {
    let mut all = Hosts::start(&[]).await;
    nothing_is_lost(&mut all, async |all| {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            all.redis.kill().await;
            all.lost().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            all.redis.restart().await;
            all.joined().await;
        }
    })
    .await;
    all.stop().await;
}

/// Connections to Redis break again and again, those that publish and those that listen.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_cost_nobody_a_message() {
    let mut all = Hosts::start(&[]).await;
    nothing_is_lost(&mut all, async |all| {
        for number in 0..12 {
            let kind = if number % 2 == 0 { "pubsub" } else { "normal" };
            let killed = all.redis.command(&format!("CLIENT KILL TYPE {kind}")).await;
            assert!(killed.starts_with(':'), "{killed}");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    })
    .await;
    all.stop().await;
}

/// A Redis that hangs counts as lost; it neither stops anybody nor loses anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_costs_nobody_a_message() {
    let mut all = Hosts::start(&[]).await;
    nothing_is_lost(&mut all, async |all| {
        all.redis.command("CLIENT PAUSE 5000 ALL").await;
        all.lost().await;
    })
    .await;
    all.stop().await;
}

/// Who is removed while the hosts do not hear of each other can do nothing on any of them, and is out of the room
/// when they do again. What is meant for one user comes then.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_holds_while_redis_is_away() {
    let mut all = Hosts::start(&[]).await;
    let body = json!({ "id": "c", "members": ["ana", "eve"] });
    assert_eq!(call(all.address(0), Method::POST, "/channels", Some(body)).await.0, 201);
    let mut ana = Client::connect(all.address(0), "ana").await;
    let mut eve = Client::connect(all.address(1), "eve").await;
    let mut bob = Client::connect(all.address(1), "bob").await;
    ana.say("c", "hola").await;
    assert_eq!(eve.event("new_message").await["seq"], 1);

    all.redis.kill().await;
    all.lost().await;
    let removed = call(all.address(0), Method::DELETE, "/channels/c/members/eve", None).await;
    assert_eq!(removed.0, 204, "{removed:?}");
    let data = json!({ "channelId": "c", "text": "still here?" });
    let refused = eve.try_ask("send_message", data).await.expect("an ack");
    assert_eq!(refused["success"], false, "{refused}");
    let synced = eve.ask("sync_request", json!({ "channelId": "c", "lastSeq": 0 })).await;
    assert!(synced["channels"][0]["errorCode"].is_string(), "{synced}");
    let psst = json!({ "senderId": "ana", "receiverId": "eve", "messageContent": "sorry" });
    ana.ask("initialize", psst).await;
    let added = call(all.address(0), Method::PUT, "/channels/c/members/bob", None).await;
    assert_eq!(added.0, 200, "{added:?}");

    all.redis.restart().await;
    all.joined().await;
    assert_eq!(eve.event("message").await["content"], "sorry");
    eventually("bob is in, and eve is out", async || {
        let connections = listed(&all, 0).await;
        let mut inside =
            connections.iter().filter(|one| one["rooms"].to_string().contains("channel:c"));
        let inside: Vec<_> = inside.by_ref().map(|one| one["userId"].to_string()).collect();
        inside.len() == 2 && !inside.contains(&r#""eve""#.to_owned())
    })
    .await;
    assert_eq!(ana.say("c", "without eve").await, 2);
    assert_eq!(bob.event("new_message").await["seq"], 2);
    assert_eq!(emit(all.address(0), "/broadcast", json!({ "event": "last" })).await, 3);
    eve.event("last").await;
    assert_eq!(eve.unread("new_message"), 0, "heard what is not hers");
    all.stop().await;
}

/// Another host that lives, by its lease, and is not heard may have removed somebody: memberships are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_heard_may_have_removed_somebody() {
    let all = Hosts::start(&[("PRESENCE_LEASE_SECONDS", "2")]).await;
    let store = Store::new(all.engine.client(), "tertulia");
    let mut ana = Client::connect(all.address(0), "ana").await;
    ana.join("c").await;
    store.renew_host("x", Timestamp::now().plus_seconds(3600)).await.expect("a lease");
    let alive = r#"{\"v\":1,\"from\":\"x\",\"said\":{\"beat\":{\"last\":0,\"crowds\":[]}}}"#;
    all.redis.command(&format!("PUBLISH tertulia:tertulia \"{alive}\"")).await;
    let (user, room) =
        (Id::parse("ana").expect("an id"), Room::parse("channel:c").expect("a room"));
    let talks = async |ana: &mut Client| {
        let said = json!({ "channelId": "c", "text": "hola" });
        ana.try_ask("send_message", said).await.expect("an ack")["success"] == true
    };
    let member = store.membership(&user, &room).await.expect("an answer").expect("a member");
    eventually("x is not heard", async || {
        store.leave(&user, &room).await.expect("an answer");
        let heard = talks(&mut ana).await;
        store.set_member(&member).await.expect("an answer");
        !heard
    })
    .await;
    // When the lease has ended the host is dead, and memory is good enough again.
    store.renew_host("x", Timestamp::now()).await.expect("a lease");
    eventually("x is dead", async || {
        talks(&mut ana).await;
        store.leave(&user, &room).await.expect("an answer");
        let heard = talks(&mut ana).await;
        store.set_member(&member).await.expect("an answer");
        heard
    })
    .await;
    all.stop().await;
}

/// More than a host keeps for the others while Redis is away: what is in the table is read, and the rest goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_to_be_kept_is_read() {
    let mut all = Hosts::start(&[]).await;
    let body = json!({ "id": "c", "members": ["ana", "eve", "bob"] });
    assert_eq!(call(all.address(0), Method::POST, "/channels", Some(body)).await.0, 201);
    let mut ana = Client::connect(all.address(0), "ana").await;
    let mut bob = Client::connect(all.address(1), "bob").await;
    let mut eve = Client::connect(all.address(1), "eve").await;
    all.redis.kill().await;
    all.lost().await;
    call(all.address(0), Method::DELETE, "/channels/c/members/eve", None).await;
    ana.say("c", "before").await;
    let much = json!({ "event": "much", "data": "x".repeat(30_000) });
    for _ in 0..600 {
        emit(all.address(0), "/groups/nobody/emit", much.clone()).await;
    }
    ana.ask("event_message", json!({ "after": "all" })).await;
    all.redis.restart().await;
    all.joined().await;
    for client in [&mut bob, &mut eve] {
        assert_eq!(
            client.event_where("new_message", |data| data["after"] == "all").await["after"],
            "all"
        );
    }
    assert_eq!(bob.event("new_message").await["seq"], 1);
    eventually("eve is out", async || {
        let connections = listed(&all, 1).await;
        let inside = connections.iter().filter(|one| one["rooms"].to_string().contains(":c\""));
        inside.count() == 2
    })
    .await;
    assert_eq!(ana.say("c", "without eve").await, 2);
    assert_eq!(bob.event("new_message").await["seq"], 2);
    emit(all.address(0), "/broadcast", json!({ "event": "last" })).await;
    eve.event("last").await;
    assert_eq!(eve.unread("new_message"), 0, "heard what is not hers");
    all.stop().await;
}
