//! Reading items by attribute, with an error that names what is missing.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{EXPIRES, Item};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    ids::Id,
};

/// An item as it was read.
#[derive(Clone, Debug)]
pub struct Attributes(pub(super) Item);

impl Attributes {
    pub(super) fn is_live(&self) -> bool {
        self.number(EXPIRES).is_none_or(|expires| expires > Timestamp::now().seconds())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str> {
        self.text(name).ok_or_else(|| Error::internal(format!("an item has no `{name}`")))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name) {
            Some(AttributeValue::S(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|value| value.parse().ok())
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        self.number(name).and_then(|value| value.try_into().ok()).unwrap_or(0)
    }

    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn set(&self, name: &str) -> &[String] {
        self.0.get(name).and_then(|value| value.as_ss().ok()).map_or(&[], Vec::as_slice)
    }

    /// An id in the form in which it was first written: integers are kept as numbers.
    pub(super) fn id(&self, name: &str) -> Result<Id> {
        match self.0.get(name) {
            Some(AttributeValue::S(id)) => Ok(Id::from_stored(id, false)),
            Some(AttributeValue::N(id)) => Ok(Id::from_stored(id, true)),
            _ => Err(Error::internal(format!("an item has no `{name}`"))),
        }
    }
}

/// An id as an attribute that keeps its form.
pub(super) fn id(id: &Id) -> AttributeValue {
    if id.is_integer() {
        AttributeValue::N(id.to_string())
    } else {
        AttributeValue::S(id.to_string())
    }
}
