//! What this API stores between calls, for upstreams that do not: responses with their input, and
//! conversations. What a request refers to is put into its `input`, so that nobody behind needs to
//! know; instructions are not inherited.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use weir_model::{IdMint, Json, Rejection, Request};

use crate::Head;
use crate::json::splice::Splices;
use crate::json::{scan, write};
use crate::openai::head::value;

/// What a request says of stored things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The response that it continues.
    pub previous: Option<String>,
    /// The conversation that it belongs to.
    pub conversation: Option<String>,
    /// Whether its response shall be stored.
    pub store: bool,
    /// Whether it shall be answered later.
    pub background: bool,
}

impl References {
    /// Reads them from the head of a request.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field.
    pub fn read(head: &Head<'_>) -> Result<References, Rejection> {
        let given = |name| value(head.body, &head.fields, name);
        let string = |name| {
            given(name)
                .map(|v| Ok(v.string()?.into_owned()))
                .transpose()
        };
        let conversation = given("conversation").map(|v| match v.is_string() {
            true => Ok(v.string()?.into_owned()),
            false => v.object()?.require_string("id"),
        });
        let flag = |name| given(name).map(|v| v.boolean()).transpose();
        let references = References {
            previous: string("previous_response_id")?,
            conversation: conversation.transpose()?,
            store: flag("store")?.unwrap_or(true),
            background: flag("background")?.unwrap_or(false),
        };
        if references.previous.is_some() && references.conversation.is_some() {
            let message = "`previous_response_id` and `conversation` exclude each other.";
            return Err(Rejection::invalid(message).with_param("conversation"));
        }
        Ok(references)
    }

    /// Whether it continues anything.
    pub fn continues(&self) -> bool {
        self.previous.is_some() || self.conversation.is_some()
    }

    /// Adds what was taken out of a request to what its answer repeats of it.
    pub fn repeat(&self, request: &mut Request) {
        let mut fields = Vec::new();
        if let Some(id) = &self.previous {
            fields.push(format!("\"previous_response_id\":{}", quoted(id)));
        }
        if let Some(id) = &self.conversation {
            fields.push(format!("\"conversation\":{{\"id\":{}}}", quoted(id)));
        }
        let echo = request.echo.as_ref().map_or("{}", Json::get);
        if let (false, Some(open)) = (fields.is_empty(), echo.strip_suffix('}')) {
            let comma = if open.len() > 1 { "," } else { "" };
            request.echo = Json::parse(format!("{open}{comma}{}}}", fields.join(",")));
        }
    }
}

fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&write::string(text)).into_owned()
}

/// A stored response, or where it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// It is here.
    Here(Turn),
    /// A provider has it.
    There(Home),
}

/// A response and what led to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Turn {
    /// The response that it continued.
    pub previous: Option<String>,
    /// The items of its own request, each with an id.
    pub input: Vec<Json>,
    /// The response as the client saw it.
    pub response: Json,
}

/// Where a response is that a provider made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// The name of the provider's entry.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// The client's name of it.
    pub public: String,
    /// Whether it is made in the background, and what it used was not told yet.
    pub pending: bool,
}

impl Stored {
    /// For the store.
    pub fn to_bytes(&self) -> Bytes {
        write::to_vec(self).into()
    }

    /// From the store.
    pub fn from_bytes(bytes: &[u8]) -> Option<Stored> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Turn {
    /// What was said in it, for the input of another request.
    pub fn said(&self) -> Vec<Json> {
        said(self.input.clone(), self.response.get().as_bytes())
    }
}

/// A conversation that many requests share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conversation {
    /// When it was made, in seconds since the Unix epoch.
    pub created_at: i64,
    /// The client's labels, an object.
    pub metadata: Json,
    /// What was said, each item with an id.
    pub items: Vec<Json>,
}

impl Conversation {
    /// From the store.
    pub fn from_bytes(bytes: &[u8]) -> Option<Conversation> {
        serde_json::from_slice(bytes).ok()
    }

    /// For the store.
    pub fn to_bytes(&self) -> Bytes {
        write::to_vec(self).into()
    }

    /// What was said in it, for the input of a request.
    pub fn said(&self) -> Vec<Json> {
        said(self.items.clone(), b"{}")
    }

    /// As a client sees it.
    pub fn shown(&self, id: &str) -> Vec<u8> {
        write::to_vec(&json!({
            "id": id, "object": "conversation", "created_at": self.created_at,
            "metadata": self.metadata,
        }))
    }
}

/// What was said in some items and the answer to them, as whoever did not store them can be told.
pub fn said(items: Vec<Json>, response: &[u8]) -> Vec<Json> {
    let all = items.into_iter().chain(output(response));
    all.filter(can_be_said).map(nameless).collect()
}

/// An item without its id, where that names only what is stored.
fn nameless(item: Json) -> Json {
    const NAMED: [&[u8]; 6] = [
        b"\"message\"",
        b"\"reasoning\"",
        b"\"function_call\"",
        b"\"function_call_output\"",
        b"\"custom_tool_call\"",
        b"\"custom_tool_call_output\"",
    ];
    let text = Bytes::copy_from_slice(item.get().as_bytes());
    let Some(fields) = scan::top_level_of_answer(&text) else {
        return item;
    };
    if !fields
        .get(&text, "type")
        .is_some_and(|kind| NAMED.contains(&kind))
    {
        return item;
    }
    let mut splices = Splices::default();
    splices.remove_fields(&fields, |index| {
        &text[fields.fields[index].key.clone()] == b"id"
    });
    let nameless = splices.apply(&text);
    let nameless = str::from_utf8(&nameless).ok().and_then(Json::parse);
    nameless.unwrap_or(item)
}

/// Whether an item means anything to whoever did not make it: a thought without its proof is only a
/// name of something stored.
fn can_be_said(item: &Json) -> bool {
    let item = item.get().as_bytes();
    let is = |key: &str, text: &str| {
        let place = scan::find_field(item, key);
        place.is_some_and(|place| &item[place] == text.as_bytes())
    };
    let proof = scan::find_field(item, "encrypted_content");
    !is("type", "\"reasoning\"") || proof.is_some_and(|place| &item[place] != b"null")
}

/// The items of an answer's output.
pub fn output(response: &[u8]) -> Vec<Json> {
    let Some(place) = scan::find_field(response, "output") else {
        return Vec::new();
    };
    elements(response, place)
}

fn elements(body: &[u8], place: std::ops::Range<usize>) -> Vec<Json> {
    let texts = scan::elements(body, place).filter_map(|item| str::from_utf8(&body[item]).ok());
    texts.filter_map(Json::parse).collect()
}

/// The response that the frame of a stream holds whole, where it is the last.
pub fn finished(data: &[u8]) -> Option<&[u8]> {
    const LAST: [&[u8]; 4] = [
        b"\"response.completed\"",
        b"\"response.incomplete\"",
        b"\"response.failed\"",
        b"\"response.cancelled\"",
    ];
    let kind = scan::find_field(data, "type")?;
    let response = scan::find_field(data, "response")?;
    LAST.contains(&&data[kind]).then(|| &data[response])
}

/// The id of a response.
pub fn id(response: &[u8]) -> Option<String> {
    let place = scan::find_field(response, "id")?;
    scan::string(&response[place]).map(|id| id.into_owned())
}

/// What a request says itself, as items that have ids and say all that a client may leave out.
pub fn input(head: &Head<'_>, ids: &IdMint) -> Vec<Json> {
    let items = match value(head.body, &head.fields, "input") {
        Some(input) if input.is_string() => {
            vec![json!({ "role": "user", "content": input.string().unwrap_or_default() })]
        }
        Some(input) => serde_json::from_str(input.text()).unwrap_or_default(),
        None => Vec::new(),
    };
    with_ids(items, ids)
}

/// Items with ids, and with all that a client may leave out.
pub fn named(items: &[&RawValue], ids: &IdMint) -> Vec<Json> {
    let read = |item: &&RawValue| serde_json::from_str(item.get()).ok();
    with_ids(items.iter().filter_map(read).collect(), ids)
}

fn with_ids(items: Vec<Value>, ids: &IdMint) -> Vec<Json> {
    let whole = items.into_iter().filter(Value::is_object).map(|mut item| {
        if item["type"].is_null() {
            item["type"] = "message".into();
        }
        if item["type"] == "message" {
            complete(&mut item);
        }
        if !item["id"].is_string() {
            item["id"] = ids
                .mint(prefix(item["type"].as_str().unwrap_or_default()))
                .into();
        }
        Json::from(&item)
    });
    whole.collect()
}

fn complete(message: &mut Value) {
    let kind = match message["role"].as_str() {
        Some("assistant") => "output_text",
        _ => "input_text",
    };
    if message["status"].is_null() {
        message["status"] = "completed".into();
    }
    if message["content"].is_string() {
        let mut part = json!({ "type": kind, "text": message["content"].take() });
        if kind == "output_text" {
            part["annotations"] = json!([]);
        }
        message["content"] = json!([part]);
    }
}

/// How the ids of items begin.
fn prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg_",
        "reasoning" => "rs_",
        "function_call" => "fc_",
        "function_call_output" => "fco_",
        "custom_tool_call" => "ctc_",
        "custom_tool_call_output" => "ctco_",
        _ => "item_",
    }
}

/// The request with what was said before in its input, and without the reference to it.
pub fn expanded(body: &Bytes, head: &Head<'_>, before: &[Json]) -> Bytes {
    let own = head.fields.find(body, "input");
    let mut items: Vec<&str> = before.iter().map(Json::get).collect();
    let said = match own.map(|span| &body[span.value.clone()]) {
        Some(text) if text.starts_with(b"\"") => {
            let text = String::from_utf8_lossy(text);
            Some(format!(
                "{{\"type\":\"message\",\"role\":\"user\",\"content\":{text}}}"
            ))
        }
        Some(list) if list.starts_with(b"[") => {
            let inner = list[1..list.len() - 1].trim_ascii();
            (!inner.is_empty()).then(|| String::from_utf8_lossy(inner).into_owned())
        }
        _ => None,
    };
    items.extend(said.as_deref());
    let input = format!("[{}]", items.join(","));
    let mut edits = Splices::default();
    match own {
        Some(span) => edits.replace(span.value.clone(), input),
        None => edits.append_field(&head.fields, &format!("\"input\":{input}")),
    }
    edits.remove_fields(&head.fields, |index| {
        let key = &body[head.fields.fields[index].key.clone()];
        matches!(key, b"previous_response_id" | b"conversation")
    });
    edits.apply(body)
}

/// A page of a list, as clients ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The id of the item after which it begins.
    pub after: Option<&'a str>,
    /// At most so many items.
    pub limit: usize,
    /// Whether the oldest comes first.
    pub ascending: bool,
}

/// The items of a page.
///
/// # Errors
/// An invalid-request rejection when no item has the id after which it shall begin.
pub fn page(items: &[Json], page: Page<'_>) -> Result<Vec<u8>, Rejection> {
    let ordered: Vec<&Json> = match page.ascending {
        true => items.iter().collect(),
        false => items.iter().rev().collect(),
    };
    let has = |item: &&Json, wanted: &str| id(item.get().as_bytes()).as_deref() == Some(wanted);
    let from = match page.after {
        None => 0,
        Some(after) => {
            let at = ordered.iter().position(|item| has(item, after));
            let unknown = || {
                Rejection::invalid(format!("No item with id '{after}' found.")).with_param("after")
            };
            at.ok_or_else(unknown)? + 1
        }
    };
    let rest = &ordered[from..];
    let shown = &rest[..rest.len().min(page.limit)];
    let name = |item: Option<&&Json>| item.and_then(|item| id(item.get().as_bytes()));
    Ok(write::to_vec(&json!({
        "object": "list",
        "data": shown,
        "first_id": name(shown.first()),
        "last_id": name(shown.last()),
        "has_more": shown.len() < rest.len(),
    })))
}

/// The answer to the removal of a thing of this kind.
pub fn deleted(id: &str, object: &str) -> Vec<u8> {
    write::to_vec(&json!({ "id": id, "object": object, "deleted": true }))
}

#[cfg(test)]
mod tests;
