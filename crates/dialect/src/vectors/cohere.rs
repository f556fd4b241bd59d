//! Cohere's embeddings and reranking, v2 and v1. Upstream it is always v2 but for clients of v1.
//! <https://docs.cohere.com/reference/embed>, <https://docs.cohere.com/reference/rerank>

mod rerank;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{
    Embedded, EmbeddedPart, EmbeddingRequest, EmbeddingResponse, Losses, Media, Number, Packing,
    Purpose, Rejection, Truncate, Usage,
};

use super::answer::{self, Written};
use super::input::{no_tokens, of_parts, several, text};
use super::openai::dimensions;
use super::receipt::not_an_answer;
use super::{ONLY_HERE, UNKNOWN, Wire, decode, encoded, lacks};
use crate::json::read::{Object, Value};
use crate::json::write;
use crate::openai::media::{Address, media};
use crate::openai::read::{each, one_of};
use crate::{Decoded, Encoded, Field};

/// The shape, both sides.
pub(super) struct Cohere {
    /// Whether it is the older version.
    pub(super) v1: bool,
}

/// Its words for what vectors are for. It wants one always.
const INPUT_TYPES: &[(&str, Purpose)] = &[
    ("search_query", Purpose::Query),
    ("search_document", Purpose::Document),
    ("classification", Purpose::Classification),
    ("clustering", Purpose::Clustering),
];

/// The word for documents, which is also what a client gets that says nothing.
const DOCUMENT: &str = "search_document";

const TRUNCATE: [(&str, Truncate); 3] = [
    ("NONE", Truncate::Never),
    ("START", Truncate::Start),
    ("END", Truncate::End),
];

impl Wire<EmbeddingRequest, EmbeddingResponse> for Cohere {
    fn path(&self) -> &'static str {
        match self.v1 {
            true => "/v1/embed",
            false => "/v2/embed",
        }
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<EmbeddingRequest>, Rejection> {
        decode(body, |object, losses| {
            let types = object.read("embedding_types", types)?.unwrap_or_default();
            let base64 = types.iter().any(|word| word == BASE64);
            let lists = Number::ALL.into_iter();
            let mut numbers: Vec<_> = lists
                .filter(|number| types.iter().any(|word| word == number.name()))
                .collect();
            let packing = match (base64, numbers.contains(&Number::Float)) {
                (true, true) => Packing::Both,
                (true, false) => Packing::Base64,
                _ => Packing::List,
            };
            if packing == Packing::Base64 {
                numbers.insert(0, Number::Float);
            }
            object.lose("max_tokens", ONLY_HERE, losses);
            object.lose("priority", ONLY_HERE, losses);
            let truncate =
                object.read("truncate", |v| one_of(v, &TRUNCATE.map(|(word, _)| word)))?;
            Ok(EmbeddingRequest {
                inputs: inputs(object, losses)?,
                purpose: object.read("input_type", purpose)?.flatten(),
                dimensions: object.read("output_dimension", dimensions)?,
                numbers,
                packing,
                truncate: truncate.and_then(|word| {
                    let known = TRUNCATE.iter().find(|(known, _)| *known == word);
                    known.map(|(_, truncate)| *truncate)
                }),
                ..EmbeddingRequest::default()
            })
        })
    }

    fn encode_request(
        &self,
        request: &EmbeddingRequest,
        model: &str,
    ) -> Result<Encoded, Rejection> {
        let mut losses = Losses::default();
        lacks(
            &mut losses,
            &[
                ("title", request.title.is_some()),
                ("late_chunking", request.late_chunking),
                ("user", request.user.is_some()),
            ],
        );
        let types = match request.numbers[..] {
            [] => vec![Number::Float.name()],
            ref asked => asked.iter().map(|number| number.name()).collect(),
        };
        let truncate = request.truncate.and_then(|asked| {
            let known = TRUNCATE.iter().find(|(_, truncate)| *truncate == asked);
            known.map(|(word, _)| *word)
        });
        let texts = request.inputs.iter().map(|input| match input {
            Embedded::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let texts: Option<Vec<_>> = texts.collect();
        let inputs = match texts {
            Some(_) => None,
            None => {
                let inputs = request.inputs.iter().map(sent);
                Some(inputs.collect::<Result<_, _>>()?)
            }
        };
        let body = Body {
            model,
            input_type: word(request.purpose, &mut losses),
            texts,
            inputs,
            embedding_types: types,
            output_dimension: request.dimensions,
            truncate,
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &EmbeddingRequest,
    ) -> Result<EmbeddingResponse, Rejection> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            id: Option<String>,
            #[serde(borrow)]
            embeddings: &'a RawValue,
        }
        let answer: Answer<'_> = answer::parse(body)?;
        let given = Sets::read(answer.embeddings).map_err(|_| not_an_answer())?;
        let read = |number, vectors: &[&RawValue]| {
            let vectors = vectors.iter().map(|raw| answer::vector(raw));
            Ok::<_, Rejection>((number, vectors.collect::<Result<_, _>>()?))
        };
        let mut sets = Vec::new();
        for number in Number::ALL {
            if let Some(vectors) = given.of(number) {
                sets.push(read(number, vectors)?);
            }
        }
        answer::whole(answer.id, sets, request, body)
    }

    fn encode_response(
        &self,
        answer: &EmbeddingResponse,
        request: &EmbeddingRequest,
        _model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        let by_type = !(self.v1 && request.numbers.is_empty());
        let mut sets = SetsOut::default();
        for (number, vectors) in &answer.sets {
            let is_float = *number == Number::Float;
            if is_float && request.packing != Packing::List {
                sets.base64 = Some(answer::written(vectors, *number, Packing::Base64)?);
            }
            if !is_float || request.packing != Packing::Base64 {
                let lists = answer::written(vectors, *number, Packing::List)?;
                *sets.slot(*number) = Some(lists);
            }
        }
        let texts = request.inputs.iter().filter_map(|input| match input {
            Embedded::Text(text) => Some(text.as_str()),
            _ => None,
        });
        Ok(write::to_vec(&Out {
            id: answer.id.as_deref().unwrap_or_default(),
            embeddings: match by_type {
                true => EmbeddingsOut::ByType(sets),
                false => EmbeddingsOut::Floats(sets.float.unwrap_or_default()),
            },
            texts: texts.collect(),
            meta: meta(self.v1, answer.usage.as_ref()),
            response_type: match by_type {
                true => "embeddings_by_type",
                false => "embeddings_floats",
            },
        }))
    }

    fn most_inputs(&self) -> usize {
        96
    }

    fn request_fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","texts":["Hi"]}"#
    }
}

const BASE64: &str = "base64";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Vec<InputOut<'a>>>,
    embedding_types: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<&'static str>,
}

#[derive(Serialize)]
struct InputOut<'a> {
    content: Vec<PartOut<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartOut<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: UrlOut<'a> },
}

#[derive(Serialize)]
struct UrlOut<'a> {
    url: Address<'a>,
}

fn sent(input: &Embedded) -> Result<InputOut<'_>, Rejection> {
    let content = match input {
        Embedded::Text(text) => vec![PartOut::Text { text }],
        Embedded::Tokens(_) => return Err(no_tokens()),
        Embedded::Parts(parts) => parts.iter().map(part).collect::<Result<_, _>>()?,
    };
    Ok(InputOut { content })
}

fn part(part: &EmbeddedPart) -> Result<PartOut<'_>, Rejection> {
    let media = match part {
        EmbeddedPart::Text(text) => return Ok(PartOut::Text { text }),
        EmbeddedPart::Media(media) => media,
    };
    let is_image = |media: &Media| {
        let kind = media.media_type.as_deref();
        kind.is_none_or(|kind| kind.starts_with("image/"))
    };
    let url = Address::of_image(media)
        .filter(|_| is_image(media))
        .ok_or_else(|| {
            Rejection::invalid(
                "The vendor of this model makes vectors of texts and pictures alone.",
            )
        })?;
    Ok(PartOut::ImageUrl {
        image_url: UrlOut { url },
    })
}

/// `texts`, `images` or `inputs`: one of them.
fn inputs(object: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Vec<Embedded>, Rejection> {
    let image =
        |value: Value<'_, '_>| Ok(Embedded::Parts(vec![EmbeddedPart::Media(media(value)?)]));
    let given = [
        object.read("texts", |v| each(v, text))?,
        object.read("images", |v| each(v, image))?,
        object.read("inputs", |v| each(v, |one| input(one, losses)))?,
    ];
    // Clients write the others as empty lists.
    let mut given = given.into_iter().flatten().filter(|list| !list.is_empty());
    match (given.next(), given.next()) {
        (Some(inputs), None) => Ok(inputs),
        _ => {
            let message = "Give one of `texts`, `images` and `inputs`, and let it not be empty.";
            Err(Rejection::invalid(message).with_param("texts"))
        }
    }
}

fn input(value: Value<'_, '_>, losses: &mut Losses) -> Result<Embedded, Rejection> {
    let mut object = value.object()?;
    let parts = object.require("content", |content| {
        several(content, |part| {
            let mut part = part.object()?;
            let kind = part.require("type", |v| one_of(v, &["text", "image_url"]))?;
            let read = match kind.as_str() {
                "text" => EmbeddedPart::Text(part.require_string("text")?),
                _ => EmbeddedPart::Media(part.require("image_url", |v| {
                    let mut image = v.object()?;
                    image.lose("detail", ONLY_HERE, losses);
                    image.require("url", media)
                })?),
            };
            part.lose_rest(UNKNOWN, losses);
            Ok(read)
        })
    })?;
    object.lose_rest(UNKNOWN, losses);
    Ok(of_parts(parts))
}

fn types(value: Value<'_, '_>) -> Result<Vec<String>, Rejection> {
    let [a, b, c, d, e] = Number::ALL.map(Number::name);
    each(value, |word| one_of(word, &[a, b, c, d, e, BASE64]))
}

/// `image` says what the input is, and not what its vector is for.
fn purpose(value: Value<'_, '_>) -> Result<Option<Purpose>, Rejection> {
    let words = [
        "search_document",
        "search_query",
        "classification",
        "clustering",
        "image",
    ];
    let word = one_of(value, &words)?;
    let known = INPUT_TYPES.iter().find(|(known, _)| *known == word);
    Ok(known.map(|(_, purpose)| *purpose))
}

fn word(purpose: Option<Purpose>, losses: &mut Losses) -> &'static str {
    let Some(purpose) = purpose else {
        return DOCUMENT;
    };
    if let Some((word, _)) = INPUT_TYPES.iter().find(|(_, known)| *known == purpose) {
        return word;
    }
    let word = match purpose {
        Purpose::QuestionAnswering | Purpose::FactVerification | Purpose::CodeQuery => {
            "search_query"
        }
        _ => DOCUMENT,
    };
    losses.add("input_type", format!("sent as `{word}`"));
    word
}

/// Vectors by the kind of their numbers; v1 and some hosts give floats without saying so.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sets<'a> {
    #[serde(borrow)]
    float: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    int8: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    uint8: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    binary: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    ubinary: Option<Vec<&'a RawValue>>,
}

impl<'a> Sets<'a> {
    fn read(embeddings: &'a RawValue) -> serde_json::Result<Sets<'a>> {
        if !embeddings.get().starts_with('[') {
            return serde_json::from_str(embeddings.get());
        }
        Ok(Sets {
            float: Some(serde_json::from_str(embeddings.get())?),
            ..Sets::default()
        })
    }

    fn of(&self, number: Number) -> Option<&[&'a RawValue]> {
        let set = match number {
            Number::Float => &self.float,
            Number::Int8 => &self.int8,
            Number::Uint8 => &self.uint8,
            Number::Binary => &self.binary,
            Number::Ubinary => &self.ubinary,
        };
        set.as_deref()
    }
}

#[derive(Serialize)]
struct Out<'a> {
    id: &'a str,
    embeddings: EmbeddingsOut,
    texts: Vec<&'a str>,
    meta: Meta,
    response_type: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum EmbeddingsOut {
    ByType(SetsOut),
    Floats(Vec<Written>),
}

#[derive(Default, Serialize)]
struct SetsOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    float: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int8: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uint8: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ubinary: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<Vec<Written>>,
}

impl SetsOut {
    fn slot(&mut self, number: Number) -> &mut Option<Vec<Written>> {
        match number {
            Number::Float => &mut self.float,
            Number::Int8 => &mut self.int8,
            Number::Uint8 => &mut self.uint8,
            Number::Binary => &mut self.binary,
            Number::Ubinary => &mut self.ubinary,
        }
    }
}

/// What was billed.
#[derive(Serialize)]
struct Meta {
    api_version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_units: Option<BilledUnits>,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct BilledUnits {
    #[serde(skip_serializing_if = "is_zero")]
    input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    search_units: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn meta(v1: bool, usage: Option<&Usage>) -> Meta {
    let version = if v1 { "1" } else { "2" };
    Meta {
        api_version: Version { version },
        billed_units: usage.map(|usage| BilledUnits {
            input_tokens: usage.input_tokens,
            search_units: usage.web_searches,
        }),
    }
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    field("input_type", r#"{"input_type":"search_query"}"#),
    field("texts", r#"{"texts":["Hi","there"]}"#),
    field("images", r#"{"texts":null,"images":["data:image/png;base64,iVBORw0KGgo="]}"#),
    field("inputs", r#"{"texts":null,"inputs":[{"content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}"#),
    field("max_tokens", r#"{"max_tokens":100}"#),
    field("output_dimension", r#"{"output_dimension":256}"#),
    field("embedding_types (float)", r#"{"embedding_types":["float"]}"#),
    field("embedding_types (base64)", r#"{"embedding_types":["base64"]}"#),
    field("embedding_types (one more)", r#"{"embedding_types":["int8"]}"#),
    field("embedding_types (several)", r#"{"embedding_types":["float","int8"]}"#),
    field("truncate", r#"{"truncate":"END"}"#),
    field("priority", r#"{"priority":1}"#),
];
