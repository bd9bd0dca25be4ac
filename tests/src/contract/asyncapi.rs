//! The `AsyncAPI` document: what the table says, over both transports.

use serde_json::{Map, Value, json};

use super::collect::Collected;

/// A transport: its channel's name in the document, and what stands around what is sent.
struct Transport {
    name: &'static str,
    request: fn(event: &str, payload: Value) -> Value,
    ack: fn(answer: Value) -> Value,
    signal: fn(event: &str, payload: Value) -> Value,
    frame: Frame,
}

/// How an example looks on the wire.
struct Frame {
    request: fn(event: &str, payload: &Value) -> Value,
    ack: fn(answer: &Value) -> Value,
    signal: fn(event: &str, payload: &Value) -> Value,
}

const TRANSPORTS: [Transport; 2] = [
    Transport {
        name: "socketio",
        request: |_, payload| payload,
        ack: |answer| answer,
        signal: |_, payload| payload,
        frame: Frame {
            request: |_, payload| payload.clone(),
            ack: Clone::clone,
            signal: |_, payload| payload.clone(),
        },
    },
    Transport {
        name: "websocket",
        request: |event, payload| {
            object(
                &json!({ "action": named(event), "id": schema("FrameId"), "data": payload }),
                &["action", "data"],
            )
        },
        ack: |answer| {
            object(
                &json!({ "event": named("ack"), "id": schema("FrameId"), "data": answer }),
                &["event", "id", "data"],
            )
        },
        signal: |event, payload| {
            object(&json!({ "event": named(event), "data": payload }), &["event", "data"])
        },
        frame: Frame {
            request: |event, payload| json!({ "action": event, "id": 1, "data": payload }),
            ack: |answer| json!({ "event": "ack", "id": 1, "data": answer }),
            signal: |event, payload| json!({ "event": event, "data": payload }),
        },
    },
];

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn named(name: &str) -> Value {
    json!({ "type": "string", "const": name })
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/{path}") })
}

fn schema(name: &str) -> Value {
    reference(&format!("components/schemas/{name}"))
}

/// One schema, or any of several.
fn any_of(names: &[String]) -> Value {
    match names {
        [one] => schema(one),
        several => json!({ "anyOf": several.iter().map(|name| schema(name)).collect::<Vec<_>>() }),
    }
}

/// What a schema is for, in its own words.
fn words(schemas: &Map<String, Value>, name: &str) -> String {
    schemas[name]["description"]
        .as_str()
        .unwrap_or_else(|| panic!("{name} has no words"))
        .to_owned()
}

fn message(name: &str, summary: &str, payload: &Value, examples: Vec<Value>) -> Value {
    let examples: Vec<Value> =
        examples.into_iter().map(|payload| json!({ "payload": payload })).collect();
    assert!(!examples.is_empty(), "{name} has no example");
    json!({
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": "application/json",
        "payload": payload,
        "examples": examples,
    })
}

fn examples_of(examples: &Value, frame: impl Fn(&Value) -> Value) -> Vec<Value> {
    examples.as_array().into_iter().flatten().map(frame).collect()
}

/// Adds what one transport carries: its messages, the channel that lists them, an operation for each event and signal.
fn carry(document: &mut Value, transport: &Transport, collected: &Collected, examples: &Value) {
    let Transport { name, frame, .. } = transport;
    let mut messages = Map::new();
    let mut operations = Map::new();
    let channel = format!("channels/{name}");
    let listed = |message: &str| reference(&format!("{channel}/messages/{message}"));
    let schemas = &collected.schemas;
    for (event, taken) in &collected.events {
        let (said, given) = (words(schemas, &taken.payload), &examples["events"][event]);
        let ask = format!("event.{event}");
        let payload = (transport.request)(event, schema(&taken.payload));
        let shown = examples_of(&given["payloads"], |payload| (frame.request)(event, payload));
        messages.insert(ask.clone(), message(event, &said, &payload, shown));
        let answer = format!("ack.{event}");
        let payload = (transport.ack)(schema(&taken.ack));
        let summary = format!("`{event}` succeeded.");
        let shown = vec![(frame.ack)(&given["ack"])];
        messages.insert(answer.clone(), message("ack", &summary, &payload, shown));
        let operation = json!({
            "action": "receive",
            "channel": reference(&channel),
            "title": event,
            "summary": said,
            "messages": [listed(&ask)],
            "reply": { "channel": reference(&channel), "messages": [listed(&answer), listed("refusal")] },
        });
        operations.insert(format!("{name}.{ask}"), operation);
    }
    let payload = (transport.ack)(schema("Refusal"));
    let shown = examples_of(&examples["refusals"], frame.ack);
    messages.insert("refusal".into(), message("ack", "The event failed.", &payload, shown));
    for (event, forms) in &collected.signals {
        let said: Vec<String> = forms.iter().map(|form| words(schemas, form)).collect();
        let said = said.join("\n\nOr: ");
        let tell = format!("signal.{event}");
        let payload = (transport.signal)(event, any_of(forms));
        let shown =
            examples_of(&examples["signals"][event], |payload| (frame.signal)(event, payload));
        messages.insert(tell.clone(), message(event, &said, &payload, shown));
        let operation = json!({
            "action": "send",
            "channel": reference(&channel),
            "title": event,
            "summary": said,
            "messages": [listed(&tell)],
        });
        operations.insert(format!("{name}.{tell}"), operation);
    }
    for (id, message) in messages {
        let component = format!("{name}.{id}");
        document["channels"][name]["messages"][&id] =
            reference(&format!("components/messages/{component}"));
        document["components"]["messages"][component] = message;
    }
    for (id, operation) in operations {
        document["operations"][id] = operation;
    }
}

/// The document of everything that was collected, with these examples.
pub(super) fn document(collected: &Collected, examples: &Value) -> Value {
    let mut document: Value =
        serde_json::from_str(include_str!("frame.json")).expect("the document's frame");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["info"]["description"] = include_str!("about.md").into();
    for (name, schema) in &collected.schemas {
        document["components"]["schemas"][name] = schema.clone();
    }
    for transport in &TRANSPORTS {
        carry(&mut document, transport, collected, examples);
    }
    document
}
