//! Text to tree, by way of a YAML 1.2 event parser. Follows aliases and `<<` merges; refuses
//! keys written twice, tags of its own, and texts that grow beyond bounds. Never reads types.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{self, Event, Marker, Parser, ScalarStyle, Span};

use super::{Document, Entry, Environment, Fault, Kind, Node, Place, Spot, expand::expand};

/// The longest text that is read, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// The most nodes that a text may stand for, aliases followed.
const MOST_NODES: u32 = 200_000;

/// Reads `text` and expands its variables. Missing ones are faults of the document; the error is
/// the first mistake that leaves no tree.
pub(crate) fn parse(text: &str, env: &Environment) -> Result<Document, Fault> {
    let start = Place { line: 1, column: 1 };
    if text.len() > MOST_BYTES {
        let message = format!("is larger than {MOST_BYTES} bytes");
        return Err(fault(start, message));
    }
    let mut builder = Builder {
        env,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        next_id: 0,
        secrets: Vec::new(),
        faults: Vec::new(),
    };
    builder.read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let root = builder.root.take();
    Ok(Document {
        root: root.unwrap_or_else(|| builder.node(start, Kind::Null)),
        secrets: builder.secrets,
        faults: builder.faults,
    })
}

fn fault(place: Place, message: impl Into<String>) -> Fault {
    Fault {
        at: Spot::Place(place),
        message: message.into(),
    }
}

fn place(mark: &Marker) -> Place {
    Place {
        line: mark.line(),
        column: mark.col() + 1,
    }
}

/// A collection that is not closed yet, with the anchor that names it.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    /// The entries so far, and the key that waits for its value.
    Map(Vec<Entry>, Option<(String, Place)>),
}

struct Builder<'a> {
    env: &'a Environment,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    next_id: u32,
    secrets: Vec<String>,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let options = granit_parser::options! { emit_comments: false };
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) =
                next.map_err(|e| fault(place(e.marker()), format!("not YAML: {}", e.info())))?;
            self.event(event, &span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let at = place(&span.start);
        if event.tag().is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(fault(at, "tags are not supported"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, at),
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.begin(at, anchor, Content::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open {
                    place,
                    anchor,
                    content,
                }) => {
                    let kind = match content {
                        Content::List(items) => Kind::List(items),
                        Content::Map(entries, _) => Kind::Map(merged(entries, place)?),
                    };
                    let node = self.node(place, kind);
                    self.finish(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(_) if self.wants_key() => Err(fault(at, "an alias cannot be a key")),
                Some(node) => self.finish(node.clone(), 0),
                None => Err(fault(at, "the alias stands inside what it names")),
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(fault(at, "a second document: only one is read"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Fault> {
        if self.wants_key() {
            return Err(fault(place, "a key must be a text"));
        }
        self.open.push(Open {
            place,
            anchor,
            content,
        });
        Ok(())
    }

    fn wants_key(&self) -> bool {
        let content = self.open.last().map(|open| &open.content);
        matches!(content, Some(Content::Map(_, None)))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        at: Place,
    ) -> Result<(), Fault> {
        if let Some(Open {
            content: Content::Map(_, key @ None),
            ..
        }) = self.open.last_mut()
        {
            *key = Some((text.to_owned(), at));
            return Ok(());
        }
        let plain = style == ScalarStyle::Plain;
        let is_null = plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        let expanded = expand(text, self.env, &mut self.secrets);
        let kind = match &expanded {
            // A variable with an empty default is a way to leave a key out.
            Ok(value) if is_null || (value.is_empty() && !text.is_empty()) => Kind::Null,
            Ok(value) => Kind::Scalar(value.clone().into_owned()),
            Err(_) => Kind::Scalar(String::new()),
        };
        let node = self.node(at, kind);
        if let Err(message) = expanded {
            self.faults.push(Fault {
                at: Spot::Id(node.id),
                message,
            });
        }
        self.finish(node, anchor)
    }

    fn node(&mut self, place: Place, kind: Kind) -> Rc<Node> {
        let inner = match &kind {
            Kind::List(items) => items.iter().fold(0, |n: u32, i| n.saturating_add(i.size)),
            Kind::Map(all) => all
                .iter()
                .fold(0, |n: u32, e| n.saturating_add(e.value.size)),
            Kind::Null | Kind::Scalar(_) => 0,
        };
        Rc::new(Node {
            id: self.fresh_id(),
            place,
            size: inner.saturating_add(1),
            kind,
        })
    }

    fn fresh_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// Puts a complete value where it belongs.
    fn finish(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Fault> {
        if node.size > MOST_NODES {
            return Err(fault(
                node.place,
                format!("stands for more than {MOST_NODES} values"),
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let id = self.fresh_id();
        match self.open.last_mut().map(|open| &mut open.content) {
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, key)) => {
                if let Some((key, place)) = key.take() {
                    entries.push(Entry {
                        id,
                        place,
                        key,
                        value: node,
                    });
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

/// The entries of a map with its `<<` replaced by what it names; keys written beside it win.
fn merged(mut entries: Vec<Entry>, at: Place) -> Result<Vec<Entry>, Fault> {
    let mut lines = HashMap::new();
    for Entry { key, place, .. } in &entries {
        if let Some(line) = lines.insert(key.clone(), place.line) {
            let message = format!("key `{key}` is written twice, first on line {line}");
            return Err(fault(*place, message));
        }
    }
    let Some(merge) = entries.iter().position(|e| e.key == "<<") else {
        return Ok(entries);
    };
    let merge = entries.remove(merge).value;
    let maps = match &merge.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(&merge),
    };
    for map in maps {
        let Kind::Map(inherited) = &map.kind else {
            return Err(fault(at, "`<<` takes a mapping or a list of mappings"));
        };
        for entry in inherited {
            if lines.insert(entry.key.clone(), entry.place.line).is_none() {
                entries.push(entry.clone());
            }
        }
    }
    Ok(entries)
}
