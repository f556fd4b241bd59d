//! JSON that is carried, not interpreted.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON text kept exactly as it was written: key order, number digits and spacing survive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes a text; `None` when it is not one JSON value.
    pub fn parse(text: impl Into<String>) -> Option<Json> {
        RawValue::from_string(text.into()).ok().map(Json)
    }

    /// The empty object, `{}`.
    pub fn empty_object() -> Json {
        Json(RawValue::from_string("{}".to_owned()).unwrap_or_default())
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().trim_start().starts_with('{')
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Json {
        Json(raw.to_owned())
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Json {
        Json(RawValue::from_string(value.to_string()).unwrap_or_default())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}
