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
mod typing_start;
mod typing_stop;
mod watch_episode;

use shared::api::Api;

/// The table of events, in the order of the contract.
#[must_use]
pub fn api() -> Api {
    Api::default()
        // Direct messages
        .on::<initialize::Initialize>()
        .on::<message::Message>()
        // Lobby
        .on::<event_message::EventMessage>()
        // Groups
        .on::<join_group::JoinGroup>()
        .on::<leave_group::LeaveGroup>()
        .on::<watch_episode::WatchEpisode>()
        .on::<group_activity::GroupActivity>()
        // Channels and messages
        .on::<join_channel::JoinChannel>()
        .on::<leave_channel::LeaveChannel>()
        .on::<send_message::SendMessage>()
        .on::<edit_message::EditMessage>()
        .on::<delete_message::DeleteMessage>()
        .on::<add_reaction::AddReaction>()
        .on::<remove_reaction::RemoveReaction>()
        .on::<typing_start::TypingStart>()
        .on::<typing_stop::TypingStop>()
        .on::<create_thread::CreateThread>()
        .on::<join_thread::JoinThread>()
        .on::<leave_thread::LeaveThread>()
        .on::<mark_read::MarkRead>()
        .on::<sync_request::SyncRequest>()
        // Presence and identity
        .on::<set_presence::SetPresence>()
        .on::<refresh_token::RefreshToken>()
        // Notifications
        .on::<confirm_notification::ConfirmNotification>()
        .on_as::<confirm_notification::ConfirmNotification>("confirm-notification")
}
