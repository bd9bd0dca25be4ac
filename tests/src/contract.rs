//! The table of events against what the contract lists, and the documents that are generated from it.

mod asyncapi;
mod collect;

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use self::collect::Collected;
use crate::{host::config, javascript::script};

/// What clients may send: sections 2 to 4 of the contract.
const EVENTS: [&str; 25] = [
    "add_reaction",
    "confirm-notification",
    "confirmNotification",
    "create_thread",
    "delete_message",
    "edit_message",
    "event_message",
    "group-activity",
    "initialize",
    "join-group",
    "join_channel",
    "join_thread",
    "leave-group",
    "leave_channel",
    "leave_thread",
    "mark_read",
    "message",
    "refresh_token",
    "remove_reaction",
    "send_message",
    "set_presence",
    "sync_request",
    "typing_start",
    "typing_stop",
    "watch-episode",
];

#[test]
fn the_table_has_the_events_of_the_contract_and_no_other() {
    let listed: BTreeSet<&str> = EVENTS.into_iter().collect();
    assert_eq!(functions::api().names().collect::<BTreeSet<_>>(), listed);
}

/// What the server sends by itself: sections 3 and 4.
const SIGNALS: [&str; 24] = [
    "connected",
    "episode-watched",
    "group-activity",
    "joined-group",
    "left-group",
    "mention_received",
    "message",
    "message_deleted",
    "message_edited",
    "message_read",
    "newNotification",
    "new_message",
    "reaction_added",
    "reaction_removed",
    "session",
    "sync_response",
    "thread_created",
    "thread_updated",
    "user-joined-group",
    "user-left-group",
    "user_joined_channel",
    "user_left_channel",
    "user_presence",
    "user_typing",
];

#[test]
fn the_table_has_the_signals_of_the_contract_and_no_other() {
    let listed: BTreeSet<&str> = SIGNALS.into_iter().collect();
    assert_eq!(functions::api().signals().collect::<BTreeSet<_>>(), listed);
}

fn examples() -> Value {
    serde_json::from_str(include_str!("contract/examples.json")).expect("examples")
}

/// Whether a generated file is what it would be now; `UPDATE=1` makes it so.
fn is_current(name: &str, current: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/contract").join(name);
    // The one thing that an environment says to a test.
    #[allow(clippy::disallowed_methods)]
    if std::env::var("UPDATE").is_ok() {
        fs::write(&path, current).expect("the file is written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == current,
        "{name} is stale: UPDATE=1 cargo test -p tertulia-tests contract::"
    );
}

/// The document first: the types are made from its file.
#[tokio::test]
async fn the_documents_are_those_of_the_table() {
    let document = asyncapi::document(&collect::collect(), &examples());
    let json = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
    is_current("asyncapi.json", &json);
    is_current("events.d.ts", &script(&["types.mjs"], &[]).await);
}

#[test]
fn every_example_is_of_something_and_is_taken() {
    let Collected { events, signals, .. } = collect::collect();
    let limits = config(&[]).limits;
    let examples = examples();
    let names = |of: &str| examples[of].as_object().expect("examples").keys().cloned().collect();
    let (of_events, of_signals): (BTreeSet<String>, BTreeSet<String>) =
        (names("events"), names("signals"));
    assert_eq!(of_events, events.keys().map(ToString::to_string).collect());
    assert_eq!(of_signals, signals.keys().map(ToString::to_string).collect());
    for (name, event) in &events {
        for payload in examples["events"][name]["payloads"].as_array().expect("payloads") {
            (event.decode)(&payload.to_string(), &limits)
                .unwrap_or_else(|error| panic!("{name} {payload}: {:?}", error.details()));
        }
    }
}

#[tokio::test]
async fn a_strangers_typed_client_compiles() {
    script(&["node_modules/typescript/bin/tsc", "-p", "typed"], &[]).await;
}
