//! What clients can do: one file for each event, and the life of a connection. No file here knows a transport.

pub mod connect;
pub mod disconnect;
pub mod later;
pub mod members;
pub mod notify;
pub mod presence;
pub mod rest;

mod add_reaction;
mod confirm_notification;
mod content;
mod create_thread;
mod delete_message;
mod draft;
mod edit_message;
mod event_message;
mod forms;
mod group_activity;
mod history;
mod initialize;
mod join_channel;
mod join_group;
mod join_thread;
mod leave_channel;
mod leave_group;
mod leave_thread;
mod mark_read;
mod mentions;
mod message;
mod refresh_token;
mod remove_reaction;
mod send_message;
mod set_presence;
mod stored;
mod sync_request;
mod synced;
mod typing_start;
mod typing_stop;
mod watch_episode;

use shared::api::{Api, Table};

/// The table as hosts use it.
#[must_use]
pub fn api() -> Api {
    table(Api::default())
}

/// The table: what clients send and what the server sends, in the order of the contract.
pub fn table<T: Table>(table: T) -> T {
    table
        // On connecting
        .sends::<connect::Connected>()
        .sends::<connect::SessionStarted>()
        // Direct messages
        .on::<initialize::Initialize>()
        .on::<message::Message>()
        .sends::<message::DirectMessage>()
        // Lobby
        .on::<event_message::EventMessage>()
        .sends::<event_message::LobbyMessage>()
        // Groups
        .on::<join_group::JoinGroup>()
        .sends::<join_group::JoinedGroup>()
        .sends::<join_group::UserJoinedGroup>()
        .on::<leave_group::LeaveGroup>()
        .sends::<leave_group::LeftGroup>()
        .sends::<leave_group::UserLeftGroup>()
        .on::<watch_episode::WatchEpisode>()
        .sends::<watch_episode::EpisodeWatched>()
        .on::<group_activity::GroupActivity>()
        .sends::<group_activity::Activity>()
        // Channels and messages
        .on::<join_channel::JoinChannel>()
        .sends::<join_channel::UserJoinedChannel>()
        .on::<leave_channel::LeaveChannel>()
        .sends::<leave_channel::UserLeftChannel>()
        .on::<send_message::SendMessage>()
        .sends::<draft::NewMessage>()
        .sends::<draft::ThreadUpdated>()
        .sends::<mentions::MentionReceived>()
        .on::<edit_message::EditMessage>()
        .sends::<edit_message::MessageEdited>()
        .on::<delete_message::DeleteMessage>()
        .sends::<delete_message::MessageDeleted>()
        .on::<add_reaction::AddReaction>()
        .sends::<add_reaction::ReactionAdded>()
        .on::<remove_reaction::RemoveReaction>()
        .sends::<remove_reaction::ReactionRemoved>()
        .on::<typing_start::TypingStart>()
        .on::<typing_stop::TypingStop>()
        .sends::<typing_start::UserTyping>()
        .on::<create_thread::CreateThread>()
        .sends::<create_thread::ThreadCreated>()
        .on::<join_thread::JoinThread>()
        .on::<leave_thread::LeaveThread>()
        .on::<mark_read::MarkRead>()
        .sends::<mark_read::MessageRead>()
        .on::<sync_request::SyncRequest>()
        .sends::<synced::Synced>()
        // Presence and identity
        .sends::<presence::Change>()
        .on::<set_presence::SetPresence>()
        .on::<refresh_token::RefreshToken>()
        // Notifications
        .sends::<notify::NewNotification>()
        .on::<confirm_notification::ConfirmNotification>()
        .on_as::<confirm_notification::ConfirmNotification>("confirm-notification")
}
