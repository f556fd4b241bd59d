//! Answers about objects: which ids are new, which batches are over, and which part of a list is the
//! tenant's.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;
use weir_dialect::json::splice::Splices;
use weir_dialect::json::{scan, write};
use weir_store::Object;

use super::ids::seal_answer;

/// A page of a list.
pub(super) struct Page {
    items: Vec<(Range<usize>, String)>,
    has_more: bool,
    /// Where the ids of the first and the last item are repeated.
    ends: [Option<Range<usize>>; 2],
}

impl Page {
    /// Reads a page; `None` for what is none.
    pub(super) fn read(body: &[u8]) -> Option<Page> {
        let data = scan::find_field(body, "data").filter(|data| body[data.start] == b'[')?;
        let item = |place: Range<usize>| {
            let item = &body[place.clone()];
            let id = scan::string(&item[scan::find_field(item, "id")?])?.into_owned();
            Some((place, id))
        };
        let items: Option<Vec<_>> = scan::elements(body, data).map(item).collect();
        let has_more = scan::find_field(body, "has_more").map(|place| &body[place]);
        Some(Page {
            items: items?,
            has_more: has_more == Some(b"true"),
            ends: ["first_id", "last_id"].map(|key| scan::find_field(body, key)),
        })
    }

    /// The vendor's ids.
    pub(super) fn ids(&self) -> Vec<String> {
        self.items.iter().map(|(_, id)| id.clone()).collect()
    }

    /// The query of the next page, if there is one.
    pub(super) fn next(&self, query: &str, cursor: &str) -> Option<String> {
        let (_, last) = self.items.last().filter(|_| self.has_more)?;
        let pairs = query.trim_start_matches('?').split('&');
        let is_cursor = |pair: &str| pair.starts_with("after") || pair.starts_with("before");
        if pairs.clone().any(|pair| pair.starts_with("before")) {
            return None;
        }
        let kept = pairs.filter(|pair| !pair.is_empty() && !is_cursor(pair));
        let cursor = format!("{cursor}={last}");
        let all: Vec<&str> = kept.chain([cursor.as_str()]).collect();
        Some(format!("?{}", all.join("&")))
    }

    /// The items of the tenant's.
    pub(super) fn owned(&self, body: &[u8], owned: &HashSet<String>) -> Vec<Value> {
        let mine = self.items.iter().filter(|(_, id)| owned.contains(id));
        mine.filter_map(|(place, _)| serde_json::from_slice(&body[place.clone()]).ok())
            .collect()
    }

    /// The edits that leave what is the tenant's, under its own ids.
    pub(super) fn edits(
        &self,
        body: &[u8],
        owned: &HashSet<String>,
        seal: &dyn Fn(&str) -> String,
    ) -> Splices {
        let mut edits = Splices::default();
        let kept = |id: &String| owned.contains(id);
        edits.remove(
            self.items
                .iter()
                .map(|(place, id)| (place.clone(), !kept(id))),
        );
        for (place, _) in self.items.iter().filter(|(_, id)| kept(id)) {
            let sealed = seal_answer(seal, &body[place.clone()]);
            edits.extend(sealed.shifted(place.start));
        }
        let mut mine = self
            .items
            .iter()
            .filter(|(_, id)| kept(id))
            .map(|(_, id)| id);
        let first = mine.next();
        let last = mine.next_back().or(first);
        for (end, id) in self.ends.iter().zip([first, last]) {
            if let Some(end) = end {
                let id = id.map_or(b"null".to_vec(), |id| write::string(&seal(id)));
                edits.replace(end.clone(), id);
            }
        }
        edits
    }
}

/// The objects that answers tell of: what was made, and the files that a batch has put out.
pub(super) fn made(answers: &[Value], is_new: bool) -> Vec<Object> {
    let object = |id: &str, batch: Option<&str>| Object {
        id: id.to_owned(),
        batch: batch.map(str::to_owned),
    };
    let mut found = Vec::new();
    for answer in answers {
        if is_new {
            let ids = [&answer["id"], &answer["file"]["id"]];
            found.extend(ids.iter().filter_map(|id| Some(object(id.as_str()?, None))));
        }
        if answer["object"] == "batch" {
            let files = ["output_file_id", "error_file_id"].map(|key| answer[key].as_str());
            let files = files.into_iter().flatten();
            found.extend(files.map(|file| object(file, answer["id"].as_str())));
        }
    }
    found
}
