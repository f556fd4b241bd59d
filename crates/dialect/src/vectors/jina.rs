//! Jina's embeddings and reranking. Its reranking is also that of vLLM, Together and most other
//! servers. <https://api.jina.ai/docs>, <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>

use bytes::Bytes;
use serde::Serialize;
use weir_model::{
    Embedded, EmbeddedPart, EmbeddingRequest, EmbeddingResponse, Losses, MediaSource, Number,
    Packing, Purpose, Ranked, Rejection, RerankRequest, RerankResponse, Truncate,
};

use super::answer::{self, DocumentOut, PromptUsage, RankedOut};
use super::input::{no_tokens, one_kind, one_or_more, several};
use super::openai::dimensions;
use super::voyage::document;
use super::{ONLY_HERE, UNKNOWN, Wire, decode, encoded, lacks};
use crate::json::read::Value;
use crate::json::write;
use crate::openai::media::media;
use crate::openai::read::one_of;
use crate::{Decoded, Encoded, Field};

/// The shape, both sides.
pub(super) struct Jina;

/// Fields of its embeddings that no other vendor on the same path has.
pub(super) const TELLING: &[&str] = &[
    "task",
    "late_chunking",
    "embedding_type",
    "normalized",
    "return_multivector",
    "truncate",
];

/// Its words for what vectors are for; the first of each kind is the one that is sent.
const TASKS: &[(&str, Purpose)] = &[
    ("retrieval.query", Purpose::Query),
    ("retrieval.passage", Purpose::Document),
    ("classification", Purpose::Classification),
    ("separation", Purpose::Clustering),
    ("clustering", Purpose::Clustering),
    ("text-matching", Purpose::Similarity),
    ("code.query", Purpose::CodeQuery),
    ("nl2code.query", Purpose::CodeQuery),
    ("code.passage", Purpose::CodeDocument),
    ("nl2code.passage", Purpose::CodeDocument),
    ("retrieval.query", Purpose::QuestionAnswering),
    ("retrieval.query", Purpose::FactVerification),
];

/// The kinds that it gives as lists; floats may be base64 as well.
const GIVEN: &[Number] = &[Number::Float, Number::Binary, Number::Ubinary];

impl Wire<EmbeddingRequest, EmbeddingResponse> for Jina {
    fn path(&self) -> &'static str {
        "/embeddings"
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<EmbeddingRequest>, Rejection> {
        decode(body, |object, losses| {
            let (number, packing) = object
                .read("embedding_type", format)?
                .unwrap_or((Number::Float, Packing::List));
            let cut = object.read("truncate", |v| v.boolean())?;
            object.lose("normalized", ONLY_HERE, losses);
            object.lose("return_multivector", ONLY_HERE, losses);
            Ok(EmbeddingRequest {
                inputs: object.require("input", |v| one_or_more(v, |one| input(one, losses)))?,
                purpose: object.read("task", |v| task(v, losses))?.flatten(),
                dimensions: object.read("dimensions", dimensions)?,
                numbers: vec![number],
                packing,
                truncate: cut.map(|cut| match cut {
                    true => Truncate::End,
                    false => Truncate::Never,
                }),
                late_chunking: object
                    .read("late_chunking", |v| v.boolean())?
                    .unwrap_or(false),
                user: object.read_string("user")?,
                ..EmbeddingRequest::default()
            })
        })
    }

    fn encode_request(
        &self,
        request: &EmbeddingRequest,
        model: &str,
    ) -> Result<Encoded, Rejection> {
        let number = one_kind(request, GIVEN)?;
        let mut losses = Losses::default();
        lacks(
            &mut losses,
            &[
                ("title", request.title.is_some()),
                ("user", request.user.is_some()),
            ],
        );
        if request.truncate == Some(Truncate::Start) {
            losses.add("truncate", "the model's vendor cuts off the end");
        }
        let packed = request.packing != Packing::List && number == Number::Float;
        let inputs = request.inputs.iter().map(sent);
        let body = EmbedBody {
            model,
            input: inputs.collect::<Result<_, _>>()?,
            task: request.purpose.map(|purpose| word(purpose, &mut losses)),
            dimensions: request.dimensions,
            late_chunking: request.late_chunking.then_some(true),
            truncate: request.truncate.map(|cut| cut != Truncate::Never),
            embedding_type: match number {
                Number::Float => packed.then_some("base64"),
                other => Some(other.name()),
            },
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &EmbeddingRequest,
    ) -> Result<EmbeddingResponse, Rejection> {
        let number = request.numbers.first().copied().unwrap_or_default();
        answer::vectors(body, number, request)
    }

    fn encode_response(
        &self,
        answer: &EmbeddingResponse,
        request: &EmbeddingRequest,
        model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        answer::data(answer, request, model, |usage| PromptUsage::from(usage))
    }

    fn most_inputs(&self) -> usize {
        512
    }

    fn request_fields(&self) -> &'static [Field] {
        EMBEDDING_FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","input":["Hi"]}"#
    }
}

#[derive(Serialize)]
struct EmbedBody<'a> {
    model: &'a str,
    input: Vec<InputOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_chunking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_type: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum InputOut<'a> {
    Text(&'a str),
    Image { image: &'a str },
}

fn sent(input: &Embedded) -> Result<InputOut<'_>, Rejection> {
    let parts = match input {
        Embedded::Text(text) => return Ok(InputOut::Text(text)),
        Embedded::Tokens(_) => return Err(no_tokens()),
        Embedded::Parts(parts) => parts,
    };
    if let [EmbeddedPart::Media(media)] = &parts[..] {
        match &media.source {
            MediaSource::Url(image) => return Ok(InputOut::Image { image }),
            MediaSource::Base64(image) => return Ok(InputOut::Image { image }),
            MediaSource::FileId(_) | MediaSource::Text(_) => {}
        }
    }
    let message = "The vendor of this model makes a vector of one text or of one picture, and an \
                   input of the request holds several.";
    Err(Rejection::invalid(message))
}

/// A text, or an object of one text or picture.
fn input(value: Value<'_, '_>, losses: &mut Losses) -> Result<Embedded, Rejection> {
    if value.is_string() {
        return super::input::text(value);
    }
    let mut object = value.object()?;
    let found = if let Some(text) = object.read_string("text")? {
        Embedded::Text(text)
    } else {
        let picture = match object.read("image", media)? {
            Some(image) => Some(image),
            None => object.read("url", media)?,
        };
        let picture = picture.ok_or_else(|| value.invalid("expected `text` or `image`"))?;
        Embedded::Parts(vec![EmbeddedPart::Media(picture)])
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(found)
}

fn format(value: Value<'_, '_>) -> Result<(Number, Packing), Rejection> {
    const WORDS: [&str; 4] = ["float", "base64", "binary", "ubinary"];
    let word = if value.is_array() {
        let words = several(value, |one| one_of(one, &WORDS))?;
        match <[String; 1]>::try_from(words) {
            Ok([word]) => word,
            Err(_) => return Err(value.invalid("several kinds at once are for Jina's models only")),
        }
    } else {
        one_of(value, &WORDS)?
    };
    Ok(match word.as_str() {
        "base64" => (Number::Float, Packing::Base64),
        "binary" => (Number::Binary, Packing::List),
        "ubinary" => (Number::Ubinary, Packing::List),
        _ => (Number::Float, Packing::List),
    })
}

fn task(value: Value<'_, '_>, losses: &mut Losses) -> Result<Option<Purpose>, Rejection> {
    let word = value.string()?;
    let known = TASKS.iter().find(|(known, _)| *known == word);
    if known.is_none() {
        losses.add("task", "an unknown word");
    }
    Ok(known.map(|(_, purpose)| *purpose))
}

fn word(purpose: Purpose, losses: &mut Losses) -> &'static str {
    let known = TASKS.iter().find(|(_, known)| *known == purpose);
    let word = known.map_or("retrieval.passage", |(word, _)| word);
    if matches!(
        purpose,
        Purpose::QuestionAnswering | Purpose::FactVerification
    ) {
        losses.add("input_type", format!("sent as `{word}`"));
    }
    word
}

impl Wire<RerankRequest, RerankResponse> for Jina {
    fn path(&self) -> &'static str {
        "/rerank"
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<RerankRequest>, Rejection> {
        decode(body, |object, losses| {
            let wants_documents = object.read("return_documents", |v| v.boolean())?;
            object.lose("return_embeddings", ONLY_HERE, losses);
            let bound = object.read("max_tokens_per_doc", dimensions)?;
            Ok(RerankRequest {
                query: object.require("query", query)?,
                documents: object.require("documents", |v| several(v, ranked))?,
                top: object.read("top_n", dimensions)?,
                return_documents: wants_documents.unwrap_or(true),
                max_tokens_per_document: bound.or(object.read("max_doc_length", dimensions)?),
                ..RerankRequest::default()
            })
        })
    }

    fn encode_request(&self, request: &RerankRequest, model: &str) -> Result<Encoded, Rejection> {
        let mut losses = Losses::default();
        let bound = request.max_tokens_per_document.is_some();
        lacks(
            &mut losses,
            &[
                ("max_tokens_per_doc", bound),
                ("truncation", request.truncate.is_some()),
            ],
        );
        let documents = request.documents.iter();
        let body = RerankBody {
            model,
            query: &request.query,
            documents: documents.map(|document| document.text.as_str()).collect(),
            top_n: request.top,
            return_documents: false,
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &RerankRequest,
    ) -> Result<RerankResponse, Rejection> {
        answer::ranking(body, request)
    }

    fn encode_response(
        &self,
        answer: &RerankResponse,
        request: &RerankRequest,
        model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        #[derive(Serialize)]
        struct Out<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
            model: &'a str,
            object: &'static str,
            usage: PromptUsage,
            results: Vec<RankedOut<DocumentOut<'a>>>,
        }
        Ok(write::to_vec(&Out {
            id: answer.id.as_deref(),
            model,
            object: "list",
            usage: (&answer.usage.unwrap_or_default()).into(),
            results: answer::ranked(answer, request, DocumentOut::from),
        }))
    }

    fn request_fields(&self) -> &'static [Field] {
        RERANK_FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","query":"q","documents":["a","b"]}"#
    }
}

/// The documents come back from the request that we hold.
#[derive(Serialize)]
struct RerankBody<'a> {
    model: &'a str,
    query: &'a str,
    documents: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u32>,
    return_documents: bool,
}

/// A text, or an object of one.
fn query(value: Value<'_, '_>) -> Result<String, Rejection> {
    Ok(ranked(value)?.text)
}

/// A document: a text, or an object with one.
fn ranked(value: Value<'_, '_>) -> Result<Ranked, Rejection> {
    if !value.is_object() {
        return document(value);
    }
    let text = value.object()?.read_string("text")?.ok_or_else(|| {
        value.invalid("this model takes text alone, and the object has no field `text`")
    })?;
    let object = Some(value.json());
    Ok(Ranked { text, object })
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

#[rustfmt::skip]
const EMBEDDING_FIELDS: &[Field] = &[
    field("input (texts)", r#"{"input":["Hi","there"]}"#),
    field("input (pictures)", r#"{"input":[{"text":"Hi"},{"image":"https://example.com/a.png"}]}"#),
    field("task", r#"{"task":"retrieval.query"}"#),
    field("dimensions", r#"{"dimensions":256}"#),
    field("late_chunking", r#"{"late_chunking":true}"#),
    field("truncate", r#"{"truncate":true}"#),
    field("normalized", r#"{"normalized":true}"#),
    field("embedding_type", r#"{"embedding_type":"binary"}"#),
    field("embedding_type (base64)", r#"{"embedding_type":"base64"}"#),
    field("return_multivector", r#"{"return_multivector":true}"#),
];

#[rustfmt::skip]
const RERANK_FIELDS: &[Field] = &[
    field("query", r#"{"query":"why"}"#),
    field("documents (texts)", r#"{"documents":["a","b","c"]}"#),
    field("documents (objects)", r#"{"documents":[{"text":"a"},{"text":"b"}]}"#),
    field("top_n", r#"{"top_n":1}"#),
    field("return_documents", r#"{"return_documents":false}"#),
    field("max_tokens_per_doc", r#"{"max_tokens_per_doc":100}"#),
    field("return_embeddings", r#"{"return_embeddings":true}"#),
];
