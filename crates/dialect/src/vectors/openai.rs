//! OpenAI's embeddings. Of vendors shaped like it, and of their clients, it takes one word more:
//! `input_type`, which OpenAI itself has not.
//! <https://platform.openai.com/docs/api-reference/embeddings/create>

use bytes::Bytes;
use serde::Serialize;
use weir_model::{
    Embedded, EmbeddingRequest, EmbeddingResponse, Losses, Number, Packing, Purpose, Rejection,
};

use super::answer::{self, PromptUsage};
use super::input::{as_text, one_kind, one_or_more};
use super::{Wire, decode, encoded, lacks};
use crate::json::read::Value;
use crate::openai::read::one_of;
use crate::{Decoded, Encoded, Field};

/// The shape, both sides.
pub(super) struct OpenAi;

impl Wire<EmbeddingRequest, EmbeddingResponse> for OpenAi {
    fn path(&self) -> &'static str {
        "/embeddings"
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<EmbeddingRequest>, Rejection> {
        decode(body, |object, losses| {
            let format = object.read("encoding_format", |v| one_of(v, &["float", "base64"]))?;
            Ok(EmbeddingRequest {
                inputs: object.require("input", inputs)?,
                purpose: object.read("input_type", |v| purpose(v, losses))?.flatten(),
                dimensions: object.read("dimensions", dimensions)?,
                packing: match format.as_deref() {
                    Some("base64") => Packing::Base64,
                    _ => Packing::List,
                },
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
        one_kind(request, &[Number::Float])?;
        let mut losses = Losses::default();
        lacks(
            &mut losses,
            &[
                ("input_type", request.purpose.is_some()),
                ("title", request.title.is_some()),
                ("truncate", request.truncate.is_some()),
                ("late_chunking", request.late_chunking),
            ],
        );
        let body = Body {
            model,
            input: sent(request)?,
            dimensions: request.dimensions,
            user: request.user.as_deref(),
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &EmbeddingRequest,
    ) -> Result<EmbeddingResponse, Rejection> {
        answer::vectors(body, Number::Float, request)
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
        2048
    }

    fn request_fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","input":"Hi"}"#
    }
}

/// Not base64, which few of the vendors shaped like OpenAI know.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Input<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Texts(Vec<std::borrow::Cow<'a, str>>),
    Tokens(Vec<&'a [u32]>),
}

/// All texts, or all tokens: the vendor takes no mixture.
fn sent(request: &EmbeddingRequest) -> Result<Input<'_>, Rejection> {
    let tokens = request.inputs.iter().map(|input| match input {
        Embedded::Tokens(tokens) => Some(tokens.as_slice()),
        _ => None,
    });
    if let Some(tokens) = tokens.collect() {
        return Ok(Input::Tokens(tokens));
    }
    let texts = request.inputs.iter().map(as_text);
    Ok(Input::Texts(texts.collect::<Result<_, _>>()?))
}

/// A text, its tokens, or a list of either.
fn inputs(value: Value<'_, '_>) -> Result<Vec<Embedded>, Rejection> {
    let numbers = |text: &str| {
        let first = text.trim_start_matches('[').trim_start();
        first.starts_with(|c: char| c.is_ascii_digit() || c == '-')
    };
    // `[1,2]` is one input, `[[1,2]]` a list of one.
    if value.text().starts_with('[') && !value.text()[1..].trim_start().starts_with('[') {
        if numbers(value.text()) {
            return Ok(vec![tokens(value)?]);
        }
        return one_or_more(value, text);
    }
    one_or_more(value, |one| match one.is_array() {
        true => tokens(one),
        false => text(one),
    })
}

/// OpenAI takes no empty text.
fn text(value: Value<'_, '_>) -> Result<Embedded, Rejection> {
    match value.string()? {
        text if text.is_empty() => Err(value.invalid("must not be an empty string")),
        text => Ok(Embedded::Text(text.into_owned())),
    }
}

fn tokens(value: Value<'_, '_>) -> Result<Embedded, Rejection> {
    let tokens: Vec<u32> = serde_json::from_str(value.text())
        .map_err(|_| value.invalid("expected tokens: whole numbers from 0"))?;
    match tokens.is_empty() {
        true => Err(value.invalid("must not be empty")),
        false => Ok(Embedded::Tokens(tokens)),
    }
}

/// A length of vectors.
pub(super) fn dimensions(value: Value<'_, '_>) -> Result<u32, Rejection> {
    crate::openai::read::whole(value, 1, 65_536)
}

/// The words of those who have this field beside OpenAI's own.
fn purpose(value: Value<'_, '_>, losses: &mut Losses) -> Result<Option<Purpose>, Rejection> {
    let word = value.string()?;
    Ok(match &*word {
        "query" | "search_query" => Some(Purpose::Query),
        "passage" | "document" | "search_document" => Some(Purpose::Document),
        "classification" => Some(Purpose::Classification),
        "clustering" => Some(Purpose::Clustering),
        _ => {
            losses.add("input_type", "an unknown word");
            None
        }
    })
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    field("input (text)", r#"{"input":"there"}"#),
    field("input (texts)", r#"{"input":["Hi","there"]}"#),
    field("input (tokens)", r#"{"input":[[1,2],[3]]}"#),
    field("encoding_format", r#"{"encoding_format":"base64"}"#),
    field("dimensions", r#"{"dimensions":256}"#),
    field("user", r#"{"user":"u1"}"#),
    field("input_type", r#"{"input_type":"query"}"#),
];
