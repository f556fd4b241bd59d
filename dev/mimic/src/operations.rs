//! OpenAI's operations beside chat: pictures, speech, transcripts, moderation.
//!
//! Fields: <https://platform.openai.com/docs/api-reference/images>, `/audio` and `/moderations`. Models
//! are told apart by their names as the vendor's are: `gpt-` ones report tokens, `whisper` seconds, and
//! `dall-e` and `tts-` nothing. A model `fail` fails with 500, `slow` never ends its answer, and `cut`
//! breaks it off.

use http::HeaderMap;
use serde_json::{Map, Value, json};
use weir_sim::{End, Reply, Step};

use crate::form::{Part, parts, text};
use crate::openai::{Field, Want, check_fields, check_key, missing, not_json};
use crate::refusal::{Checked, Refusal};

const IMAGE: &[Field] = &[
    Field("background", Want::Str, true),
    Field("model", Want::Str, false),
    Field("moderation", Want::Str, true),
    Field("n", Want::Int(1, 10), true),
    Field("output_compression", Want::Int(0, 100), true),
    Field("output_format", Want::Str, true),
    Field("partial_images", Want::Int(0, 3), true),
    Field("prompt", Want::Str, false),
    Field("quality", Want::Str, true),
    Field("response_format", Want::Str, true),
    Field("size", Want::Str, true),
    Field("stream", Want::Bool, true),
    Field("style", Want::Str, true),
    Field("user", Want::Str, false),
];
const SPEECH: &[Field] = &[
    Field("input", Want::Str, false),
    Field("instructions", Want::Str, false),
    Field("model", Want::Str, false),
    Field("response_format", Want::Str, false),
    Field("speed", Want::Num(0.25, 4.0), false),
    Field("stream_format", Want::OneOf(&["sse", "audio"]), false),
    Field("voice", Want::Any, false),
];
const MODERATION: &[Field] = &[
    Field("input", Want::Any, false),
    Field("model", Want::Str, false),
];

/// A picture of one byte.
const PICTURE: &str = "eA==";

/// The answer to a `POST`, if the path is one of these.
pub(crate) fn answer(path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Checked<Reply>> {
    let answer = match path {
        "/v1/images/generations" => generate(body),
        "/v1/images/edits" => edit(headers, body, true),
        "/v1/images/variations" => edit(headers, body, false),
        "/v1/audio/speech" => speak(body),
        "/v1/audio/transcriptions" => transcribe(headers, body),
        "/v1/audio/translations" => transcribe(headers, body),
        "/v1/moderations" => moderate(body),
        _ => return None,
    };
    Some(
        check_key(headers)
            .and(answer)
            .map(|reply| reply.with("x-request-id", "req_mimic")),
    )
}

/// A JSON body with these fields, and its model.
fn object(body: &[u8], fields: &[Field], needs: &[&str]) -> Checked<(Map<String, Value>, String)> {
    let Ok(Value::Object(mut map)) = serde_json::from_slice(body) else {
        return Err(not_json());
    };
    if needs == ["input"] {
        map.entry("model")
            .or_insert("omni-moderation-latest".into());
    }
    check_fields(&map, fields)?;
    if let Some(absent) = needs.iter().find(|key| !map.contains_key(**key)) {
        return Err(missing(absent));
    }
    let model = map.get("model").and_then(Value::as_str);
    let model = model.unwrap_or_default().to_owned();
    known(&model)?;
    Ok((map, model))
}

/// Public names of the gateway's are none of the vendor's.
fn known(model: &str) -> Checked {
    const FAMILIES: [&str; 9] = [
        "gpt-", "dall-e", "tts-", "whisper", "omni-", "fail", "slow", "cut", "sora",
    ];
    if FAMILIES.iter().any(|family| model.starts_with(family)) {
        return Ok(());
    }
    Err(
        Refusal::invalid(format!("The model `{model}` does not exist"))
            .with_kind(404, "invalid_request_error")
            .code("model_not_found"),
    )
}

/// What a scripted model does to an answer.
fn scripted(model: &str, mut reply: Reply) -> Checked<Reply> {
    match model {
        "fail" => {
            return Err(Refusal::invalid("The server had an error").with_kind(500, "server_error"));
        }
        "slow" => reply.end = End::Stall,
        "cut" => reply.end = End::Reset,
        _ => return Ok(reply),
    }
    reply.sized = false;
    Ok(reply)
}

fn usage() -> Value {
    json!({"input_tokens": 10, "output_tokens": 20, "total_tokens": 30,
           "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}})
}

fn generate(body: &[u8]) -> Checked<Reply> {
    let (map, model) = object(body, IMAGE, &["prompt"])?;
    let streams = map.get("stream") == Some(&Value::Bool(true));
    let count = map.get("n").and_then(Value::as_u64).unwrap_or(1);
    scripted(
        &model,
        pictures(&model, count, streams.then_some("image_generation")),
    )
}

/// So many pictures, or a stream of events with this name.
fn pictures(model: &str, count: u64, stream: Option<&str>) -> Reply {
    if let Some(kind) = stream {
        let partial = json!({"type": format!("{kind}.partial_image"), "b64_json": PICTURE,
                             "partial_image_index": 0});
        let done = json!({"type": format!("{kind}.completed"), "b64_json": PICTURE,
                          "created_at": 1, "usage": usage()});
        return events(&[partial, done]);
    }
    let picture = json!({"b64_json": PICTURE});
    let data = vec![picture; usize::try_from(count).unwrap_or(1)];
    let mut answer = json!({"created": 1, "data": data});
    if model.starts_with("gpt-") {
        answer["usage"] = usage();
    }
    Reply::json(200, answer.to_string())
}

fn events(all: &[Value]) -> Reply {
    let frame = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        Step::now(format!("event: {kind}\ndata: {event}\n\n"))
    };
    let mut reply = Reply::json(200, "");
    reply.headers = vec![(
        "content-type",
        "text/event-stream; charset=utf-8".to_owned(),
    )];
    reply.steps = all.iter().map(frame).collect();
    reply.sized = false;
    reply
}

fn of_kind(kind: &'static str, body: impl Into<bytes::Bytes>) -> Reply {
    let mut reply = Reply::json(200, body);
    reply.headers = vec![("content-type", kind.to_owned())];
    reply
}

fn need<'a>(parts: &'a [Part<'_>], name: &str) -> Checked<&'a str> {
    text(parts, name).ok_or_else(|| missing(name))
}

fn edit(headers: &HeaderMap, body: &[u8], with_prompt: bool) -> Checked<Reply> {
    let parts = parts(headers, body)?;
    let model = need(&parts, "model")?;
    known(model)?;
    let is_image =
        |part: &Part<'_>| part.file.is_some() && part.name.trim_end_matches("[]") == "image";
    let image = parts
        .iter()
        .find(|part| is_image(part))
        .ok_or_else(|| missing("image"))?;
    if !image.value.starts_with(b"\x89PNG") {
        return Err(Refusal::invalid("Invalid image file or mode").code("invalid_image_file"));
    }
    if with_prompt {
        need(&parts, "prompt")?;
    }
    let streams = text(&parts, "stream") == Some("true");
    let count = text(&parts, "n").and_then(|n| n.parse().ok()).unwrap_or(1);
    scripted(
        model,
        pictures(model, count, streams.then_some("image_edit")),
    )
}

fn speak(body: &[u8]) -> Checked<Reply> {
    let (map, model) = object(body, SPEECH, &["model", "input", "voice"])?;
    if map.get("stream_format").and_then(Value::as_str) == Some("sse") {
        let delta = json!({"type": "speech.audio.delta", "audio": PICTURE});
        let done = json!({"type": "speech.audio.done", "usage":
            {"input_tokens": 5, "output_tokens": 50, "total_tokens": 55}});
        return scripted(&model, events(&[delta.clone(), delta, done]));
    }
    // Sound is no text: what reads it as such breaks it.
    let mut reply = of_kind("audio/mpeg", "");
    let pieces = [
        &b"ID3\xff\xfb"[..],
        b"data: not an event\n\n",
        b"\x00\xc3\x28",
    ];
    reply.steps = pieces.map(Step::now).into();
    reply.sized = false;
    scripted(&model, reply)
}

fn transcribe(headers: &HeaderMap, body: &[u8]) -> Checked<Reply> {
    let parts = parts(headers, body)?;
    let model = need(&parts, "model")?;
    known(model)?;
    let file = parts
        .iter()
        .find(|part| part.name == "file" && part.file.is_some());
    let sound = file.ok_or_else(|| missing("file"))?.value;
    if !sound.starts_with(b"RIFF") || sound.len() < 44 {
        let message = "The audio file could not be decoded or its format is not supported.";
        return Err(Refusal::invalid(message));
    }
    let bytes_a_second = u32::from_le_bytes([sound[28], sound[29], sound[30], sound[31]]);
    let seconds = (sound.len() - 44) as f64 / f64::from(bytes_a_second.max(1));
    let tokens = json!({"type": "tokens", "input_tokens": 12, "output_tokens": 3, "total_tokens": 15,
                        "input_token_details": {"audio_tokens": 12, "text_tokens": 0}});
    let usage = match model.starts_with("gpt-") {
        true => tokens,
        false => json!({"type": "duration", "seconds": seconds}),
    };
    if text(&parts, "stream") == Some("true") {
        let delta = json!({"type": "transcript.text.delta", "delta": "Hello"});
        let done = json!({"type": "transcript.text.done", "text": "Hello", "usage": usage});
        return scripted(model, events(&[delta, done]));
    }
    let reply = match text(&parts, "response_format").unwrap_or("json") {
        "json" => Reply::json(200, json!({"text": "Hello", "usage": usage}).to_string()),
        "verbose_json" => {
            let answer = json!({"text": "Hello", "language": "english", "duration": seconds,
                                "segments": [], "usage": usage});
            Reply::json(200, answer.to_string())
        }
        "text" => of_kind("text/plain; charset=utf-8", "Hello\n"),
        "srt" => of_kind(
            "text/plain; charset=utf-8",
            "1\n00:00:00,000 --> 00:00:01,000\nHello\n",
        ),
        "vtt" => of_kind("text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"),
        other => return Err(Refusal::invalid(format!("Unknown format: {other}"))),
    };
    scripted(model, reply)
}

fn moderate(body: &[u8]) -> Checked<Reply> {
    let (map, model) = object(body, MODERATION, &["input"])?;
    let flagged = map["input"].to_string().contains("harm");
    let answer = json!({"id": "modr-1", "model": model, "results": [
        {"flagged": flagged, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}]});
    scripted(&model, Reply::json(200, answer.to_string()))
}
