//! A reader that knows where it stands, so that a wrong field is named with its whole path.
//!
//! Objects are taken apart field by field; what nobody took is left over, and becomes a loss.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use weir_model::{Json, Losses, Payload, Rejection};

/// Where a value stands: a list of steps from the root, each borrowed from the one before.
#[derive(Clone, Copy, Debug, Default)]
pub enum Path<'p> {
    /// A value on its own.
    #[default]
    Root,
    /// A body.
    Body(&'p Bytes),
    /// A field of an object.
    Field(&'p Path<'p>, &'p str),
    /// An element of an array.
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root | Path::Body(_) => Ok(()),
            Path::Field(Path::Root | Path::Body(_), name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'p> Path<'p> {
    /// The body that it leads through.
    fn body(&self) -> Option<&'p Bytes> {
        let mut at = self;
        loop {
            match at {
                Path::Root => return None,
                Path::Body(body) => return Some(body),
                Path::Field(parent, _) | Path::Index(parent, _) => at = parent,
            }
        }
    }
}

/// A value and its place.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a, 'p> {
    raw: &'a RawValue,
    /// Its place.
    pub path: Path<'p>,
}

impl<'a, 'p> Value<'a, 'p> {
    /// A value at a place.
    pub fn new(raw: &'a RawValue, path: Path<'p>) -> Value<'a, 'p> {
        Value { raw, path }
    }

    /// Its JSON text.
    pub fn text(&self) -> &'a str {
        self.raw.get()
    }

    /// The value as it came.
    pub fn json(&self) -> Json {
        Json::from(self.raw)
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        self.text().starts_with('"')
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.text().starts_with('[')
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// A string.
    ///
    /// # Errors
    /// An invalid-request rejection that names the place; so for all that follow.
    pub fn string(&self) -> Result<Cow<'a, str>, Rejection> {
        let text = self.text();
        if let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'))
            && !inner.contains('\\')
        {
            return Ok(Cow::Borrowed(inner));
        }
        serde_json::from_str::<String>(text)
            .map(Cow::Owned)
            .map_err(|_| self.wrong("a string"))
    }

    /// A string that may be large, without a copy where it can be.
    pub fn payload(&self) -> Result<Payload, Rejection> {
        Ok(self.share(&self.string()?))
    }

    /// A part of this string, without a copy where it can be.
    pub fn share(&self, part: &str) -> Payload {
        match self.path.body() {
            Some(body) => Payload::within(body, part),
            None => part.into(),
        }
    }

    /// A number.
    pub fn number(&self) -> Result<f64, Rejection> {
        serde_json::from_str(self.text()).map_err(|_| self.wrong("a number"))
    }

    /// A whole number from 0.
    pub fn count(&self) -> Result<u64, Rejection> {
        serde_json::from_str(self.text()).map_err(|_| self.wrong("a whole number from 0"))
    }

    /// A whole number.
    pub fn integer(&self) -> Result<i64, Rejection> {
        serde_json::from_str(self.text()).map_err(|_| self.wrong("a whole number"))
    }

    /// True or false.
    pub fn boolean(&self) -> Result<bool, Rejection> {
        serde_json::from_str(self.text()).map_err(|_| self.wrong("true or false"))
    }

    /// The elements of an array; [`Path::Index`] gives each its place.
    pub fn array(&self) -> Result<Vec<&'a RawValue>, Rejection> {
        serde_json::from_str(self.text()).map_err(|_| self.wrong("an array"))
    }

    /// The fields of an object.
    pub fn object(&self) -> Result<Object<'a, 'p>, Rejection> {
        let Fields(fields) =
            serde_json::from_str(self.text()).map_err(|_| self.wrong("an object"))?;
        Ok(Object {
            fields,
            path: self.path,
        })
    }

    /// "Expected a string, got a number", with the place.
    pub fn wrong(&self, expected: &str) -> Rejection {
        let got = match self.text().as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        invalid(self.path, format!("expected {expected}, got {got}"))
    }

    /// A rejection of this value, with its place.
    pub fn invalid(&self, message: impl fmt::Display) -> Rejection {
        invalid(self.path, message)
    }
}

/// The fields of an object that nobody has taken yet.
#[derive(Clone, Debug, Default)]
pub struct Object<'a, 'p> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Its place.
    pub path: Path<'p>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// Parses a whole body, with which payloads are shared.
    ///
    /// # Errors
    /// An invalid-request rejection when it is not a JSON object.
    pub fn of_body(body: &'a Bytes) -> Result<Object<'a, 'a>, Rejection> {
        let path = Path::Body(body);
        Ok(Object {
            path,
            ..Object::parse(body)?
        })
    }

    /// Parses a JSON text.
    ///
    /// # Errors
    /// An invalid-request rejection when it is not a JSON object.
    pub fn parse(body: &'a [u8]) -> Result<Object<'a, 'static>, Rejection> {
        let not_json = |error| {
            Rejection::invalid(format!(
                "The request body is not a valid JSON object: {error}."
            ))
        };
        let Fields(fields) = serde_json::from_slice(body).map_err(not_json)?;
        Ok(Object {
            fields,
            path: Path::Root,
        })
    }

    /// Takes a field's JSON out; `None` when it is absent or null. Its place is
    /// `Path::Field(&object.path, key)`.
    pub fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(name, _)| name == key)?;
        let (_, raw) = self.fields.swap_remove(at);
        (raw.get() != "null").then_some(raw)
    }

    /// Takes a field out and reads it with `read`, given its place; `None` when absent or null.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value<'a, '_>) -> Result<T, Rejection>,
    ) -> Result<Option<T>, Rejection> {
        let path = self.path;
        self.take(key)
            .map(|raw| read(Value::new(raw, Path::Field(&path, key))))
            .transpose()
    }

    /// The same, for a field that must be there.
    ///
    /// # Errors
    /// What `read` returns, or an invalid-request rejection that names the missing field.
    pub fn require<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value<'a, '_>) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let path = self.path;
        self.read(key, read)?
            .ok_or_else(|| invalid(Path::Field(&path, key), "this field is required"))
    }

    /// Takes a string field out.
    ///
    /// # Errors
    /// An invalid-request rejection that names it.
    pub fn read_string(&mut self, key: &str) -> Result<Option<String>, Rejection> {
        self.read(key, |v| v.string().map(Cow::into_owned))
    }

    /// Takes a string field out that must be there.
    ///
    /// # Errors
    /// An invalid-request rejection that names it.
    pub fn require_string(&mut self, key: &str) -> Result<String, Rejection> {
        self.require(key, |v| v.string().map(Cow::into_owned))
    }

    /// The same fields by the names that `rename` gives them; `None` leaves one as it is.
    #[must_use]
    pub fn renamed(mut self, rename: impl Fn(&str) -> Option<String>) -> Object<'a, 'p> {
        for (key, _) in &mut self.fields {
            if let Some(name) = rename(key) {
                *key = Cow::Owned(name);
            }
        }
        self
    }

    /// The fields that nobody took; in the order of the text when none was taken.
    pub fn into_fields(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.fields
    }

    /// Notes a taken field as lost.
    pub fn lose(&mut self, key: &str, reason: &'static str, losses: &mut Losses) {
        if self.take(key).is_some() {
            losses.add(Path::Field(&self.path, key).to_string(), reason);
        }
    }

    /// Notes every field that nobody took as lost, but for nulls.
    pub fn lose_rest(self, reason: &'static str, losses: &mut Losses) {
        for (key, raw) in &self.fields {
            if raw.get() != "null" {
                losses.add(Path::Field(&self.path, key).to_string(), reason);
            }
        }
    }
}

fn invalid(path: Path<'_>, message: impl fmt::Display) -> Rejection {
    let place = path.to_string();
    Rejection::invalid(format!("`{place}`: {message}.")).with_param(place)
}

/// Deserialises an object into its fields, values untouched. A repeated key keeps its last value.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(8);
        while let Some((Key(key), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            fields.push((key, raw));
        }
        if repeats(&fields) {
            // A set, because a hostile object has fields by the million.
            let mut seen = BTreeSet::new();
            fields.reverse();
            fields.retain(|(key, _)| seen.insert(key.clone()));
            fields.reverse();
        }
        Ok(Fields(fields))
    }
}

/// Whether some key may stand twice: known for the few fields that an object usually has.
fn repeats(fields: &[(Cow<'_, str>, &RawValue)]) -> bool {
    let (few, more) = fields.split_at(fields.len().min(24));
    let stands_before = |(at, (key, _)): (usize, &(Cow<'_, str>, _))| {
        few[..at].iter().any(|(other, _)| other == key)
    };
    !more.is_empty() || few.iter().enumerate().any(stands_before)
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place_of_a_wrong_field() {
        let body = br#"{"messages":[{"content":"a"},{"content":[{"text":5}]}]}"#;
        let mut object = Object::parse(body).unwrap();
        let rejection = object
            .read("messages", |messages| {
                let second = messages.array()?[1];
                let at = Path::Index(&messages.path, 1);
                Value::new(second, at).object()?.read("content", |content| {
                    let first = content.array()?[0];
                    let at = Path::Index(&content.path, 0);
                    Value::new(first, at).object()?.require_string("text")
                })
            })
            .unwrap_err();
        assert_eq!(
            rejection.param.as_deref(),
            Some("messages[1].content[0].text")
        );
        assert_eq!(
            rejection.message,
            "`messages[1].content[0].text`: expected a string, got a number."
        );
    }

    #[test]
    fn what_nobody_took_is_lost_but_nulls() {
        let mut object = Object::parse(br#"{"a":1,"b":null,"c":{}}"#).unwrap();
        assert_eq!(object.take("a").unwrap().get(), "1");
        let mut losses = Losses::default();
        object.lose_rest("unknown", &mut losses);
        let fields: Vec<_> = losses.iter().map(|l| l.field.as_str()).collect();
        assert_eq!(fields, ["c"]);
    }

    /// Quadratic work would not come to an end here.
    #[test]
    fn of_very_many_fields_the_last_of_each_name_counts() {
        let fields: String = (0..500_000).map(|n| format!("\"{n}\":0,")).collect();
        let body = format!("{{{fields}\"7\":1}}");
        let mut object = Object::parse(body.as_bytes()).unwrap();
        assert_eq!(object.take("7").unwrap().get(), "1");
        assert_eq!(object.into_fields().len(), 499_999);
    }
}
