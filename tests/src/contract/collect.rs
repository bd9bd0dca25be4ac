//! The table of events as its document needs it: names and schemas.

use std::collections::BTreeMap;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, ReplaceBoolSchemas},
};
use serde_json::{Map, Value, json};
use shared::{
    api::{self, Event, Table},
    error::{ErrorEvent, Refusal},
    fields,
    limits::Limits,
    signal::Signal,
};

const SCHEMAS: &str = "#/components/schemas/";

/// An event: the names of its schemas, and what its handler would say to a payload.
pub(super) struct Taken {
    pub(super) payload: String,
    pub(super) ack: String,
    pub(super) decode: fn(&str, &Limits) -> shared::error::Result<()>,
}

/// Everything that is sent either way.
pub(super) struct Collected {
    pub(super) events: BTreeMap<&'static str, Taken>,
    /// The schemas' names of each signal's forms.
    pub(super) signals: BTreeMap<&'static str, Vec<String>>,
    pub(super) schemas: Map<String, Value>,
}

struct Collector {
    /// What is read may leave out what has a default; what is written may not.
    read: SchemaGenerator,
    written: SchemaGenerator,
    events: BTreeMap<&'static str, Taken>,
    signals: BTreeMap<&'static str, Vec<String>>,
}

impl Table for Collector {
    fn on_as<E: Event>(mut self, name: &'static str) -> Self {
        let decode = |payload: &str, limits: &Limits| {
            let event: E = api::decode(payload)?;
            fields::validate(&event, limits)
        };
        let payload = schema::<E>(&mut self.read);
        let ack = schema::<E::Ack>(&mut self.written);
        self.events.insert(name, Taken { payload, ack, decode });
        self
    }

    fn sends<S: Signal>(mut self) -> Self {
        let form = schema::<S>(&mut self.written);
        self.signals.entry(S::NAME).or_default().push(form);
        self
    }
}

/// Makes a type's schema known, and returns the name it goes by.
fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    let schema = generator.subschema_for::<T>();
    let reference = schema.get("$ref").and_then(Value::as_str).expect("a named type");
    reference.strip_prefix(SCHEMAS).expect("a component").to_owned()
}

/// Rust's names of integers are no formats that others know.
fn without_integer_formats(schema: &mut Schema) {
    if schema.get("format").and_then(Value::as_str).is_some_and(|f| f.starts_with("uint")) {
        schema.remove("format");
    }
}

/// What may be left out of what is written is left out when there is none: it is never null.
fn without_null_where_absent(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let is_required = |name: &str| required.as_array().is_some_and(|r| r.contains(&name.into()));
    for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
        }
        if let Some(Value::Array(any)) = property.get_mut("anyOf") {
            any.retain(|schema| schema["type"] != "null");
        }
    }
}

/// What answers an event that succeeded: its ack, and that it did.
fn succeeded(mut ack: Value) -> Value {
    let success = json!({ "type": "boolean", "const": true });
    ack["type"] = "object".into();
    match &mut ack["properties"] {
        Value::Object(properties) => drop(properties.insert("success".into(), success)),
        none => *none = json!({ "success": success }),
    }
    match &mut ack["required"] {
        Value::Array(required) => required.insert(0, "success".into()),
        none => *none = json!(["success"]),
    }
    ack
}

/// Reads the table.
pub(super) fn collect() -> Collected {
    let settings = || {
        SchemaSettings::draft07()
            .with(|settings| settings.definitions_path = "/components/schemas".into())
            .with_transform(ReplaceBoolSchemas::default())
            .with_transform(RecursiveTransform(without_integer_formats))
    };
    let mut collector = functions::table(Collector {
        read: settings().for_deserialize().into_generator(),
        written: settings()
            .for_serialize()
            .with_transform(RecursiveTransform(without_null_where_absent))
            .into_generator(),
        events: BTreeMap::new(),
        signals: BTreeMap::new(),
    });
    let error = schema::<ErrorEvent>(&mut collector.written);
    collector.signals.insert("error", vec![error]);
    schema::<Refusal>(&mut collector.written);

    let Collector { mut read, mut written, mut events, signals } = collector;
    let mut schemas = read.take_definitions(true);
    let own: Vec<String> = events
        .values()
        .map(|event| &event.ack)
        .chain(signals.values().flatten())
        .cloned()
        .collect();
    for (name, schema) in written.take_definitions(true) {
        let other = schemas.insert(name.clone(), schema.clone());
        assert!(other.is_none_or(|other| other == schema), "two schemas named {name}");
    }
    let sent: Vec<&String> = signals.values().flatten().collect();
    for event in events.values_mut() {
        let ack = format!("{}Ack", event.ack);
        let bare = std::mem::replace(&mut event.ack, ack.clone());
        if !schemas.contains_key(&ack) {
            schemas.insert(ack, succeeded(schemas[&bare].clone()));
        }
    }
    // An ack is never sent bare, unless it is a signal as well.
    schemas.retain(|name, _| !own.contains(name) || sent.contains(&name));
    Collected { events, signals, schemas }
}
