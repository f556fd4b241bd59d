//! The page about request fields: what becomes of each at an upstream of each dialect. Found out by
//! sending every field's sample through the code that requests go through.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use weir_dialect::{ClientDialect, Field, UpstreamDialect, client, upstream};
use weir_model::{
    Capabilities, Cx, Dialect, IdMint, Losses, Operation, Quirks, ReasoningControl, Rejection,
};

const HEAD: &str = "# Request fields

What becomes of each field of a request, by the dialect of the client and that of the upstream.

- **forwarded**: client and upstream speak the same dialect, so the client's own bytes travel. Fields that are not in \
these tables are forwarded too.
- **carried**: the upstream is asked for the same.
- **implied**: nothing needs to be sent, the upstream does so anyway.
- **lost**: what cannot be carried, and why. It is named in the `x-weir-losses` header; `on_loss: reject` refuses such \
requests instead.
- **refused**: the request cannot be answered rightly without it, so it is refused with this message.

The upstream here is a current model that thinks and takes schemas; models and providers that can do less \
lose more, which is reported in the same way.
";

pub(super) fn page() -> Result<String, String> {
    let mut page = String::from(HEAD);
    for dialect in Dialect::ALL {
        let client = client(dialect);
        let _ = write!(page, "\n## From `{}`\n\n| Field |", dialect.name());
        for target in Dialect::ALL {
            let _ = write!(page, " to `{}` |", target.name());
        }
        let _ = writeln!(page, "\n|---|{}", "---|".repeat(Dialect::ALL.len()));
        for field in client.request_fields() {
            let _ = write!(page, "| `{}` |", field.path);
            for target in Dialect::ALL {
                let fate = fate(client, upstream(target), field)?;
                let _ = write!(page, " {} |", fate.replace('|', "\\|"));
            }
            page.push('\n');
        }
    }
    Ok(page)
}

fn fate(
    client: &dyn ClientDialect,
    target: &dyn UpstreamDialect,
    field: &Field,
) -> Result<String, String> {
    let request =
        request(client, field).map_err(|e| format!("the sample of {}: {e}", field.path))?;
    if client.dialect() == target.dialect() {
        return Ok(forwarded(client, target, &request));
    }
    let sent = match translate(client, target, &request) {
        Err(rejection) => return Ok(format!("refused: {}", rejection.message)),
        Ok(sent) => sent,
    };
    let without =
        without(&request, field.path).and_then(|request| translate(client, target, &request).ok());
    let alike = without
        .as_ref()
        .is_some_and(|other| other.body == sent.body);
    let context = without.map(|other| other.losses).unwrap_or_default();
    let lost = reasons(field.path, &sent.losses, &context);
    Ok(match lost.is_empty() {
        false => format!("lost: {}", lost.join("; ")),
        true if alike => "implied".to_owned(),
        true => "carried".to_owned(),
    })
}

/// The smallest request with the field in it, and something said beside it.
fn request(client: &dyn ClientDialect, field: &Field) -> serde_json::Result<Value> {
    let mut request: Value = serde_json::from_str(client.minimal_request())?;
    merge(&mut request, &serde_json::from_str(field.sample)?);
    for (list, text) in [("messages", "text"), ("input", "input_text")] {
        let messages = request.get_mut(list).and_then(Value::as_array_mut);
        for message in messages.into_iter().flatten() {
            let said = message["role"] == "user";
            if let Some(parts) = message["content"].as_array_mut().filter(|_| said) {
                parts.push(json!({ "type": text, "text": "Hi" }));
            }
        }
    }
    Ok(request)
}

/// Why the field was lost: what is not lost in the same context without it, or holds it whole.
fn reasons(path: &str, losses: &Losses, context: &Losses) -> Vec<String> {
    let mut reasons = Vec::new();
    for loss in losses.iter() {
        let place: String = loss.field.chars().filter(|c| !c.is_ascii_digit()).collect();
        let holds_it = path
            .strip_prefix(&place)
            .is_some_and(|rest| rest.starts_with('.'));
        let reason = loss.reason.to_string();
        let is_its_own = holds_it || context.iter().all(|other| other != loss);
        if is_its_own && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// Checks that the native lane really leaves the body as it is, but for asking for usage.
fn forwarded(client: &dyn ClientDialect, target: &dyn UpstreamDialect, request: &Value) -> String {
    let body = Bytes::from(request.to_string());
    let head = match client.read_head(Operation::Chat, &body) {
        Ok(head) => head,
        Err(rejection) => return format!("refused: {}", rejection.message),
    };
    let (edits, losses) =
        target.native_edits(Operation::Chat, &head, &head.model, &Quirks::default());
    let asks_for_usage = head.stream && !head.stream_usage;
    if let Some(loss) = losses.iter().next() {
        format!("lost: {}", loss.reason)
    } else if edits.is_empty() || asks_for_usage {
        "forwarded".to_owned()
    } else {
        "rewritten".to_owned()
    }
}

/// What is sent, and everything lost on the way.
struct Sent {
    body: Vec<u8>,
    losses: Losses,
}

fn translate(
    client: &dyn ClientDialect,
    target: &dyn UpstreamDialect,
    request: &Value,
) -> Result<Sent, Rejection> {
    let decoded = client.decode_request(&request.to_string().into())?;
    let capabilities = Capabilities {
        max_output_tokens: Some(64_000),
        json_schema: true,
        mid_system: true,
        reasoning: match target.dialect() {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => ReasoningControl::Effort,
            Dialect::AnthropicMessages => ReasoningControl::Adaptive,
            Dialect::Gemini => ReasoningControl::Unknown,
            Dialect::CohereChat => ReasoningControl::Budget,
        },
        ..Capabilities::default()
    };
    let cx = Cx {
        now_s: 0,
        ids: &IdMint::new(1),
        quirks: &Quirks::default(),
        capabilities: &capabilities,
    };
    let encoded = target.encode_request(&decoded.value, &cx)?;
    let mut losses = decoded.losses;
    losses.extend(encoded.losses);
    Ok(Sent {
        body: encoded.body,
        losses,
    })
}

/// RFC 7396.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in fields {
        merge(&mut target[key], value);
    }
}

/// The request without the field; `None` when the path does not lead to a key.
fn without(request: &Value, path: &str) -> Option<Value> {
    let mut request = request.clone();
    let steps: Vec<&str> = path.split('.').collect();
    remove(&mut request, &steps).then_some(request)
}

/// Whether anything was removed. A step names a key, or the type of the object itself.
fn remove(value: &mut Value, steps: &[&str]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    let key = step.trim_end_matches("[]");
    match value {
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |any, item| remove(item, steps) | any),
        Value::Object(fields) if rest.is_empty() && !step.ends_with("[]") => {
            fields.remove(key).is_some()
        }
        Value::Object(fields) if fields.contains_key(key) => remove(&mut value[key], rest),
        Value::Object(fields) if fields.get("type").is_some_and(|kind| kind == key) => {
            remove(value, rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is neither sent nor reported is lost in silence, but for what these mean.
    #[test]
    fn nothing_is_lost_in_silence() {
        let known = [
            "messages[].tool_calls[].type",
            "modalities",
            "stream",
            "messages[].content[].image.source.media_type",
            "contents[].parts[].functionResponse.id",
            "contents[].parts[].videoMetadata",
            "response_format.json_schema.strict",
            "stream_options.include_usage",
            "messages[].content[].document.source.media_type",
            "messages[].content[].document.citations.enabled",
            "messages[].content[].search_result.citations.enabled",
            "system[].citations",
            "tools[].type",
            "thinking.display",
            "reasoning.summary",
            "reasoning.generate_summary",
            // Weir keeps what the vendor does not.
            "store",
        ];
        for dialect in Dialect::ALL {
            for field in client(dialect).request_fields() {
                for target in Dialect::ALL {
                    let fate = fate(client(dialect), upstream(target), field).unwrap();
                    let silent = fate == "implied" && !known.contains(&field.path);
                    assert!(!silent, "{} to {}", field.path, target.name());
                    let native = fate == "forwarded";
                    assert_eq!(native, dialect == target, "{}: {fate}", field.path);
                }
            }
        }
    }

    #[test]
    fn a_field_is_removed_wherever_it_stands() {
        let request = json!({ "a": [{ "b": { "c": 1, "d": 2 } }, { "type": "e", "f": 3 }] });
        let left = without(&request, "a[].b.c").unwrap();
        assert_eq!(left["a"][0], json!({ "b": { "d": 2 } }));
        let left = without(&request, "a[].e.f").unwrap();
        assert_eq!(left["a"][1], json!({ "type": "e" }));
        assert_eq!(without(&request, "a[].(x)"), None);
    }
}
