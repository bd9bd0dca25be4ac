//! The table of events against what the contract lists.

use std::collections::BTreeSet;

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
