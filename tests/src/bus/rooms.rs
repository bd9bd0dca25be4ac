//! Who is where, on every host: memberships, connections, presence, and what services send.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Hosts, call, emit};
use crate::{
    client::{Client, eventually, get, token},
    socketio::SocketIo,
};

/// A removal is done on all hosts when it is answered; leaving as well, and joining.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_at_once_on_every_host() {
    let all = Hosts::start(&[]).await;
    let body = json!({ "id": "c", "visibility": "public", "members": ["ana"] });
    assert_eq!(call(all.address(0), Method::POST, "/channels", Some(body)).await.0, 201);
    let mut ana = Client::connect(all.address(1), "ana").await;
    let mut phone = Client::connect(all.address(0), "ana").await;
    let mut bob = Client::connect(all.address(0), "bob").await;
    bob.join("c").await;
    for round in 0..5 {
        bob.say("c", &format!("in {round}")).await;
        for client in [&mut ana, &mut phone] {
            assert_eq!(client.event("new_message").await["seq"], 2 * round + 1);
        }
        let gone = call(all.address(0), Method::DELETE, "/channels/c/members/ana", None).await;
        assert_eq!(gone.0, 204, "{gone:?}");
        bob.say("c", &format!("out {round}")).await;
        for client in [&mut ana, &mut phone] {
            let data = json!({ "channelId": "c", "text": "still here?" });
            let refused = client.try_ask("send_message", data).await.expect("an ack");
            assert_eq!(refused["errorCode"], "FORBIDDEN", "{refused}");
        }
        // Joining with one connection brings in the other, on the other host, before the answer.
        phone.join("c").await;
    }
    ana.ask("leave_channel", json!({ "channelId": "c" })).await;
    bob.say("c", "without ana").await;
    let data = json!({ "channelId": "c", "text": "still here?" });
    assert_eq!(phone.try_ask("send_message", data).await.expect("an ack")["success"], false);

    let mut eve = SocketIo::connect(all.address(1), false, "eve").await;
    eve.ask("join_channel", json!({ "channelId": "c" })).await;
    assert_eq!(call(all.address(0), Method::DELETE, "/channels/c", None).await.0, 204);
    let refused = eve.ask("send_message", json!({ "channelId": "c", "text": "where?" })).await;
    assert_eq!(refused["errorCode"], "NOT_FOUND", "{refused}");
    all.stop().await;
}

/// What a service is told of how many got it counts the connections of all hosts, once each.
#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_all_hosts() {
    let all = Hosts::start(&[]).await;
    let mut clients = Vec::new();
    for (at, user) in [(0, "ana"), (1, "ana"), (1, "bob"), (0, "eve")] {
        let mut client = Client::connect(all.address(at), user).await;
        client.ask("join-group", json!({ "groupId": "g" })).await;
        clients.push(client);
    }
    let mut socket = SocketIo::connect(all.address(1), false, "sam").await;
    socket.ask("join-group", json!({ "groupId": "h" })).await;
    for at in [0, 1] {
        let address = all.address(at);
        let event = |rest: Value| {
            let mut body = json!({ "event": "news", "data": { "by": at } });
            body.as_object_mut()
                .expect("an object")
                .extend(rest.as_object().cloned().expect("one"));
            body
        };
        assert_eq!(emit(address, "/groups/g/emit", event(json!({}))).await, 4);
        assert_eq!(emit(address, "/users/ana/emit", event(json!({}))).await, 2);
        assert_eq!(emit(address, "/users/nobody/emit", event(json!({}))).await, 0);
        assert_eq!(emit(address, "/broadcast", event(json!({}))).await, 5);
        let several = json!({ "rooms": ["group:g", "group:h", "user:ana"] });
        assert_eq!(emit(address, "/broadcast", event(several)).await, 5);
        let except = json!({ "exceptUsers": ["bob"], "exceptConnections": [clients[1].id] });
        assert_eq!(emit(address, "/groups/g/emit", event(except)).await, 2);
        let notice = json!({ "message": "hola", "userId": "ana" });
        let sent = call(address, Method::POST, "/notification/send", Some(notice)).await;
        assert_eq!((sent.0, &sent.1["delivered"]), (201, &json!(2)), "{sent:?}");
    }
    // Each got what it was counted for, and no more: group, user, all, several, less the exceptions.
    for (client, news) in clients.iter_mut().zip([5, 4, 3, 4]) {
        for at in [0, 1] {
            for _ in 0..news {
                assert_eq!(client.event("news").await, json!({ "by": at }));
            }
        }
    }
    for client in &mut clients[..2] {
        client.event("newNotification").await;
        client.event("newNotification").await;
    }
    assert_eq!(emit(all.address(0), "/broadcast", json!({ "event": "last" })).await, 5);
    for client in &mut clients {
        client.event("last").await;
        assert_eq!((client.unread("news"), client.unread("newNotification")), (0, 0));
    }
    all.stop().await;
}

/// What else goes to a room or a user crosses hosts: the lobby, direct messages, groups, typing, read marks.
#[tokio::test(flavor = "multi_thread")]
async fn signals_cross_hosts() {
    let all = Hosts::start(&[("TYPING_SECONDS", "1")]).await;
    let mut ana = Client::connect(all.address(0), "ana").await;
    let mut bob = Client::connect(all.address(1), "bob").await;
    let mut eve = SocketIo::connect(all.address(1), true, "eve").await;
    ana.ask("event_message", json!({ "hola": "todos" })).await;
    assert_eq!(bob.event("new_message").await["hola"], "todos");
    assert_eq!(eve.event("new_message").await["hola"], "todos");

    let first = json!({ "senderId": "ana", "receiverId": "bob", "messageContent": "psst" });
    ana.ask("initialize", first).await;
    assert_eq!(bob.event("message").await["content"], "psst");
    assert_eq!(ana.event("message").await["content"], "psst");

    for client in [&mut ana, &mut bob] {
        client.ask("join-group", json!({ "groupId": "g" })).await;
        client.join("c").await;
    }
    assert_eq!(ana.event("user-joined-group").await["userId"], "bob");
    assert_eq!(ana.event("user_joined_channel").await["userId"], "bob");
    let watched = json!({ "groupId": "g", "seriesId": "s", "episodeId": "e" });
    bob.ask("watch-episode", watched).await;
    assert_eq!(ana.event("episode-watched").await["userId"], "bob");

    ana.say("c", "read this").await;
    bob.ask("mark_read", json!({ "channelId": "c", "seq": 1 })).await;
    assert_eq!(ana.event("message_read").await["seq"], 1);
    bob.ask("typing_start", json!({ "channelId": "c" })).await;
    // It ends by itself, with the timer of bob's host.
    for is_typing in [true, false] {
        assert_eq!(ana.event("user_typing").await["isTyping"], is_typing);
    }
    bob.ask("typing_start", json!({ "channelId": "c" })).await;
    drop(bob);
    for is_typing in [true, false] {
        assert_eq!(ana.event("user_typing").await["isTyping"], is_typing);
    }
    all.stop().await;
}

/// One presence for a user on several hosts: online with the first connection, offline with the last.
#[tokio::test(flavor = "multi_thread")]
async fn presence_is_of_all_hosts() {
    let all = Hosts::start(&[("PRESENCE_GRACE_SECONDS", "0"), ("PRESENCE_ROOM_MAX", "4")]).await;
    let mut watchers = Vec::new();
    for (at, user) in [(0, "ana"), (1, "bob")] {
        let mut client = Client::connect(all.address(at), user).await;
        client.join("c").await;
        watchers.push(client);
    }
    let mut eve = Client::connect(all.address(0), "eve").await;
    eve.join("c").await;
    let phone = Client::connect(all.address(1), "eve").await;
    drop(eve);
    // The other connection is still there, which is known when this one is not.
    eventually("one connection less", async || listed(&all, 0).await.len() == 3).await;
    drop(phone);
    for watcher in &mut watchers {
        let offline = watcher.event_where("user_presence", |data| data["userId"] == "eve").await;
        assert_eq!(offline["status"], "offline", "{offline}");
        assert_eq!(watcher.unread("user_presence"), 0, "told twice");
    }
    let eve = Client::connect(all.address(1), "eve").await;
    for watcher in &mut watchers {
        assert_eq!(watcher.event("user_presence").await["status"], "online");
    }

    drop(eve);
    all.stop().await;
}

/// A room with few connections on each host and too many on all of them hears of no presence.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_counted_over_all_hosts() {
    let all = Hosts::start(&[("PRESENCE_GRACE_SECONDS", "0"), ("PRESENCE_ROOM_MAX", "4")]).await;
    let mut crowd = Vec::new();
    for number in 0..5 {
        let mut client = Client::connect(all.address(number % 2), &format!("user{number}")).await;
        client.join("crowded").await;
        crowd.push(client);
    }
    let mut ana = Client::connect(all.address(1), "ana").await;
    ana.join("quiet").await;
    let mut eve = Client::connect(all.address(0), "eve").await;
    for channel in ["quiet", "crowded"] {
        eve.join(channel).await;
    }
    drop(eve);
    // What is many for one host is told within a second or so.
    eventually("the crowd hears nothing", async || {
        assert_eq!(ana.event("user_presence").await["status"], "offline");
        let eve = Client::connect(all.address(0), "eve").await;
        assert_eq!(ana.event("user_presence").await["status"], "online");
        drop(eve);
        emit(all.address(0), "/broadcast", json!({ "event": "last" })).await;
        let mut heard = 0;
        for client in &mut crowd {
            client.event("last").await;
            heard += client.take("user_presence").len();
        }
        heard == 0
    })
    .await;
    all.stop().await;
}

/// A host that goes has others tell who has gone with it; who comes back to another host never went.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_goes_leaves_nobody_online() {
    let mut all = Hosts::start(&[("PRESENCE_GRACE_SECONDS", "1")]).await;
    let mut ana = Client::connect(all.address(1), "ana").await;
    ana.join("c").await;
    let mut goes = Client::connect(all.address(0), "goes").await;
    let mut stays = Client::connect(all.address(0), "stays").await;
    for client in [&mut goes, &mut stays] {
        client.join("c").await;
    }
    let stopping = all.hosts.remove(0).stop();
    let ((), _stays) = tokio::join!(stopping, async {
        while stays.frame().await.is_some() {}
        Client::connect(all.address(0), "stays").await
    });
    let offline = ana.event("user_presence").await;
    assert_eq!((&offline["userId"], &offline["status"]), (&json!("goes"), &json!("offline")));
    assert_eq!(ana.unread("user_presence"), 0);
    all.stop().await;
}

pub(super) async fn listed(all: &Hosts, at: usize) -> Vec<Value> {
    let by = token("boss", &["admin"]);
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/connections?limit=2{after}");
        let (status, mut page) = get(all.address(at), &path, &by).await;
        assert_eq!(status, 200, "{page}");
        found.extend(page["connections"].as_array().expect("connections").iter().cloned());
        if page["hasMore"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].take().as_str().expect("a connection"));
    }
}

/// `GET /connections` lists those of all hosts in the order of their ids, page by page.
#[tokio::test(flavor = "multi_thread")]
async fn connections_of_all_hosts_are_listed() {
    let all = Hosts::start(&[]).await;
    let mut ids = Vec::new();
    let mut clients = Vec::new();
    for number in 0..7 {
        let client = Client::connect(all.address(number % 2), &format!("user{number}")).await;
        ids.push(client.id.clone());
        clients.push(client);
    }
    ids.sort_unstable();
    for at in [0, 1] {
        let found = listed(&all, at).await;
        let found: Vec<&str> =
            found.iter().map(|one| one["connectionId"].as_str().expect("an id")).collect();
        assert_eq!(found, ids);
    }
    all.stop().await;
}

/// The first token for an id that was only claimed ends the claimer's connections, wherever they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_proven_id_ends_claims_on_every_host() {
    let all = Hosts::start(&[]).await;
    let claim = json!({ "userID": "ana", "username": "ana" });
    let mut claimer = SocketIo::with_auth(all.address(1), false, &claim).await;
    claimer.event("session").await;
    let _ana = Client::connect(all.address(0), "ana").await;
    eventually("only the proven one is left", async || listed(&all, 0).await.len() == 1).await;
    all.stop().await;
}
