//! Embeddings and reranking on their way to an upstream of another shape, and back. Decoded once
//! per call, encoded per target; more inputs than the target takes at once go in several requests.

use std::borrow::Cow;

use bytes::Bytes;
use weir_dialect::vectors::{self, RerankWire};
use weir_dialect::{Decoded, Encoded};
use weir_model::{
    EmbeddingRequest, EmbeddingResponse, Kind, Losses, Operation, Rejection, RerankRequest, Shape,
    Usage,
};

/// Most requests that one call may become.
const MOST_REQUESTS: usize = 32;

/// What a client asked, decoded.
#[derive(Debug)]
pub(crate) enum Asked {
    Embedding(Decoded<EmbeddingRequest>),
    Rerank(Decoded<RerankRequest>),
}

/// An answer for the client, and what it used.
#[derive(Debug)]
pub(crate) struct Reshaped {
    pub body: Vec<u8>,
    pub usage: Option<Usage>,
    pub losses: Losses,
}

impl Asked {
    /// Decodes a client's request.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field.
    pub(crate) fn decode(
        shape: Shape,
        operation: Operation,
        body: &Bytes,
    ) -> Result<Asked, Rejection> {
        match operation {
            Operation::Rerank => rerank(shape)?.decode_request(body).map(Asked::Rerank),
            _ => vectors::embeddings(shape)
                .decode_request(body)
                .map(Asked::Embedding),
        }
    }

    /// What decoding lost.
    pub(crate) fn losses(&self) -> &Losses {
        match self {
            Asked::Embedding(decoded) => &decoded.losses,
            Asked::Rerank(decoded) => &decoded.losses,
        }
    }

    /// The requests of a model at an upstream of a shape: one, or as many as its limit demands.
    ///
    /// # Errors
    /// When it cannot be asked there, or only in too many requests.
    pub(crate) fn encode(&self, shape: Shape, model: &str) -> Result<Vec<Encoded>, Rejection> {
        match self {
            Asked::Rerank(asked) => Ok(vec![rerank(shape)?.encode_request(&asked.value, model)?]),
            Asked::Embedding(asked) => {
                let wire = vectors::embeddings(shape);
                let pieces = split(&asked.value, wire.most_inputs())?;
                let encoded = pieces.iter().map(|piece| wire.encode_request(piece, model));
                encoded.collect()
            }
        }
    }

    /// The answers of an upstream of one shape, to all requests in order, as the answer for a client
    /// of another, which named the model `public`. Where the vendor did not say how many tokens
    /// were used, the client reads `guess`: a zero would be taken for one.
    ///
    /// # Errors
    /// The vendor's failure when a body holds one, else `Kind::Malformed`.
    pub(crate) fn answer(
        &self,
        (upstream, client): (Shape, Shape),
        public: &str,
        bodies: &[Bytes],
        guess: Usage,
    ) -> Result<Reshaped, Rejection> {
        let mut losses = Losses::default();
        let (body, usage) = match self {
            Asked::Rerank(asked) => {
                let body = bodies.first().map(|body| &**body).unwrap_or_default();
                let mut answer = rerank(upstream)?.decode_response(body, &asked.value)?;
                let usage = answer.usage;
                answer.usage = Some(told(usage, guess));
                let body = rerank(client)?.encode_response(&answer, &asked.value, public)?;
                (body, usage)
            }
            Asked::Embedding(asked) => {
                let wire = vectors::embeddings(upstream);
                let pieces = split(&asked.value, wire.most_inputs())?;
                let answers = pieces.iter().zip(bodies);
                let answers = answers.map(|(piece, body)| wire.decode_response(body, piece));
                let mut answer = merged(answers)?;
                if let Some((wanted, given)) = vectors::other_length(&answer, &asked.value) {
                    let reason = format!("the model gave {given} instead of {wanted}");
                    losses.add("dimensions", reason);
                }
                let usage = answer.usage;
                answer.usage = Some(told(usage, guess));
                let wire = vectors::embeddings(client);
                let body = wire.encode_response(&answer, &asked.value, public)?;
                (body, usage)
            }
        };
        Ok(Reshaped {
            body,
            usage,
            losses,
        })
    }
}

/// What a client reads of what was used.
fn told(reported: Option<Usage>, guess: Usage) -> Usage {
    let reported = reported.unwrap_or_default();
    Usage {
        input_tokens: match reported.input_tokens {
            0 => guess.input_tokens,
            tokens => tokens,
        },
        ..reported
    }
}

fn rerank(shape: Shape) -> Result<&'static RerankWire, Rejection> {
    vectors::rerank(shape).ok_or_else(|| {
        let message = "The provider of this model does not rank documents.";
        Rejection::invalid(message).with_param("model")
    })
}

/// The request in pieces of at most `most` inputs each.
fn split(
    request: &EmbeddingRequest,
    most: usize,
) -> Result<Vec<Cow<'_, EmbeddingRequest>>, Rejection> {
    let inputs = request.inputs.len();
    if inputs <= most {
        return Ok(vec![Cow::Borrowed(request)]);
    }
    if inputs.div_ceil(most) > MOST_REQUESTS {
        let most = most * MOST_REQUESTS;
        let message = format!(
            "The request has {inputs} inputs, and this model takes at most {most}. Send fewer at \
             once."
        );
        return Err(Rejection::invalid(message).with_param("input"));
    }
    let pieces = request.inputs.chunks(most);
    Ok(pieces
        .map(|inputs| Cow::Owned(request.asked_of(inputs.to_vec())))
        .collect())
}

/// The answers to the pieces as one; what was used is known when each of them says.
fn merged(
    mut answers: impl Iterator<Item = Result<EmbeddingResponse, Rejection>>,
) -> Result<EmbeddingResponse, Rejection> {
    let mut whole = answers.next().unwrap_or(Ok(EmbeddingResponse::default()))?;
    for next in answers {
        let mut next = next?;
        let kinds = |answer: &EmbeddingResponse| {
            let kinds = answer.sets.iter().map(|(number, _)| *number);
            kinds.collect::<Vec<_>>()
        };
        if kinds(&whole) != kinds(&next) {
            let message = "The provider's answers do not fit together.";
            return Err(Rejection::upstream(Kind::Malformed, message));
        }
        for ((_, vectors), (_, more)) in whole.sets.iter_mut().zip(&mut next.sets) {
            vectors.append(more);
        }
        whole.usage = whole.usage.zip(next.usage).map(|(sum, more)| Usage {
            input_tokens: sum.input_tokens.saturating_add(more.input_tokens),
            web_searches: sum.web_searches.saturating_add(more.web_searches),
            ..sum
        });
    }
    Ok(whole)
}
