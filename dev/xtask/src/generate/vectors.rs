//! The page about embeddings and reranking: what becomes of each request field in another shape.
//! Found out, as for chats, by sending every field's sample through the code that requests go through.

use std::fmt::Write;

use serde_json::Value;
use weir_dialect::vectors::{self, EmbeddingWire, Wire};
use weir_dialect::{Encoded, Field};
use weir_model::{EmbeddingRequest, EmbeddingResponse, Rejection, Shape};

use super::fields::merge;

const HEAD: &str = "# Embeddings and reranking

What becomes of each field of a request, by the shape in which the client asks and that of the upstream.

| Shape | Asked with | Upstream at |
|---|---|---|
| `openai` | `POST /v1/embeddings` | every provider that speaks `openai_chat` and offers `embeddings` |
| `gemini` | `POST /v1beta/models/MODEL:batchEmbedContents` | those that speak `gemini` |
| `gemini_one` | `POST /v1beta/models/MODEL:embedContent` | the same |
| `cohere` | `POST /v2/embed`, `POST /v2/rerank` | those that speak `cohere` |
| `cohere_v1` | `POST /v1/embed`; `POST /v1/rerank` with `rank_fields` or `max_chunks_per_doc` | the same, for clients of v1 alone |
| `voyage` | `POST /v1/embeddings` with `output_dtype`, `output_dimension` or `truncation`; `POST /v1/rerank` with `top_k` or `truncation` | those that speak `voyage` |
| `jina` | `POST /v1/embeddings` with `task`, `late_chunking`, `embedding_type`, `normalized`, `return_multivector`, `truncate` \
or objects as `input`; any other `POST /v1/rerank` | those that speak `jina`; reranking also at those that speak `openai_chat` and offer `rerank` |

Where client and upstream have the same shape, the client's own bytes travel, but for the model's name. Else:

- **carried**: the upstream is asked for the same.
- **implied**: nothing needs to be sent, the upstream does so anyway.
- **lost**: what cannot be carried, and why. It is named in the `x-weir-losses` header; `on_loss: reject` refuses such \
requests instead.
- **refused**: the answer would be to another question, so the request is refused with this message.

A client that does not say what its vectors are for gets those for documents from Cohere, which wants to be told. \
Clients of OpenAI's shape say it in the field `input_type`. Floats and base64 are turned into each other without a change \
of a bit. More inputs than an upstream takes at once go in several requests, at most 32, and are one call: with one answer, \
one price and one row. Vectors of another length than was asked for are a loss of the answer. A vendor that reports no usage, \
or not in the unit of its price, is billed by an estimate, and the row says so.
";

pub(super) fn page() -> Result<String, String> {
    let mut page = String::from(HEAD);
    let embeddings: fn(Shape) -> Option<&'static EmbeddingWire> =
        |shape| Some(vectors::embeddings(shape));
    tables::<EmbeddingRequest, EmbeddingResponse>(&mut page, "Embeddings", embeddings)?;
    tables(&mut page, "Reranking", vectors::rerank)?;
    Ok(page)
}

fn tables<Q: 'static, A: 'static>(
    page: &mut String,
    what: &str,
    wires: impl Fn(Shape) -> Option<&'static dyn Wire<Q, A>>,
) -> Result<(), String> {
    let offered = || {
        Shape::ALL
            .into_iter()
            .filter(|shape| wires(*shape).is_some())
    };
    // What is served beside another shape is asked upstream by its own clients alone.
    let upstreams = || {
        let beside = |shape: &Shape| {
            Shape::ALL
                .iter()
                .any(|other| other.beside() == Some(*shape))
        };
        offered().filter(move |shape| !beside(shape))
    };
    for client in offered() {
        let targets: Vec<Shape> = upstreams().filter(|target| *target != client).collect();
        let _ = write!(page, "\n## {what} from `{}`\n\n| Field |", client.name());
        for target in &targets {
            let _ = write!(page, " to `{}` |", target.name());
        }
        let _ = writeln!(page, "\n|---|{}", "---|".repeat(targets.len()));
        let Some(wire) = wires(client) else { continue };
        for field in wire.request_fields() {
            let _ = write!(page, "| `{}` |", field.path);
            for target in targets.iter().filter_map(|target| wires(*target)) {
                let fate = fate(wire, target, field)?;
                let _ = write!(page, " {} |", fate.replace('|', "\\|"));
            }
            page.push('\n');
        }
    }
    Ok(())
}

fn fate<Q: 'static, A: 'static>(
    client: &dyn Wire<Q, A>,
    target: &dyn Wire<Q, A>,
    field: &Field,
) -> Result<String, String> {
    let wrong = |e: serde_json::Error| format!("the sample of {}: {e}", field.path);
    let without: Value = serde_json::from_str(client.minimal_request()).map_err(wrong)?;
    let mut request = without.clone();
    merge(
        &mut request,
        &serde_json::from_str(field.sample).map_err(wrong)?,
    );
    let sent = match translate(client, target, &request) {
        Err(rejection) => return Ok(format!("refused: {}", rejection.message)),
        Ok(sent) => sent,
    };
    let plain = translate(client, target, &without).map_err(|e| format!("{}: {e}", field.path))?;
    let lost = sent
        .losses
        .iter()
        .filter(|loss| plain.losses.iter().all(|other| other != *loss));
    let mut lost: Vec<_> = lost.map(|loss| loss.reason.as_ref()).collect();
    lost.dedup();
    Ok(match lost.is_empty() {
        false => format!("lost: {}", lost.join("; ")),
        true if sent.body == plain.body => "implied".to_owned(),
        true => "carried".to_owned(),
    })
}

fn translate<Q: 'static, A: 'static>(
    client: &dyn Wire<Q, A>,
    target: &dyn Wire<Q, A>,
    request: &Value,
) -> Result<Encoded, Rejection> {
    let decoded = client.decode_request(&request.to_string().into())?;
    let mut encoded = target.encode_request(&decoded.value, "m")?;
    let mut losses = decoded.losses;
    losses.extend(encoded.losses);
    encoded.losses = losses;
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is neither sent nor reported is lost in silence, but for what is done to the answer here.
    #[test]
    fn nothing_is_lost_in_silence() {
        let made_here = [
            "encoding_format",
            "embedding_type (base64)",
            "embedding_types (float)",
            "embedding_types (base64)",
            "return_documents",
            "documents (objects)",
        ];
        let page = page().unwrap();
        let rows = page.lines().filter(|line| line.contains(" implied "));
        for row in rows {
            let field = row.split('`').nth(1).unwrap();
            assert!(made_here.contains(&field), "{row}");
        }
    }
}
