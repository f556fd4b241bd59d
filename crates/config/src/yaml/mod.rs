//! YAML as a tree that remembers where everything stands and how every scalar was spelled, so
//! that amounts are read as decimals and mistakes are reported by line. Never guesses types: the
//! reader asks for what it needs.

mod expand;
mod parse;
mod read;

use std::rc::Rc;

use crate::Environment;

pub(crate) use parse::parse;
pub(crate) use read::read;

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value. Aliases share the node that they name.
pub(crate) struct Node {
    id: u32,
    place: Place,
    /// How many nodes it stands for when aliases are followed.
    size: u32,
    kind: Kind,
}

enum Kind {
    Null,
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value. Its id lies in the same space as those of nodes.
#[derive(Clone)]
struct Entry {
    id: u32,
    place: Place,
    key: String,
    value: Rc<Node>,
}

/// A whole text, its variables expanded.
pub(crate) struct Document {
    root: Rc<Node>,
    /// What was read from the environment and from files: never to be shown.
    pub(crate) secrets: Vec<String>,
    /// Variables that are missing.
    faults: Vec<Fault>,
}

/// A mistake at a node or key.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: Spot,
    pub(crate) message: String,
}

/// Where a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// At a node or key of the tree.
    Id(u32),
    /// At a place in a text that has no tree.
    Place(Place),
    /// Not known yet; whoever knows the node fills it in.
    Unknown,
}

impl Document {
    /// The dotted path and the place of a node or key.
    pub(crate) fn locate(&self, id: u32) -> (String, Place) {
        let mut path = Path::default();
        let place = find(&self.root, self.root.place, id, &mut path);
        (path.to_string(), place.unwrap_or(self.root.place))
    }

    /// Where `path` stands, or the nearest thing around it that is written down.
    pub(crate) fn place_of(&self, path: &Path) -> Place {
        let (mut node, mut place) = (&self.root, self.root.place);
        for step in &path.0 {
            let next = match &node.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .find(|e| e.key == *step)
                    .map(|e| (&e.value, e.value_place())),
                Kind::List(items) => step
                    .strip_prefix('[')
                    .and_then(|s| s.strip_suffix(']')?.parse::<usize>().ok())
                    .and_then(|i| items.get(i))
                    .map(|item| (item, item.place)),
                _ => None,
            };
            let Some((next, at)) = next else { break };
            (node, place) = (next, at);
        }
        place
    }
}

impl Entry {
    /// A scalar is pointed at itself, a collection by its key.
    fn value_place(&self) -> Place {
        match self.value.kind {
            Kind::Scalar(_) => self.value.place,
            _ => self.place,
        }
    }
}

/// Depth first; `path` holds the way to the node that was found, or to the map of a found key.
fn find(node: &Node, place: Place, id: u32, path: &mut Path) -> Option<Place> {
    if node.id == id {
        return Some(place);
    }
    match &node.kind {
        Kind::Map(entries) => entries.iter().find_map(|entry| {
            if entry.id == id {
                return Some(entry.place);
            }
            path.0.push(entry.key.clone());
            find(&entry.value, entry.value_place(), id, path).or_else(|| {
                path.0.pop();
                None
            })
        }),
        Kind::List(items) => items.iter().enumerate().find_map(|(index, item)| {
            path.0.push(format!("[{index}]"));
            find(item, item.place, id, path).or_else(|| {
                path.0.pop();
                None
            })
        }),
        _ => None,
    }
}

/// The way to a value: keys, and list positions as `[0]`. Prints as `models."a-*".targets[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The way by these keys from the top.
    pub(crate) fn of(keys: &[&str]) -> Path {
        Path(keys.iter().map(|&key| key.to_owned()).collect())
    }

    /// One key further.
    pub(crate) fn key(&self, key: &str) -> Path {
        let mut path = self.clone();
        path.0.push(key.to_owned());
        path
    }

    /// One list item further.
    pub(crate) fn index(&self, index: usize) -> Path {
        self.key(&format!("[{index}]"))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        for (depth, step) in self.0.iter().enumerate() {
            let is_index = step.starts_with('[');
            if depth > 0 && !is_index {
                f.write_str(".")?;
            }
            if is_index || (!step.is_empty() && step.chars().all(plain)) {
                f.write_str(step)?;
            } else {
                write!(f, "{step:?}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
