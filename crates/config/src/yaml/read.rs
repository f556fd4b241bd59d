//! Tree to types, through serde. Goes on after a mistake, so that one run reports most of them;
//! names the nearest key or word; never shows the value of a scalar.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer as _, Visitor};

use super::{Document, Entry, Fault, Kind, Node, Spot};
use crate::error::did_you_mean;

/// The most mistakes that one run reports.
const MOST_FAULTS: usize = 50;

/// Reads the whole document as `T`. The faults, at least one, include those of the document.
pub(crate) fn read<T: DeserializeOwned>(document: &Document) -> Result<T, Vec<Fault>> {
    let pass = Pass::default();
    let mut faults = document.faults.clone();
    for fault in &faults {
        if let Spot::Id(id) = fault.at {
            pass.left_out.borrow_mut().insert(id);
        }
    }
    // What is wrong is left out of the next pass, which then finds the next mistake.
    while faults.len() < MOST_FAULTS {
        let value = pass.read(&document.root, PhantomData::<T>);
        faults.append(&mut pass.unknown_keys.borrow_mut());
        match value {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(fault) => {
                let Spot::Id(id) = fault.at else { break };
                if !pass.left_out.borrow_mut().insert(id) {
                    break;
                }
                if !pass.follows_from_another(&document.root, id) {
                    faults.push(fault);
                }
            }
        }
    }
    Err(faults)
}

/// What one run of the reader knows.
#[derive(Default)]
struct Pass {
    /// Ids of nodes and keys that were found wrong.
    left_out: RefCell<HashSet<u32>>,
    unknown_keys: RefCell<Vec<Fault>>,
}

impl Pass {
    /// Reads one node; what is wrong in it, and was not found deeper inside, stands at the node.
    fn read<'de, S: DeserializeSeed<'de>>(&self, node: &Node, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(Reader { node, pass: self })
            .map_err(|fault| match fault.at {
                Spot::Unknown => Fault {
                    at: Spot::Id(node.id),
                    ..fault
                },
                _ => fault,
            })
    }

    fn keeps(&self, id: u32) -> bool {
        !self.left_out.borrow().contains(&id)
    }

    /// Whether the node `id` lost a value to an earlier mistake.
    fn follows_from_another(&self, node: &Node, id: u32) -> bool {
        match &node.kind {
            Kind::Map(entries) if node.id == id => entries.iter().any(|e| !self.keeps(e.value.id)),
            Kind::Map(entries) => entries
                .iter()
                .any(|e| self.follows_from_another(&e.value, id)),
            Kind::List(items) => items.iter().any(|i| self.follows_from_another(i, id)),
            _ => false,
        }
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        fail(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Fault {
        Fault::custom(format_args!("expected {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Fault {
        Fault::custom(format_args!("expected {expected}"))
    }

    fn missing_field(field: &'static str) -> Fault {
        Fault::custom(format_args!("key `{field}` is missing"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    pass: &'a Pass,
}

impl<'a> Reader<'a> {
    fn expected<T>(self, what: &str) -> Result<T, Fault> {
        let found = match &self.node.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a plain value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        };
        Err(fail(format!("expected {what}, found {found}")))
    }

    fn text(self, what: &str) -> Result<&'a str, Fault> {
        match &self.node.kind {
            Kind::Scalar(text) => Ok(text),
            _ => self.expected(what),
        }
    }

    fn entries(self) -> Result<&'a [Entry], Fault> {
        match &self.node.kind {
            Kind::Map(entries) => Ok(entries),
            // A key whose lines are all commented out.
            Kind::Null => Ok(&[]),
            _ => self.expected("a mapping"),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let what = format!("a whole number, at most {}", <$type>::MAX);
            match self.text(&what)?.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(fail(format!("expected {what}"))),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    whole_numbers! {
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let what = "`true` or `false`";
        match self.text(what)?.parse() {
            Ok(flag) => visitor.visit_bool(flag),
            Err(_) => Err(fail(format!("expected {what}"))),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text("a text")?;
        visitor.visit_str(text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items: &[Rc<Node>] = match &self.node.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => return self.expected("a list"),
        };
        visitor.visit_seq(Items {
            rest: items.iter(),
            pass: self.pass,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = self.entries()?;
        visitor.visit_map(Entries {
            rest: entries.iter(),
            value: None,
            known: None,
            pass: self.pass,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = self.entries()?;
        let unknown = entries
            .iter()
            .filter(|e| !fields.contains(&e.key.as_str()) && self.pass.keeps(e.id));
        for entry in unknown {
            self.pass.left_out.borrow_mut().insert(entry.id);
            let hint = did_you_mean(&entry.key, fields.iter().copied());
            self.pass.unknown_keys.borrow_mut().push(Fault {
                at: Spot::Id(entry.id),
                message: format!("unknown key `{}`{hint}", entry.key),
            });
        }
        visitor.visit_map(Entries {
            rest: entries.iter(),
            value: None,
            known: Some(fields),
            pass: self.pass,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let what = one_of(variants);
        let text = self.text(&what)?;
        if !variants.contains(&text) {
            let hint = did_you_mean(text, variants.iter().copied());
            return Err(fail(format!("expected {what}{hint}")));
        }
        let word: StrDeserializer<'_, Fault> = text.into_deserializer();
        visitor.visit_enum(word)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// A mistake at the node that is being read.
fn fail(message: String) -> Fault {
    Fault {
        at: Spot::Unknown,
        message,
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(" or ")
}

struct Items<'a> {
    rest: std::slice::Iter<'a, Rc<Node>>,
    pass: &'a Pass,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let pass = self.pass;
        let next = self.rest.find(|node| pass.keeps(node.id));
        next.map(|node| pass.read(node, seed)).transpose()
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
    /// The keys of a struct; any key of a map.
    known: Option<&'static [&'static str]>,
    pass: &'a Pass,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let (pass, known) = (self.pass, self.known);
        let next = self.rest.find(|entry| {
            pass.keeps(entry.id)
                && pass.keeps(entry.value.id)
                && known.is_none_or(|known| known.contains(&entry.key.as_str()))
        });
        let Some(entry) = next else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| Fault {
            at: Spot::Id(entry.id),
            ..fault
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(node) => self.pass.read(node, seed),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}
