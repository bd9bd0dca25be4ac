//! `heartbeat`: called every minute, has a quarter of the connections pinged, so that each is every four minutes: well
//! within the ten after which API Gateway ends an idle one.

use std::time::Duration;

use serde::Deserialize;
use shared::{clock::Timestamp, config::Heartbeat, error::Result, store::connections::PARTITIONS};

use crate::{
    Cloud,
    later::{OwnWork, Work},
};

/// Rounds in which every connection is pinged once.
const ROUNDS: u8 = 4;

/// What Socket.IO clients are told: a ping comes every four minutes, and may be late by more than one round.
pub(crate) const PROMISE: Heartbeat =
    Heartbeat { interval: Duration::from_mins(4), timeout: Duration::from_mins(6) };

/// The schedule's event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tick {
    /// The minute it is for.
    time: Option<Timestamp>,
}

/// Puts this minute's partitions into the queue.
pub(crate) async fn handle(cloud: &Cloud, tick: Tick) -> Result<()> {
    let minute = tick.time.unwrap_or_else(Timestamp::now).seconds() / 60;
    let round = u8::try_from(minute.rem_euclid(i64::from(ROUNDS))).unwrap_or(0);
    let partitions = (round..PARTITIONS).step_by(usize::from(ROUNDS));
    let work = partitions.map(|partition| (Duration::ZERO, Work::Own(OwnWork::Ping { partition })));
    cloud.queue.later(work.collect()).await
}
