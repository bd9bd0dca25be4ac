//! Limits on what clients send, and how often.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::{InMemoryState, NotKeyed},
};
use schemars::{Schema, SchemaGenerator, json_schema};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    error::{Error, Result},
    text::Text,
};

/// A connection that sends this many times its allowance is closed.
pub const FLOOD_FACTOR: u32 = 10;

/// Most memberships in channels and groups that a user may hold.
pub const ROOMS_PER_USER: usize = 100;
/// Most mentions in one message.
pub const MENTIONS: usize = 50;
/// Most attachments in one message.
pub const ATTACHMENTS: usize = 10;
/// Most links in one message.
pub const LINKS: usize = 20;
/// Longest attachment or link, in characters.
pub const ADDRESS_CHARS: usize = 2048;
/// Most edits of one message.
pub const EDITS: usize = 50;
/// Longest title of a thread, and name of a room, in characters.
pub const TITLE_CHARS: usize = 200;
const EMOJI_BYTES: usize = 32;

/// The limits that can be configured.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `RATE_EVENTS_PER_SECOND`, for each connection; 0 switches the limiter off.
    pub events_per_second: u32,
    /// `RATE_BURST`: events that may come at once.
    pub burst: u32,
    /// `MAX_FRAME_BYTES`: the largest frame or body that is read.
    pub frame_bytes: usize,
    /// `MAX_TEXT_CHARS`: the longest text of a message.
    pub text_chars: usize,
}

/// What the limiter says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let it in.
    Pass,
    /// Too fast: refuse it, and say when to come back.
    Refuse(Duration),
    /// Far too fast: end the connection.
    Flood,
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// Counts one connection's events.
#[derive(Debug)]
pub struct Limiter {
    allowance: Bucket,
    flood: Bucket,
}

impl Limiter {
    /// A limiter for a new connection; `None` when limits are switched off.
    #[must_use]
    pub fn new(limits: &Limits) -> Option<Self> {
        let rate = NonZeroU32::new(limits.events_per_second)?;
        let burst = NonZeroU32::new(limits.burst)?;
        let bucket = |factor: u32| {
            let times =
                |n: NonZeroU32| n.saturating_mul(NonZeroU32::MIN.saturating_add(factor - 1));
            RateLimiter::direct(Quota::per_second(times(rate)).allow_burst(times(burst)))
        };
        Some(Self { allowance: bucket(1), flood: bucket(FLOOD_FACTOR) })
    }

    /// Counts one event.
    #[must_use]
    pub fn check(&self) -> Verdict {
        if self.flood.check().is_err() {
            return Verdict::Flood;
        }
        match self.allowance.check() {
            Ok(()) => Verdict::Pass,
            Err(until) => Verdict::Refuse(until.wait_time_from(DefaultClock::default().now())),
        }
    }
}

impl Verdict {
    /// The error for a refused event.
    ///
    /// # Errors
    /// `RATE_LIMITED` unless the event passes.
    pub fn into_result(self) -> Result<()> {
        match self {
            Self::Pass => Ok(()),
            Self::Refuse(wait) => {
                Err(Error::rate_limited(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)))
            }
            Self::Flood => Err(Error::rate_limited(1000)),
        }
    }
}

/// Checks a message's text: not blank, not too long.
///
/// # Errors
/// Says which of the two.
pub fn text(text: &str, limits: &Limits) -> garde::Result {
    if text.trim().is_empty() {
        return Err(garde::Error::new(Text::Empty.code()));
    }
    if text.chars().count() > limits.text_chars {
        return Err(garde::Error::new(Text::TooManyCharacters { max: limits.text_chars }.code()));
    }
    Ok(())
}

/// How a message's text looks in a schema.
#[must_use]
pub fn text_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).",
        "type": "string",
        "pattern": r"\S",
    })
}

/// Checks an emoji: one grapheme cluster that is no plain text, at most 32 bytes.
///
/// # Errors
/// Says what an emoji may be.
pub fn emoji(emoji: &str, _: &Limits) -> garde::Result {
    let one = emoji.graphemes(true).count() == 1;
    if !one
        || emoji.len() > EMOJI_BYTES
        || emoji.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return Err(garde::Error::new(Text::NoEmoji.code()));
    }
    Ok(())
}

/// How an emoji looks in a schema.
#[must_use]
pub fn emoji_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "One grapheme cluster of at most 32 bytes.",
        "type": "string",
        "minLength": 1,
        "maxLength": EMOJI_BYTES,
        "pattern": r"^[^\s\u0000-\u001f\u007f-\u009f]+$",
    })
}
