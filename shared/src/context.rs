//! All that a handler can reach.

use std::sync::Arc;

use crate::{
    auth::Auth,
    config::Config,
    error::Result,
    ids::Room,
    later::Later,
    log::ChannelLog,
    push::{Audience, Push},
    signal::{Frame, Signal},
    store::Store,
    user::Caller,
};

/// The store, the connections, who is let in, what is configured.
#[derive(Clone)]
pub struct Context {
    /// Everything that is kept.
    pub store: Store,
    /// The channels' logs: appending writes and announces in order.
    pub log: ChannelLog,
    /// The connections.
    pub push: Arc<dyn Push>,
    /// Work that is due later.
    pub later: Arc<dyn Later>,
    /// Checks identities.
    pub auth: Arc<Auth>,
    /// The boot id of this host, which its connections are counted under.
    pub host: Arc<str>,
    /// What is configured.
    pub config: Arc<Config>,
}

impl Context {
    /// Sends a signal to the connection that is calling.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be encoded or handed over.
    pub async fn reply<S: Signal>(&self, caller: &Caller, signal: &S) -> Result<()> {
        self.push.send(&caller.connection, &Frame::of(signal)?).await.map(drop)
    }

    /// Sends a signal to a whole room, the caller included.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be encoded or handed over.
    pub async fn to_room<S: Signal>(&self, room: &Room, signal: &S) -> Result<()> {
        self.push.broadcast(&Audience::room(room), &Frame::of(signal)?).await.map(drop)
    }

    /// Sends a signal to a room less the connection that is calling.
    ///
    /// # Errors
    /// `INTERNAL` when it cannot be encoded or handed over.
    pub async fn to_others<S: Signal>(
        &self,
        caller: &Caller,
        room: &Room,
        signal: &S,
    ) -> Result<()> {
        let audience = Audience::others(room, &caller.connection);
        self.push.broadcast(&audience, &Frame::of(signal)?).await.map(drop)
    }
}
