//! Payloads that come in one of several forms, as schemas tell of them.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// Splits an object's schema: each form has its own properties besides those that no form owns.
pub(crate) fn split(schema: &mut Schema, forms: &[&[&str]]) {
    let object = schema.ensure_object();
    let take = |object: &mut Map<_, _>, name| object.remove(name).unwrap_or_default();
    let (properties, required) = (take(object, "properties"), take(object, "required"));
    object.remove("type");
    let form = |own: &&[&str]| {
        let others = |name: &str| forms.iter().any(|form| form != own && form.contains(&name));
        let mut form = json!({ "type": "object", "properties": properties, "required": required });
        if let Value::Object(properties) = &mut form["properties"] {
            properties.retain(|name, _| !others(name));
        }
        if let Value::Array(required) = &mut form["required"] {
            required.retain(|name| name.as_str().is_none_or(|name| !others(name)));
        }
        form
    };
    let forms: Vec<Value> = forms.iter().map(form).collect();
    object.insert("oneOf".into(), forms.into());
}
