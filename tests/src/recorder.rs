//! Connections that are none: what a log would have broadcast.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use shared::{
    clock::Timestamp,
    error::Result,
    ids::{Id, Room},
    push::{Audience, ConnectionInfo, Delivery, Push},
    signal::Frame,
    user::{Caller, ConnectionId, User},
};

/// Keeps the data of every broadcast, in order.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Value>>);

impl Recorder {
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.0.lock().clone()
    }
}

#[async_trait]
impl Push for Recorder {
    async fn broadcast(&self, _: &Audience<'_>, frame: &Frame) -> Result<usize> {
        self.0.lock().push(serde_json::from_str(frame.data.get())?);
        Ok(1)
    }

    async fn join(&self, _: &Caller, _: &[Room]) -> Result<()> {
        Ok(())
    }

    async fn admit(&self, _: &Id, _: &[Room]) -> Result<()> {
        Ok(())
    }

    async fn evict(&self, _: &Id, _: &[Room]) -> Result<()> {
        Ok(())
    }

    async fn dissolve(&self, _: &Room) -> Result<()> {
        Ok(())
    }

    async fn send(&self, _: &ConnectionId, _: &Frame) -> Result<Delivery> {
        Ok(Delivery::Gone)
    }

    async fn close(&self, _: &ConnectionId) -> Result<()> {
        Ok(())
    }

    async fn close_unverified(&self, _: &Id) -> Result<()> {
        Ok(())
    }

    async fn identify(&self, _: &ConnectionId, _: Arc<User>, _: Option<Timestamp>) -> Result<()> {
        Ok(())
    }

    async fn remember(&self, _: &ConnectionId, _: &str, _: Value) -> Result<()> {
        Ok(())
    }

    async fn recall(&self, _: &ConnectionId, _: &str) -> Result<Value> {
        Ok(Value::Null)
    }

    fn rooms(&self, _: &ConnectionId) -> Option<Vec<Room>> {
        None
    }

    fn holds(&self, _: &ConnectionId, _: &Room) -> Option<bool> {
        None
    }

    fn evictions(&self) -> u64 {
        0
    }

    async fn connections(&self, _: Option<&str>, _: usize) -> Result<Vec<ConnectionInfo>> {
        Ok(Vec::new())
    }
}
