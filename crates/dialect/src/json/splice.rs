//! Edits on a body by byte ranges, so that everything else leaves exactly as it came.

use std::ops::Range;

use bytes::Bytes;

use super::scan::TopLevel;

/// A set of edits on one body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splices(Vec<(Range<usize>, Vec<u8>)>);

impl Splices {
    /// Replaces a range. Ranges must not overlap.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<Vec<u8>>) {
        self.0.push((range, with.into()));
    }

    /// Puts a field at the end of an object that keeps at least one other, or is empty. `field` is
    /// `"key":value` without a comma.
    pub fn append_field(&mut self, top: &TopLevel, field: &str) {
        let comma = if top.fields.is_empty() { "" } else { "," };
        self.replace(top.end..top.end, format!("{comma}{field}"));
    }

    /// Takes fields out of an object, by their index, with the commas that they leave behind.
    pub fn remove_fields(&mut self, top: &TopLevel, gone: impl Fn(usize) -> bool) {
        let fields = top.fields.iter().enumerate();
        // A key's place is without its quotes.
        self.remove(fields.map(|(at, field)| (field.key.start - 1..field.value.end, gone(at))));
    }

    /// Takes members out of a list, with the commas that they leave behind. `members` are the
    /// places of all of them, in order, and whether each goes.
    pub fn remove(&mut self, members: impl Iterator<Item = (Range<usize>, bool)>) {
        let mut kept = None;
        let mut run: Option<Range<usize>> = None;
        for (place, gone) in members {
            let start = run.take().map(|run| run.start);
            if gone {
                run = Some(start.unwrap_or(place.start)..place.end);
                continue;
            }
            if let Some(start) = start {
                self.replace(start..place.start, Vec::new());
            }
            kept = Some(place.end);
        }
        if let Some(run) = run {
            self.replace(kept.unwrap_or(run.start)..run.end, Vec::new());
        }
    }

    /// Adds the edits of another set, which must not overlap with these.
    pub fn extend(&mut self, other: Splices) {
        self.0.extend(other.0);
    }

    /// The same edits on a body that has so many bytes before this one.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Splices {
        for (range, _) in &mut self.0 {
            *range = range.start + by..range.end + by;
        }
        self
    }

    /// Whether there is nothing to edit.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The edited body; the body itself when there is nothing to edit.
    pub fn apply(self, body: &Bytes) -> Bytes {
        if self.0.is_empty() {
            return body.clone();
        }
        let added: usize = self.0.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(body.len() + added);
        for piece in self.pieces(body) {
            out.extend_from_slice(&piece);
        }
        out.into()
    }

    /// The edited body in pieces, none of them empty: what stays is not copied.
    pub fn pieces(mut self, body: &Bytes) -> impl Iterator<Item = Bytes> {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        self.0.push((body.len()..body.len(), Vec::new()));
        let mut at = 0;
        let pieces = self.0.into_iter().flat_map(move |(range, with)| {
            let kept = body.slice(at..range.start);
            at = range.end;
            [kept, with.into()]
        });
        pieces.filter(|piece| !piece.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::scan::top_level;
    use super::*;

    #[test]
    fn no_edit_is_the_same_body() {
        let body = Bytes::from_static(b"{ \"a\" :1}");
        assert_eq!(Splices::default().apply(&body), body);
        assert!(Splices::default().pieces(&body).eq([body.clone()]));
    }

    proptest! {
        #[test]
        fn removed_fields_are_gone_and_the_rest_stays(
            keep in proptest::collection::vec(any::<bool>(), 0..8),
            pad in " {0,2}",
            append in any::<bool>(),
        ) {
            let fields: Vec<String> =
                (0..keep.len()).map(|i| format!("{pad}\"k{i}\"{pad}:{pad}{i}{pad}")).collect();
            let body = Bytes::from(format!("{{{}}}", fields.join(",")));
            let top = top_level(&body).unwrap();
            let mut splices = Splices::default();
            splices.remove_fields(&top, |i| !keep[i]);
            let kept = keep.iter().filter(|k| **k).count();
            if append && kept == keep.len() {
                splices.append_field(&top, "\"z\":0");
            }
            let edited = splices.apply(&body);
            let value: Value = serde_json::from_slice(&edited).unwrap();
            for (i, keep) in keep.iter().enumerate() {
                prop_assert_eq!(value.get(format!("k{i}")).is_some(), *keep);
            }
        }
    }
}
