//! Where ids stand: in paths, queries, bodies and answers. Ids of ours become the vendor's on the way
//! up, the vendor's become ours on the way back; a vendor's own id is nobody's here.

use std::ops::Range;

use weir_dialect::json::splice::Splices;
use weir_dialect::json::walk::Walk;
use weir_dialect::json::{scan, write};
use weir_model::{Kind, Rejection, Source};

use super::seal::{Home, Seal};
use crate::models::percent_decoded;

/// Deepest nesting of a body that is looked into.
const MAX_DEPTH: usize = 64;

/// Words of the vendors' paths; any other segment is an id.
const WORDS: [&str; 27] = [
    "files",
    "content",
    "batches",
    "messages",
    "cancel",
    "results",
    "fine_tuning",
    "jobs",
    "events",
    "checkpoints",
    "pause",
    "resume",
    "vector_stores",
    "search",
    "file_batches",
    "uploads",
    "parts",
    "complete",
    "videos",
    "remix",
    "alpha",
    "graders",
    "run",
    "validate",
    "characters",
    "edits",
    "extensions",
];

/// Fields of requests that name an object. Others may as well: what they hold is opened if it is ours.
const NAMING: [&[u8]; 9] = [
    b"file_id",
    b"file_ids",
    b"input_file_id",
    b"training_file",
    b"validation_file",
    b"vector_store_id",
    b"vector_store_ids",
    b"batch_id",
    b"part_ids",
];

/// Parameters of queries that name an object.
const CURSORS: [&str; 4] = ["after", "before", "after_id", "before_id"];

/// The ids of one tenant's request, and the provider where all of them live.
#[derive(Debug)]
pub(super) struct Ids<'a> {
    seal: &'a Seal,
    tenant: &'a str,
    provider: Option<String>,
    /// As the vendor and as the client name them.
    opened: Vec<(String, String)>,
}

impl<'a> Ids<'a> {
    pub(super) fn new(seal: &'a Seal, tenant: &'a str) -> Ids<'a> {
        Ids {
            seal,
            tenant,
            provider: None,
            opened: Vec::new(),
        }
    }

    /// Where the objects live that the request names.
    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The vendor's id that was opened last; in a path, the object that is asked for.
    pub(super) fn last(&self) -> Option<&str> {
        self.opened.last().map(|(id, _)| id.as_str())
    }

    /// The vendor's id behind one of ours; `None` for what is none of ours.
    fn open(&mut self, text: &str) -> Result<Option<String>, Rejection> {
        let Some(opened) = self.seal.open(self.tenant, text) else {
            return Ok(None);
        };
        let Home { provider, id } = opened.map_err(|_| no_such(text))?;
        if *self.provider.get_or_insert_with(|| provider.clone()) != provider {
            let message = "The request names objects of several providers. Use those of one.";
            return Err(Rejection::invalid(message));
        }
        self.opened.push((id.clone(), text.to_owned()));
        Ok(Some(id))
    }

    /// A path below the version, every id of it the vendor's.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's, 400 for what is no plain path.
    pub(super) fn path(&mut self, tail: &str) -> Result<String, Rejection> {
        let mut path = String::with_capacity(tail.len());
        for segment in tail.split('/').skip(1) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
            if segment.trim_matches('.').is_empty() || !segment.bytes().all(plain) {
                return Err(Rejection::invalid("The path has a segment that is no id."));
            }
            path.push('/');
            if WORDS.contains(&segment) {
                path.push_str(segment);
            } else {
                path.push_str(&self.open(segment)?.ok_or_else(|| no_such(segment))?);
            }
        }
        Ok(path)
    }

    /// A query with its question mark, every id of it the vendor's; empty without one.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's.
    pub(super) fn query(&mut self, query: Option<&str>) -> Result<String, Rejection> {
        let mut out = String::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "key" || pair.is_empty() {
                continue;
            }
            out.push(if out.is_empty() { '?' } else { '&' });
            let text = String::from_utf8_lossy(&percent_decoded(value)).into_owned();
            match self.open(&text)? {
                Some(id) => out.push_str(&format!("{name}={id}")),
                None if CURSORS.contains(&name) && !value.is_empty() => return Err(no_such(&text)),
                None => out.push_str(pair),
            }
        }
        Ok(out)
    }

    /// The edits that make every id of ours in a JSON body the vendor's, and leave others alone.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's.
    pub(super) fn ours(&mut self, body: &[u8]) -> Result<Splices, Rejection> {
        let mut splices = Splices::default();
        for (span, _) in strings(body) {
            let text = scan::string(&body[span.clone()]);
            if let Some(id) = text.map(|text| self.open(&text)).transpose()?.flatten() {
                splices.replace(span, write::string(&id));
            }
        }
        Ok(splices)
    }

    /// The same, where a field that names an object may hold nothing but an id of ours.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's.
    pub(super) fn body(&mut self, body: &[u8]) -> Result<Splices, Rejection> {
        let mut splices = Splices::default();
        for (span, key) in strings(body) {
            let Some(text) = scan::string(&body[span.clone()]) else {
                continue;
            };
            if let Some(id) = self.field(key.as_bytes(), &text)? {
                splices.replace(span, write::string(&id));
            }
        }
        Ok(splices)
    }

    /// The vendor's id for a field's value, if it is one of ours.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's.
    pub(super) fn field(&mut self, key: &[u8], text: &str) -> Result<Option<String>, Rejection> {
        let opened = self.open(text)?;
        if opened.is_none() && NAMING.contains(&key) && !text.is_empty() {
            return Err(no_such(text));
        }
        Ok(opened)
    }

    /// A text of the vendor's, with the ids that the client knows.
    pub(super) fn reworded(&self, text: &str) -> String {
        let replace = |text: String, (id, ours): &(String, String)| text.replace(id, ours);
        self.opened.iter().fold(text.to_owned(), replace)
    }
}

/// The refusal of an id that is not one, or not this tenant's: nobody learns which.
fn no_such(id: &str) -> Rejection {
    let id: String = id.chars().take(80).collect();
    let message = format!(
        "There is no object `{id}` here. Use the ids that this gateway gave to a key of the same project."
    );
    Rejection::new(Kind::NotFound, Source::Client, message).with_code("not_found")
}

/// Whether a field of an answer holds the id of an object.
fn is_id(key: &str) -> bool {
    let named = key == "id" || key.ends_with("_id") || key.ends_with("_ids");
    let others = ["training_file", "validation_file", "result_files"];
    let foreign = ["custom_id", "request_id", "organization_id", "workspace_id"];
    (named && !foreign.contains(&key)) || others.contains(&key)
}

/// The edits that make every id in an answer ours.
pub(super) fn seal_answer(seal: &dyn Fn(&str) -> String, body: &[u8]) -> Splices {
    let mut splices = Splices::default();
    for (span, key) in strings(body) {
        let Some(text) = scan::string(&body[span.clone()]).filter(|text| !text.is_empty()) else {
            continue;
        };
        if key == "results_url" {
            let mut segments = text.rsplit('/');
            let (what, id) = (segments.next(), segments.next().unwrap_or_default());
            if what == Some("results") {
                let path = format!("/v1/messages/batches/{}/results", seal(id));
                splices.replace(span, write::string(&path));
            }
        } else if is_id(&key) {
            splices.replace(span, write::string(&seal(&text)));
        }
    }
    splices
}

/// Every string of a body, with the key under which it or its list stands; what the client itself put
/// there for its own use is left out.
fn strings(body: &[u8]) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let _ = Walk::through(body, |walk| value(walk, "", 0, &mut found));
    found
}

fn value(
    walk: &mut Walk<'_>,
    key: &str,
    depth: usize,
    found: &mut Vec<(Range<usize>, String)>,
) -> Option<()> {
    let opaque = matches!(key, "metadata" | "attributes");
    if walk.begins(b'{') && depth < MAX_DEPTH && !opaque {
        return walk.object(|walk, key| {
            let key = String::from_utf8_lossy(key);
            value(walk, &key, depth + 1, found)
        });
    }
    if walk.begins(b'[') && depth < MAX_DEPTH && !opaque {
        return walk.array(|walk| value(walk, key, depth + 1, found));
    }
    let is_text = walk.begins(b'"');
    let span = walk.skip()?;
    if is_text {
        found.push((span, key.to_owned()));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const TENANT: &str = "key/a";

    fn seal() -> Seal {
        Seal::new(&[1; 32])
    }

    #[test]
    fn ids_are_replaced_wherever_they_stand() {
        let seal = seal();
        let ours = |id: &str| seal.seal(TENANT, "up", id);
        let mut ids = Ids::new(&seal, TENANT);
        let (file, batch) = (ours("file-1"), ours("batch_2"));
        let path = ids.path(&format!("/batches/{batch}/cancel")).unwrap();
        assert_eq!(path, "/batches/batch_2/cancel");
        let query = ids.query(Some(&format!("limit=2&key=x&after={file}")));
        assert_eq!(query.unwrap(), "?limit=2&after=file-1");
        let body = format!(
            r#"{{"input_file_id":"{file}","list":[{{"file_ids":["{file}"]}}],"metadata":{{"file_id":"file-x"}}}}"#
        );
        let body = Bytes::from(body);
        let edits = ids.body(&body).unwrap();
        let expected = r#"{"input_file_id":"file-1","list":[{"file_ids":["file-1"]}],"metadata":{"file_id":"file-x"}}"#;
        assert_eq!(edits.apply(&body), expected);
        assert_eq!(ids.provider(), Some("up"));
        assert_eq!(ids.reworded("no file-1"), format!("no {file}"));
        assert!(
            ids.path(&format!("/files/{}", seal.seal(TENANT, "other", "file-3")))
                .is_err()
        );
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let seal = seal();
        let theirs = seal.seal("key/b", "up", "file-1");
        let mut ids = Ids::new(&seal, TENANT);
        for path in [
            "/files/file-1",
            "/files/..",
            "/files/",
            "/files/%2e%2e",
            "/files/a\\b",
        ] {
            assert!(ids.path(path).is_err(), "{path}");
        }
        let foreign = ids.path(&format!("/files/{theirs}")).unwrap_err();
        assert_eq!(foreign.status, 404);
        for body in [
            r#"{"file_id":"file-1"}"#.to_owned(),
            format!(r#"{{"x":"{theirs}"}}"#),
        ] {
            assert_eq!(ids.body(body.as_bytes()).unwrap_err().status, 404, "{body}");
        }
        assert!(ids.query(Some("after=file-1")).is_err());
        assert!(
            ids.body(br#"{"id":"toolu_1","custom_id":"file-1"}"#)
                .is_ok()
        );
    }

    #[test]
    fn answers_name_ours() {
        let body = Bytes::from_static(
            br#"{"id":"msgbatch_1","custom_id":"a","results_url":"https://h/v1/messages/batches/msgbatch_1/results","data":[{"id":"x-1","metadata":{"id":"y"},"error_file_id":null}]}"#,
        );
        let sealed = |id: &str| format!("S({id})");
        let expected = r#"{"id":"S(msgbatch_1)","custom_id":"a","results_url":"/v1/messages/batches/S(msgbatch_1)/results","data":[{"id":"S(x-1)","metadata":{"id":"y"},"error_file_id":null}]}"#;
        assert_eq!(seal_answer(&sealed, &body).apply(&body), expected);
    }
}
