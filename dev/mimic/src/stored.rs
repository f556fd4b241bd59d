//! The responses that OpenAI stores, by the key that made them: what continues one, what is asked
//! of one, and what is made in the background.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/responses/get> and its siblings. A response
//! of the background is under way the first time that it is asked for, and complete the second.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use weir_sim::Reply;

use crate::{
    openai::check_key,
    openai_responses::check_calls,
    refusal::{Checked, Refusal},
};

const MAX_STORED: usize = 1024;

/// What is stored.
#[derive(Default)]
pub(crate) struct Stored(Mutex<BTreeMap<(String, String), Entry>>);

struct Entry {
    input: Vec<Value>,
    response: Value,
    /// How often it is still under way when it is asked for.
    under_way: u32,
}

fn missing(what: &str, id: &str) -> Refusal {
    Refusal::invalid(format!("{what} with id '{id}' not found."))
}

fn key(headers: &HeaderMap) -> String {
    let value = headers.get("authorization").and_then(|v| v.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What a request says itself, as items.
fn items(input: &Value) -> Vec<Value> {
    match input {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        text => vec![json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}]})],
    }
}

impl Stored {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<(String, String), Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what a request continues into its input.
    pub(crate) fn recall(&self, headers: &HeaderMap, body: &mut Value) -> Checked {
        if let Some(id) = body["conversation"].as_str() {
            return Err(missing("Conversation", id).with_kind(404, "invalid_request_error"));
        }
        let Some(id) = body["previous_response_id"].as_str().map(str::to_owned) else {
            return Ok(());
        };
        let entries = self.entries();
        let Some(entry) = entries.get(&(key(headers), id.clone())) else {
            return Err(missing("Previous response", &id)
                .param("previous_response_id")
                .code("previous_response_not_found"));
        };
        let output = entry.response["output"].as_array().cloned();
        let before = entry
            .input
            .iter()
            .cloned()
            .chain(output.unwrap_or_default());
        let said: Vec<Value> = before.chain(items(&body["input"])).collect();
        check_calls(&said)?;
        body["input"] = said.into();
        Ok(())
    }

    /// Stores what a request was answered with; in the background, the answer is another one.
    pub(crate) fn keep(&self, headers: &HeaderMap, body: &Value, reply: Reply) -> Checked<Reply> {
        let store = body["store"] != false;
        let background = body["background"] == true;
        if background && !store {
            let message = "The 'background' parameter requires 'store' to be true.";
            return Err(Refusal::invalid(message).param("background"));
        }
        if !store || reply.status != 200 {
            return Ok(reply);
        }
        let bytes: Vec<u8> = reply
            .steps
            .iter()
            .flat_map(|step| step.bytes.to_vec())
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        let last = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data: "));
        let mut response: Value = match last {
            Some(frame) => {
                serde_json::from_str::<Value>(frame).unwrap_or_default()["response"].take()
            }
            None => serde_json::from_str(&text).unwrap_or_default(),
        };
        let Some(id) = response["id"].as_str().map(str::to_owned) else {
            return Ok(reply);
        };
        response["background"] = background.into();
        let shown = background && last.is_none();
        let queued = under_way(&response, "queued");
        let mut entries = self.entries();
        if entries.len() == MAX_STORED {
            entries.pop_first();
        }
        let entry = Entry {
            input: items(&body["input"]),
            response,
            under_way: u32::from(shown),
        };
        entries.insert((key(headers), id), entry);
        Ok(match shown {
            true => Reply::json(200, queued.to_string()),
            false => reply,
        })
    }

    /// Answers what is asked of a stored response; `None` when the path asks for something else.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Option<Checked<Reply>> {
        let mut steps = path.strip_prefix("/v1/responses/")?.split('/');
        let (id, part) = (steps.next()?, steps.next());
        if matches!(id, "input_tokens" | "compact") {
            return None;
        }
        let asked = match (method.as_str(), part) {
            ("GET", None) => "get",
            ("DELETE", None) => "delete",
            ("POST", Some("cancel")) => "cancel",
            ("GET", Some("input_items")) => "items",
            _ => return None,
        };
        Some(
            check_key(headers)
                .and_then(|()| self.asked(asked, (key(headers), id.to_owned()), query)),
        )
    }

    fn asked(&self, asked: &str, name: (String, String), query: &str) -> Checked<Reply> {
        let mut entries = self.entries();
        let unknown = || missing("Response", &name.1).with_kind(404, "invalid_request_error");
        let entry = entries.get_mut(&name).ok_or_else(unknown)?;
        let body = match asked {
            "get" if query.contains("stream=true") => return replay(entry, query),
            "get" if entry.under_way > 0 => {
                entry.under_way -= 1;
                under_way(&entry.response, "in_progress")
            }
            "get" => entry.response.clone(),
            "cancel" if entry.response["background"] != true => {
                return Err(Refusal::invalid("Cannot cancel a synchronous response."));
            }
            "cancel" => {
                if std::mem::take(&mut entry.under_way) > 0 {
                    entry.response = under_way(&entry.response, "cancelled");
                }
                entry.response.clone()
            }
            "items" => {
                let named = entry.input.iter().enumerate().map(|(at, item)| {
                    let mut item = item.clone();
                    item["id"] = format!("msg_{at}").into();
                    item
                });
                let mut items: Vec<Value> = named.collect();
                if !query.contains("order=asc") {
                    items.reverse();
                }
                let (first, last) = (items.first(), items.last());
                let name = |item: Option<&Value>| item.map(|item| item["id"].clone());
                json!({"object": "list", "first_id": name(first), "last_id": name(last),
                    "data": items, "has_more": false})
            }
            _ => {
                entries.remove(&name);
                json!({"id": name.1, "object": "response", "deleted": true})
            }
        };
        Ok(Reply::json(200, body.to_string()))
    }
}

/// A response that is not made yet.
fn under_way(response: &Value, status: &str) -> Value {
    let mut response = response.clone();
    response["status"] = status.into();
    response["output"] = json!([]);
    response["usage"] = Value::Null;
    response
}

/// The end of a background response's stream, from the frame after the one that was seen last.
fn replay(entry: &Entry, query: &str) -> Checked<Reply> {
    if entry.response["background"] != true {
        let message = "Only background responses can be streamed.";
        return Err(Refusal::invalid(message).param("stream"));
    }
    let after = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("starting_after="));
    let after: i64 = after.and_then(|after| after.parse().ok()).unwrap_or(-1);
    let begun = under_way(&entry.response, "in_progress");
    let frames = [
        ("created", &begun),
        ("in_progress", &begun),
        ("completed", &entry.response),
    ];
    let mut text = String::new();
    for (number, (kind, response)) in (0_i64..).zip(frames) {
        if number > after {
            let kind = format!("response.{kind}");
            let frame = json!({"type": kind, "sequence_number": number, "response": response});
            text.push_str(&format!("event: {kind}\ndata: {frame}\n\n"));
        }
    }
    let mut reply = Reply::json(200, text);
    reply.headers = vec![("content-type", "text/event-stream".to_owned())];
    reply.sized = false;
    Ok(reply)
}

/// The answer to `POST /v1/responses/compact`: what the user said, and the rest as one item.
pub(crate) fn compacted(body: &Value) -> Value {
    let said = items(&body["input"]).into_iter();
    let mut output: Vec<Value> = said.filter(|item| item["role"] == "user").collect();
    output.push(json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "compacted"}));
    json!({"id": "resp_compacted", "object": "response.compaction", "created_at": 1_780_000_000,
        "output": output, "usage": {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 10}})
}
