//! What OpenAI and Anthropic keep: files, batches, jobs, vector stores, uploads, films. One account for
//! everybody who asks, as the vendors have it: lists show all.
//!
//! Batches are over when they are first looked at. Each of their requests has to name a model of the
//! vendor's, and is answered with 10 input and 5 output tokens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};
use weir_sim::Reply;

use crate::form::{parts, text};
use crate::openai::{check_key, missing, not_json};
use crate::refusal::{Checked, Refusal, Vendor};
use crate::{anthropic, rules};

/// The account.
#[derive(Default)]
pub(crate) struct Account(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Oldest first.
    objects: Vec<Object>,
    last: usize,
}

struct Object {
    collection: &'static str,
    value: Value,
    content: Vec<u8>,
}

/// Path, prefix of ids and name of each kind.
const KINDS: [(&str, &str, &str); 6] = [
    ("files", "file-", "file"),
    ("batches", "batch_", "batch"),
    ("fine_tuning/jobs", "ftjob-", "fine_tuning.job"),
    ("vector_stores", "vs_", "vector_store"),
    ("uploads", "upload_", "upload"),
    ("videos", "video_", "video"),
];

/// A request, with what its path says.
struct Asked<'a> {
    method: &'a Method,
    collection: &'static str,
    prefix: &'static str,
    kind: &'static str,
    anthropic: bool,
    id: Option<&'a str>,
    action: Option<&'a str>,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl Account {
    /// The answer, if the path is one of these, and whose manners it has.
    pub(crate) fn answer(
        &self,
        (method, uri): (&Method, &Uri),
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<(Checked<Reply>, Vendor)> {
        let path = uri.path().strip_prefix("/v1/")?;
        let batch = path.strip_prefix("messages/batches");
        let anthropic = batch.is_some() || headers.contains_key("anthropic-version");
        let (collection, prefix, kind, rest) = match batch {
            Some(rest) => ("messages/batches", "msgbatch_", "message_batch", rest),
            None => KINDS.iter().find_map(|(collection, prefix, kind)| {
                Some((*collection, *prefix, *kind, path.strip_prefix(collection)?))
            })?,
        };
        let mut segments = rest.split('/').skip(1);
        let asked = Asked {
            method,
            collection,
            prefix,
            kind,
            anthropic,
            id: segments.next(),
            action: segments.next(),
            query: uri.query().unwrap_or_default(),
            headers,
            body,
        };
        let vendor = if anthropic {
            Vendor::Anthropic
        } else {
            Vendor::OpenAi
        };
        // Only what has a body says of which kind it is.
        let is_post = *method == Method::POST && asked.id.is_none() && batch.is_some();
        let checked = match anthropic {
            true => anthropic::check_headers(headers, is_post),
            false => check_key(headers),
        };
        Some((checked.and_then(|()| self.kept().serve(&asked)), vendor))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every request of a batch of OpenAI's is answered with.
fn chat(model: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
}

fn json_reply(value: &Value) -> Checked<Reply> {
    Ok(Reply::json(200, value.to_string()))
}

fn parsed(body: &[u8]) -> Checked<Value> {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    value.filter(Value::is_object).ok_or_else(not_json)
}

impl Kept {
    fn serve(&mut self, asked: &Asked<'_>) -> Checked<Reply> {
        let (get, post) = (*asked.method == Method::GET, *asked.method == Method::POST);
        match (asked.id, asked.action) {
            (None, _) if get => Ok(self.list(asked)),
            (None, _) if post => self.create(asked),
            (Some(id), None) if get => {
                self.ripen(id);
                json_reply(&self.find(asked, id)?.value.clone())
            }
            (Some(id), None) if *asked.method == Method::DELETE => {
                self.find(asked, id)?;
                self.objects.retain(|object| object.value["id"] != id);
                json_reply(&json!({"id": id, "object": asked.kind, "deleted": true,
                                   "type": format!("{}_deleted", asked.kind)}))
            }
            (Some(id), Some("content" | "results")) if get => {
                let mut reply = Reply::json(200, self.find(asked, id)?.content.clone());
                reply.headers = vec![("content-type", "application/octet-stream".to_owned())];
                Ok(reply)
            }
            (Some(id), Some("cancel" | "complete")) if post => {
                let status = if asked.action == Some("cancel") {
                    "cancelled"
                } else {
                    "completed"
                };
                let file = self.make("files", "file-", json!({"object": "file"}), Vec::new());
                let object = self.find(asked, id)?;
                object.value["status"] = status.into();
                if asked.collection == "uploads" {
                    object.value["file"] = file;
                }
                json_reply(&object.value.clone())
            }
            (Some(id), Some("remix")) if post => {
                self.find(asked, id)?;
                let film =
                    json!({"object": "video", "remixed_from_video_id": id, "status": "queued"});
                json_reply(&self.make("videos", "video_", film, b"film".to_vec()))
            }
            (Some(id), Some("events")) if get => {
                self.find(asked, id)?;
                let event = json!({"object": "fine_tuning.job.event", "id": "ftevent-1",
                                   "created_at": 1, "level": "info", "message": "begun"});
                json_reply(&json!({"object": "list", "data": [event], "has_more": false}))
            }
            (Some(id), Some("parts" | "files")) if post => self.attach(asked, id),
            _ => Err(Refusal::invalid("Not allowed").with_kind(405, "invalid_request_error")),
        }
    }

    /// A part of an upload, or a file of a vector store.
    fn attach(&mut self, asked: &Asked<'_>, id: &str) -> Checked<Reply> {
        self.find(asked, id)?;
        if asked.action == Some("parts") {
            let parts = parts(asked.headers, asked.body)?;
            let data = parts.iter().find(|part| part.name == "data");
            data.ok_or_else(|| missing("data"))?;
            let part = json!({"object": "upload.part", "upload_id": id, "created_at": 1});
            return json_reply(&self.make("parts", "part_", part, Vec::new()));
        }
        let body = parsed(asked.body)?;
        let file = body["file_id"].as_str().ok_or_else(|| missing("file_id"))?;
        self.of("files", file)?;
        json_reply(
            &json!({"id": file, "object": "vector_store.file", "vector_store_id": id,
                           "created_at": 1, "status": "completed", "usage_bytes": 1,
                           "attributes": body["attributes"]}),
        )
    }

    fn of(&mut self, collection: &str, id: &str) -> Checked<&mut Object> {
        let mut all = self.objects.iter_mut();
        let found = all.find(|o| o.collection == collection && o.value["id"] == id);
        found.ok_or_else(|| {
            Refusal::invalid(format!("No such object: {id}"))
                .with_kind(404, "invalid_request_error")
                .param("id")
        })
    }

    fn find(&mut self, asked: &Asked<'_>, id: &str) -> Checked<&mut Object> {
        self.of(asked.collection, id)
    }

    fn make(
        &mut self,
        collection: &'static str,
        prefix: &str,
        mut value: Value,
        content: Vec<u8>,
    ) -> Value {
        self.last += 1;
        value["id"] = format!("{prefix}mimic{}", self.last).into();
        if value["created_at"].is_null() {
            value["created_at"] = 1.into();
        }
        self.objects.push(Object {
            collection,
            value: value.clone(),
            content,
        });
        value
    }

    fn create(&mut self, asked: &Asked<'_>) -> Checked<Reply> {
        let (collection, prefix) = (asked.collection, asked.prefix);
        if collection == "files" {
            return self.upload(asked);
        }
        if collection == "videos"
            && asked
                .headers
                .get("content-type")
                .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart"))
        {
            let parts = parts(asked.headers, asked.body)?;
            let model = text(&parts, "model").ok_or_else(|| missing("model"))?;
            text(&parts, "prompt").ok_or_else(|| missing("prompt"))?;
            return self.film(model);
        }
        let body = parsed(asked.body)?;
        let mut value = body.clone();
        value["object"] = asked.kind.into();
        match collection {
            "batches" => {
                let file = body["input_file_id"]
                    .as_str()
                    .ok_or_else(|| missing("input_file_id"))?;
                if self.of("files", file)?.value["purpose"] != "batch" {
                    return Err(Refusal::invalid("The file has another purpose."));
                }
                value["status"] = "validating".into();
            }
            "messages/batches" => return self.message_batch(asked, &body),
            "fine_tuning/jobs" => {
                let file = body["training_file"]
                    .as_str()
                    .ok_or_else(|| missing("training_file"))?;
                self.of("files", file)?;
                body["model"].as_str().ok_or_else(|| missing("model"))?;
                let more = json!({"status": "queued", "result_files": [], "hyperparameters": {},
                                  "organization_id": "org-1", "seed": 1});
                value.as_object_mut().into_iter().for_each(|v| {
                    v.extend(more.as_object().cloned().unwrap_or_default());
                });
            }
            "videos" => return self.film(body["model"].as_str().unwrap_or_default()),
            "vector_stores" => {
                for id in body["file_ids"].as_array().into_iter().flatten() {
                    self.of("files", id.as_str().unwrap_or_default())?;
                }
                value["file_counts"] = json!({"in_progress": 0, "completed": 0, "failed": 0,
                                              "cancelled": 0, "total": 0});
                value["status"] = "completed".into();
                value["usage_bytes"] = 0.into();
            }
            _ => value["status"] = "pending".into(),
        }
        json_reply(&self.make(collection, prefix, value, Vec::new()))
    }

    fn film(&mut self, model: &str) -> Checked<Reply> {
        if !model.starts_with("sora") {
            return Err(Refusal::invalid("Unknown model").param("model"));
        }
        let film = json!({"object": "video", "model": model, "status": "completed", "progress": 100,
                          "seconds": "4", "size": "720x1280"});
        json_reply(&self.make("videos", "video_", film, b"film\x00\xff".to_vec()))
    }

    fn upload(&mut self, asked: &Asked<'_>) -> Checked<Reply> {
        let parts = parts(asked.headers, asked.body)?;
        let file = parts
            .iter()
            .find(|part| part.name == "file" && part.file.is_some());
        let file = file.ok_or_else(|| missing("file"))?;
        let (name, content) = (file.file.clone(), file.value.to_vec());
        let size = content.len();
        let value = if asked.anthropic {
            json!({"type": "file", "filename": name, "mime_type": "text/plain",
                   "size_bytes": size, "created_at": "2026-01-01T00:00:00Z", "downloadable": false})
        } else {
            let purpose = text(&parts, "purpose").ok_or_else(|| missing("purpose"))?;
            json!({"object": "file", "purpose": purpose, "filename": name, "bytes": size,
                   "status": "processed"})
        };
        let prefix = if asked.anthropic { "file_" } else { "file-" };
        json_reply(&self.make("files", prefix, value, content))
    }

    /// A page of a list, newest first, as both vendors have it.
    fn list(&self, asked: &Asked<'_>) -> Reply {
        let get = |key: &str| {
            let pairs = asked
                .query
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            pairs
                .clone()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        };
        let ids = |object: &&Object| {
            object.collection == asked.collection
                && object.value["id"]
                    .as_str()
                    .is_some_and(|id| id.starts_with("file_"))
                    == (asked.anthropic && asked.collection == "files")
        };
        let all: Vec<&Value> = self
            .objects
            .iter()
            .rev()
            .filter(ids)
            .map(|o| &o.value)
            .collect();
        let after = get("after").or(get("after_id"));
        let from = after
            .and_then(|id| all.iter().position(|v| v["id"] == id))
            .map_or(0, |at| at + 1);
        let limit = get("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(20);
        let page: Vec<&Value> = all.iter().skip(from).take(limit).copied().collect();
        let end = |value: Option<&&Value>| value.map_or(Value::Null, |value| value["id"].clone());
        let answer = json!({"object": "list", "data": page, "first_id": end(page.first()),
                            "last_id": end(page.last()), "has_more": from + page.len() < all.len()});
        Reply::json(200, answer.to_string())
    }

    /// Ends a batch of OpenAI's.
    fn ripen(&mut self, id: &str) {
        let Ok(batch) = self.of("batches", id) else {
            return;
        };
        if batch.value["status"] != "validating" {
            return;
        }
        let input = batch.value["input_file_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let lines = self
            .of("files", &input)
            .map(|file| file.content.clone())
            .unwrap_or_default();
        let (mut output, mut errors) = (String::new(), String::new());
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let line: Value = serde_json::from_slice(line).unwrap_or_default();
            let body = line["body"].as_object();
            let known = body.is_some_and(|body| rules::script(body, Vendor::OpenAi).is_ok());
            let (file, status, body) = match known {
                true => (&mut output, 200, chat(&line["body"]["model"])),
                false => (
                    &mut errors,
                    404,
                    json!({"error": {"message": "no such model"}}),
                ),
            };
            let answer = json!({"status_code": status, "request_id": "req_1", "body": body});
            *file += &json!({"id": "batch_req_1", "custom_id": line["custom_id"],
                             "response": answer, "error": null})
            .to_string();
            file.push('\n');
        }
        let mut put_out = |text: String| {
            let file = json!({"object": "file", "purpose": "batch_output", "filename": "out.jsonl",
                              "bytes": text.len(), "status": "processed"});
            let file = (!text.is_empty()).then(|| self.make("files", "file-", file, text.into()));
            file.map_or(Value::Null, |file| file["id"].clone())
        };
        let (output, errors) = (put_out(output), put_out(errors));
        if let Ok(batch) = self.of("batches", id) {
            batch.value["status"] = "completed".into();
            batch.value["output_file_id"] = output;
            batch.value["error_file_id"] = errors;
        }
    }

    fn message_batch(&mut self, asked: &Asked<'_>, body: &Value) -> Checked<Reply> {
        let requests = body["requests"]
            .as_array()
            .filter(|requests| !requests.is_empty());
        let requests = requests.ok_or_else(|| Refusal::invalid("requests: Field required"))?;
        let mut results = String::new();
        for request in requests {
            let params = request["params"].as_object();
            let params = params.ok_or_else(|| Refusal::invalid("params: Field required"))?;
            anthropic::check_body(params, None, false)?;
            rules::script(params, Vendor::Anthropic)?;
            let message = json!({"id": "msg_1", "type": "message", "role": "assistant",
                "model": params["model"], "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 10, "output_tokens": 5}});
            results += &json!({"custom_id": request["custom_id"],
                               "result": {"type": "succeeded", "message": message}})
            .to_string();
            results.push('\n');
        }
        let host = asked
            .headers
            .get("host")
            .and_then(|v| v.to_str().ok())
            .unwrap_or("api");
        let counts = json!({"processing": 0, "succeeded": requests.len(), "errored": 0, "canceled": 0, "expired": 0});
        let time = "2026-01-01T00:00:00Z";
        let value = json!({"type": "message_batch", "processing_status": "ended", "created_at": time,
            "expires_at": time, "ended_at": time, "archived_at": null, "cancel_initiated_at": null,
            "request_counts": counts, "results_url": null});
        let mut made = self.make("messages/batches", "msgbatch_", value, results.into_bytes());
        let url = format!(
            "http://{host}/v1/messages/batches/{}/results",
            made["id"].as_str().unwrap_or_default()
        );
        if let Some(kept) = self.objects.last_mut() {
            kept.value["results_url"] = url.clone().into();
        }
        made["results_url"] = url.into();
        json_reply(&made)
    }
}
