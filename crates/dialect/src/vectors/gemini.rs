//! Google's `batchEmbedContents`, and `embedContent` for one input.
//! <https://ai.google.dev/api/embeddings>
//!
//! The path names the model; the requests of a batch name it again, and must name the same.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{
    Embedded, EmbeddedPart, EmbeddingRequest, EmbeddingResponse, Losses, Media, MediaSource,
    Number, Purpose, Rejection, Usage,
};

use super::answer::{self, Written};
use super::input::{no_tokens, of_parts, one_kind, several};
use super::openai::dimensions;
use super::{ONLY_HERE, UNKNOWN, Wire, encoded, lacks};
use crate::gemini::camel;
use crate::json::read::{Object, Value};
use crate::json::splice::Splices;
use crate::json::{scan, write};
use crate::openai::media::plain;
use crate::{Decoded, Encoded, Field, Head};

/// The shape, both sides.
pub(super) struct Gemini {
    /// Whether it is the method for one input.
    pub(super) one: bool,
}

/// Its words for what vectors are for.
const TASKS: &[(&str, Purpose)] = &[
    ("RETRIEVAL_QUERY", Purpose::Query),
    ("RETRIEVAL_DOCUMENT", Purpose::Document),
    ("CLASSIFICATION", Purpose::Classification),
    ("CLUSTERING", Purpose::Clustering),
    ("SEMANTIC_SIMILARITY", Purpose::Similarity),
    ("QUESTION_ANSWERING", Purpose::QuestionAnswering),
    ("FACT_VERIFICATION", Purpose::FactVerification),
    ("CODE_RETRIEVAL_QUERY", Purpose::CodeQuery),
    ("RETRIEVAL_DOCUMENT", Purpose::CodeDocument),
];

impl Wire<EmbeddingRequest, EmbeddingResponse> for Gemini {
    fn path(&self) -> &'static str {
        match self.one {
            true => "/models/{model}:embedContent",
            false => "/models/{model}:batchEmbedContents",
        }
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<EmbeddingRequest>, Rejection> {
        let mut losses = Losses::default();
        let mut object = camel(Object::of_body(body)?);
        if self.one {
            let value = one(object, &mut losses)?;
            return Ok(Decoded { value, losses });
        }
        let requests = object.require("requests", |list| {
            several(list, |item| {
                let request = one(camel(item.object()?), &mut losses)?;
                Ok((request, item.path.to_string()))
            })
        })?;
        object.lose_rest(UNKNOWN, &mut losses);
        let mut requests = requests.into_iter();
        let Some((mut value, _)) = requests.next() else {
            return Err(Rejection::invalid("`requests`: must not be empty."));
        };
        let mut inputs = std::mem::take(&mut value.inputs);
        for (mut request, place) in requests {
            inputs.append(&mut request.inputs);
            if request != value {
                let message = "The requests of this batch ask for vectors of different kinds, and \
                               another vendor's model gives one kind at once. Send them apart.";
                return Err(Rejection::invalid(message).with_param(place));
            }
        }
        value.inputs = inputs;
        Ok(Decoded { value, losses })
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
                ("truncate", request.truncate.is_some()),
                ("late_chunking", request.late_chunking),
                ("user", request.user.is_some()),
            ],
        );
        let task = request.purpose.and_then(|purpose| {
            if purpose == Purpose::CodeDocument {
                losses.add("input_type", "sent as `RETRIEVAL_DOCUMENT`");
            }
            let known = TASKS.iter().find(|(_, known)| *known == purpose);
            known.map(|(word, _)| *word)
        });
        let requests = request.inputs.iter().map(|input| {
            Ok(RequestOut {
                model: format!("models/{model}"),
                content: ContentOut {
                    parts: parts(input)?,
                },
                task_type: task,
                title: request.title.as_deref(),
                output_dimensionality: request.dimensions,
            })
        });
        let requests = requests.collect::<Result<_, Rejection>>()?;
        Ok(encoded(&Body { requests }, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &EmbeddingRequest,
    ) -> Result<EmbeddingResponse, Rejection> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            embeddings: Vec<Item<'a>>,
        }
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(borrow)]
            values: &'a RawValue,
        }
        let answer: Answer<'_> = answer::parse(body)?;
        let vectors = answer.embeddings.iter();
        let vectors = vectors.map(|item| answer::vector(item.values));
        let vectors = vectors.collect::<Result<_, _>>()?;
        answer::whole(None, vec![(Number::Float, vectors)], request, body)
    }

    fn encode_response(
        &self,
        answer: &EmbeddingResponse,
        request: &EmbeddingRequest,
        _model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        let Some((number, vectors)) = answer.sets.first() else {
            return Err(super::receipt::not_an_answer());
        };
        let vectors = answer::written(vectors, *number, request.packing)?;
        let mut vectors = vectors.into_iter().map(|values| Values { values });
        let embeddings = match self.one {
            true => EmbeddingsOut::One {
                embedding: vectors.next(),
            },
            false => EmbeddingsOut::Several {
                embeddings: vectors.collect(),
            },
        };
        Ok(write::to_vec(&Out {
            embeddings,
            usage_metadata: answer.usage.as_ref().map(UsageOut::from),
        }))
    }

    fn most_inputs(&self) -> usize {
        100
    }

    fn request_fields(&self) -> &'static [Field] {
        match self.one {
            true => ONE_FIELDS,
            false => BATCH_FIELDS,
        }
    }

    fn minimal_request(&self) -> &'static str {
        match self.one {
            true => r#"{"content":{"parts":[{"text":"Hi"}]}}"#,
            false => r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"Hi"}]}}]}"#,
        }
    }
}

/// One request. Its model is the path's.
fn one(mut object: Object<'_, '_>, losses: &mut Losses) -> Result<EmbeddingRequest, Rejection> {
    object.read_string("model")?;
    object.lose("autoTruncate", ONLY_HERE, losses);
    let purpose = object.read("taskType", |v| {
        let word = v.string()?;
        let known = TASKS.iter().find(|(known, _)| *known == word);
        if known.is_none() && word != "TASK_TYPE_UNSPECIFIED" {
            losses.add(v.path.to_string(), "an unknown word");
        }
        Ok(known.map(|(_, purpose)| *purpose))
    })?;
    let request = EmbeddingRequest {
        inputs: vec![object.require("content", |v| content(v, losses))?],
        purpose: purpose.flatten(),
        title: object.read_string("title")?,
        dimensions: object.read("outputDimensionality", dimensions)?,
        ..EmbeddingRequest::default()
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(request)
}

fn content(value: Value<'_, '_>, losses: &mut Losses) -> Result<Embedded, Rejection> {
    let mut object = camel(value.object()?);
    // Who says it makes no difference to a vector.
    object.take("role");
    let parts = object.require("parts", |list| {
        several(list, |value| {
            let mut part = camel(value.object()?);
            let read = if let Some(text) = part.read_string("text")? {
                EmbeddedPart::Text(text)
            } else if let Some(media) = part.read("inlineData", inline)? {
                EmbeddedPart::Media(media)
            } else if let Some(media) = part.read("fileData", filed)? {
                EmbeddedPart::Media(media)
            } else {
                return Err(value.invalid("expected `text`, `inlineData` or `fileData`"));
            };
            part.lose_rest(ONLY_HERE, losses);
            Ok(read)
        })
    })?;
    object.lose_rest(UNKNOWN, losses);
    Ok(of_parts(parts))
}

fn inline(value: Value<'_, '_>) -> Result<Media, Rejection> {
    let mut object = camel(value.object()?);
    Ok(Media {
        media_type: object.read_string("mimeType")?,
        ..plain(MediaSource::Base64(
            object.require("data", |v| v.payload())?,
        ))
    })
}

fn filed(value: Value<'_, '_>) -> Result<Media, Rejection> {
    let mut object = camel(value.object()?);
    Ok(Media {
        media_type: object.read_string("mimeType")?,
        ..plain(MediaSource::Url(object.require_string("fileUri")?))
    })
}

/// The same name wherever a request names the model.
pub(super) fn name_model(head: &Head<'_>, upstream_model: &str, edits: &mut Splices) {
    let body = head.body;
    let mut name = |fields: &scan::TopLevel| {
        let Some(span) = fields.find(body, "model") else {
            return;
        };
        let named = scan::string(&body[span.value.clone()]);
        let named = named.as_deref().unwrap_or_default();
        if named.strip_prefix("models/").unwrap_or(named) != upstream_model {
            let name = format!("models/{upstream_model}");
            edits.replace(span.value.clone(), write::string(&name));
        }
    };
    name(&head.fields);
    let Some(requests) = head.fields.find(body, "requests") else {
        return;
    };
    for request in scan::elements(body, requests.value.clone()) {
        if let Some(fields) = scan::object_in(body, request) {
            name(&fields);
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    requests: Vec<RequestOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestOut<'a> {
    model: String,
    content: ContentOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

#[derive(Serialize)]
struct ContentOut<'a> {
    parts: Vec<PartOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum PartOut<'a> {
    Text(&'a str),
    InlineData {
        mime_type: Cow<'a, str>,
        data: &'a str,
    },
    FileData {
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'a str>,
        file_uri: &'a str,
    },
}

fn parts(input: &Embedded) -> Result<Vec<PartOut<'_>>, Rejection> {
    match input {
        Embedded::Text(text) => Ok(vec![PartOut::Text(text)]),
        Embedded::Tokens(_) => Err(no_tokens()),
        Embedded::Parts(parts) => parts.iter().map(part).collect(),
    }
}

fn part(part: &EmbeddedPart) -> Result<PartOut<'_>, Rejection> {
    let media = match part {
        EmbeddedPart::Text(text) => return Ok(PartOut::Text(text)),
        EmbeddedPart::Media(media) => media,
    };
    let media_type = media.media_type.as_deref();
    match &media.source {
        MediaSource::Base64(data) => Ok(PartOut::InlineData {
            mime_type: media_type.unwrap_or("image/png").into(),
            data,
        }),
        MediaSource::Url(file_uri) => Ok(PartOut::FileData {
            mime_type: media_type,
            file_uri,
        }),
        MediaSource::FileId(_) | MediaSource::Text(_) => Err(Rejection::invalid(
            "A file that is kept at another vendor cannot be sent to this model.",
        )),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Out {
    #[serde(flatten)]
    embeddings: EmbeddingsOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageOut>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum EmbeddingsOut {
    One { embedding: Option<Values> },
    Several { embeddings: Vec<Values> },
}

#[derive(Serialize)]
struct Values {
    values: Written,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageOut {
    prompt_token_count: u64,
}

impl From<&Usage> for UsageOut {
    fn from(usage: &Usage) -> UsageOut {
        UsageOut {
            prompt_token_count: usage.input_tokens,
        }
    }
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// A request of a batch with more in it.
macro_rules! batch {
    ($more:literal) => {
        concat!(
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"Hi"}]},"#,
            $more,
            "}]}"
        )
    };
}

#[rustfmt::skip]
const BATCH_FIELDS: &[Field] = &[
    field("requests[].content (text)", r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"Hi"}]}},{"model":"models/m","content":{"parts":[{"text":"there"}]}}]}"#),
    field("requests[].content (picture)", r#"{"requests":[{"model":"models/m","content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}}]}"#),
    field("requests[].taskType", batch!(r#""taskType":"RETRIEVAL_QUERY""#)),
    field("requests[].title", batch!(r#""taskType":"RETRIEVAL_DOCUMENT","title":"T""#)),
    field("requests[].outputDimensionality", batch!(r#""outputDimensionality":256"#)),
];

#[rustfmt::skip]
const ONE_FIELDS: &[Field] = &[
    field("content", r#"{"content":{"parts":[{"text":"there"}]}}"#),
    field("taskType", r#"{"taskType":"SEMANTIC_SIMILARITY"}"#),
    field("title", r#"{"taskType":"RETRIEVAL_DOCUMENT","title":"T"}"#),
    field("outputDimensionality", r#"{"outputDimensionality":256}"#),
];
