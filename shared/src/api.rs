//! The table of events: declare, look up, decode, call, encode. Bad payloads and unknown names are answered here, for every transport.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    time::Instant,
};

use futures_util::FutureExt;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tracing::Instrument;

use crate::{
    clock::Timestamp,
    context::Context,
    error::{Code, Error, Result},
    fields,
    ids::Id,
    language::Language,
    limits::Limits,
    metrics::EventMeter,
    signal::Signal,
    telemetry,
    text::Text,
    user::Caller,
};

/// An event that clients send. The type is its payload.
pub trait Event:
    DeserializeOwned + Validate<Context = Limits> + JsonSchema + Send + 'static
{
    /// The name on the wire.
    const NAME: &'static str;
    /// Whether a connection may send it before it has an identity.
    const OPEN: bool = false;
    /// What a successful ack says besides `success: true`.
    type Ack: Serialize + JsonSchema;

    /// Does what the event asks for.
    fn handle(
        self,
        cx: &Context,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Ack>> + Send;
}

/// The ack of an event that has nothing to say but that it succeeded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {}

/// An ack or an error, encoded.
pub type Answer = Result<Box<RawValue>>;

/// Stands for all names that are no event's.
const UNKNOWN: &str = "unknown";

type Call = for<'a> fn(&'a Context, &'a Caller, &'a str) -> CallFuture<'a>;
type CallFuture<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

struct Entry {
    open: bool,
    call: Call,
    meter: EventMeter,
}

/// What the table of events is read into.
pub trait Table: Sized {
    /// Takes an event.
    #[must_use]
    fn on<E: Event>(self) -> Self {
        self.on_as::<E>(E::NAME)
    }

    /// Takes an event under another name than its own.
    #[must_use]
    fn on_as<E: Event>(self, name: &'static str) -> Self;

    /// Takes a signal that the server sends. Two of one name are two forms of it.
    #[must_use]
    fn sends<S: Signal>(self) -> Self;
}

/// All events and signals, by name.
#[derive(Default)]
pub struct Api {
    events: BTreeMap<&'static str, Entry>,
    /// All names that are no event's: what a client makes up is no label, and in no log.
    unknown: EventMeter,
    signals: BTreeSet<&'static str>,
}

impl Table for Api {
    /// # Panics
    /// When two events have one name.
    fn on_as<E: Event>(mut self, name: &'static str) -> Self {
        let entry = Entry { open: E::OPEN, call: call::<E>, meter: <_>::default() };
        assert!(self.events.insert(name, entry).is_none(), "two events named {name}");
        self
    }

    fn sends<S: Signal>(mut self) -> Self {
        self.signals.insert(S::NAME);
        self
    }
}

impl Api {
    /// The signals' names, sorted.
    pub fn signals(&self) -> impl Iterator<Item = &'static str> {
        self.signals.iter().copied()
    }

    /// The events' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.events.keys().copied()
    }

    /// Answers one event. `arguments` are those the client sent with the name: an event takes exactly one.
    ///
    /// # Errors
    /// Whatever the client is to be told; causes on our side are logged already.
    pub async fn call(
        &self,
        cx: &Context,
        caller: &Caller,
        name: &str,
        arguments: &[&RawValue],
    ) -> Answer {
        let started = Instant::now();
        let found = self.events.get_key_value(name);
        let (name, meter) = found.map_or((UNKNOWN, &self.unknown), |(name, e)| (*name, &e.meter));
        let span = telemetry::event(name, caller, arguments);
        // A handler's mistake is one event's: whoever sent it is told, and the connection goes on.
        let dispatched = self.dispatch(cx, caller, found.map(|(_, entry)| entry), arguments);
        let answer = AssertUnwindSafe(dispatched).catch_unwind().instrument(span.clone()).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::internal("a handler panicked")));
        if let Err(error) = &answer {
            span.in_scope(|| error.log(name));
        }
        let (code, took) = (answer.as_ref().err().map(Error::code), started.elapsed());
        meter.answered(name, code, took);
        telemetry::answered(&span, code, took);
        answer
    }

    async fn dispatch(
        &self,
        cx: &Context,
        caller: &Caller,
        entry: Option<&Entry>,
        arguments: &[&RawValue],
    ) -> Answer {
        let Some(entry) = entry else {
            return Err(Error::new(Code::UnknownEvent, Text::UnknownEvent));
        };
        if caller.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return Err(Error::new(Code::Unauthorized, Text::TokenExpired));
        }
        if !entry.open {
            caller.user()?;
        }
        let payload = match arguments {
            [payload] => payload.get(),
            [] => return Err(Error::invalid("", Text::PayloadMissing)),
            _ => return Err(Error::invalid("", Text::PayloadNotAlone)),
        };
        if payload.len() > cx.config.limits.frame_bytes {
            return Err(too_large(cx.config.limits.frame_bytes));
        }
        must_be_sender(caller, payload)?;
        (entry.call)(cx, caller, payload).await
    }
}

/// A sender is never taken from a payload: one that is named must be the caller.
fn must_be_sender(caller: &Caller, payload: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "senderId")]
        sender: Option<Id>,
    }
    // Hardly a payload names one, and most need not be read twice.
    if caller.user.is_some()
        && payload.contains("\"senderId\"")
        && let Ok(Named { sender: Some(sender) }) = serde_json::from_str(payload)
    {
        caller.must_be(&sender)?;
    }
    Ok(())
}

/// The error for a frame or body over the limit.
#[must_use]
pub fn too_large(limit: usize) -> Error {
    Error::new(Code::PayloadTooLarge, Text::TooManyBytes { limit })
}

fn call<'a, E: Event>(cx: &'a Context, caller: &'a Caller, payload: &'a str) -> CallFuture<'a> {
    Box::pin(async move {
        let event: E = decode(payload)?;
        fields::validate(&event, &cx.config.limits)?;
        encode(&event.handle(cx, caller).await?)
    })
}

/// Reads a payload, naming the field that is wrong.
///
/// # Errors
/// `INVALID_REQUEST` with the field and what is wrong with it.
pub fn decode<T: DeserializeOwned>(payload: &str) -> Result<T> {
    if !payload.trim_start().starts_with('{') {
        return Err(Error::invalid("", Text::PayloadNotAnObject));
    }
    let mut deserializer = serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        if !error.inner().is_data() {
            return Error::invalid(path.trim_start_matches('.'), Text::FieldNotJson);
        }
        let message = error.inner().to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(text, _)| text);
        fields::wrong(&path, message)
    })
}

#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    #[serde(flatten)]
    ack: &'a T,
}

fn encode<T: Serialize>(ack: &T) -> Answer {
    Ok(serde_json::value::to_raw_value(&Success { success: true, ack })?)
}

/// The ack that tells a failure.
#[must_use]
pub fn encode_failure(error: &Error, language: Language) -> Box<RawValue> {
    serde_json::value::to_raw_value(&error.ack(language))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}
