//! What a request asks, by its method and path, and in which dialect it wants to hear back.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use weir_model::{Dialect, Kind, Operation, Rejection, Shape, Source};

use crate::models::percent_decoded;
use crate::rejection::Failure;
use crate::session::Purpose;
use crate::stored::{self, Asked};

/// What can be asked on the API listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// An operation on a model, and what the path says of it.
    Operation(Dialect, Operation, Option<Named>),
    /// Something kept by a vendor, as files are: made, listed, fetched, deleted.
    Objects(Operation),
    /// Embeddings or reranking, and what the path says of the model. Where vendors share a path, the
    /// shape is the usual one, until the body tells.
    Vectors(Shape, Operation, Option<Named>),
    /// The models that the key may use.
    Models,
    /// One of them, by name.
    Model(String),
    /// A WebSocket.
    Session(Purpose),
    /// Something that the Responses API stored.
    Stored(Asked),
    /// Is the process alive?
    Health,
    /// Can it take calls?
    Ready,
}

/// What some dialects say in the path, and the others in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The model as the client named it.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
}

/// The operations on the model that a path names: what stands behind the name, and whether it streams.
const METHODS: [(&str, Dialect, Operation, bool); 3] = [
    (":generateContent", Dialect::Gemini, Operation::Chat, false),
    (
        ":streamGenerateContent",
        Dialect::Gemini,
        Operation::Chat,
        true,
    ),
    (
        ":countTokens",
        Dialect::Gemini,
        Operation::CountTokens,
        false,
    ),
];

/// Every other operation's path. The version prefix may be left out, as some SDKs are configured.
const OPERATIONS: [(&str, Dialect, Operation); 16] = [
    ("/chat/completions", Dialect::OpenAiChat, Operation::Chat),
    ("/messages", Dialect::AnthropicMessages, Operation::Chat),
    ("/completions", Dialect::OpenAiChat, Operation::Completion),
    (
        "/messages/count_tokens",
        Dialect::AnthropicMessages,
        Operation::CountTokens,
    ),
    ("/responses", Dialect::OpenAiResponses, Operation::Chat),
    ("/v2/chat", Dialect::CohereChat, Operation::Chat),
    (
        "/responses/input_tokens",
        Dialect::OpenAiResponses,
        Operation::CountTokens,
    ),
    (
        "/realtime/client_secrets",
        Dialect::OpenAiChat,
        Operation::ClientSecret,
    ),
    (
        "/responses/compact",
        Dialect::OpenAiResponses,
        Operation::Compact,
    ),
    (
        "/images/generations",
        Dialect::OpenAiChat,
        Operation::ImageGeneration,
    ),
    ("/images/edits", Dialect::OpenAiChat, Operation::ImageEdit),
    (
        "/images/variations",
        Dialect::OpenAiChat,
        Operation::ImageVariation,
    ),
    ("/audio/speech", Dialect::OpenAiChat, Operation::Speech),
    (
        "/audio/transcriptions",
        Dialect::OpenAiChat,
        Operation::Transcription,
    ),
    (
        "/audio/translations",
        Dialect::OpenAiChat,
        Operation::Translation,
    ),
    ("/moderations", Dialect::OpenAiChat, Operation::Moderation),
];

/// Where the objects of a kind are, and all that is below.
const OBJECTS: [(&str, Operation); 7] = [
    ("/files", Operation::Files),
    ("/batches", Operation::Batches),
    ("/messages/batches", Operation::Batches),
    ("/fine_tuning", Operation::FineTuning),
    ("/vector_stores", Operation::VectorStores),
    ("/uploads", Operation::Uploads),
    ("/videos", Operation::Videos),
];

/// The paths of embeddings and reranking, likewise.
const VECTORS: [(&str, Shape, Operation); 5] = [
    ("/embeddings", Shape::OpenAi, Operation::Embedding),
    ("/rerank", Shape::Jina, Operation::Rerank),
    ("/embed", Shape::CohereV1, Operation::Embedding),
    ("/v2/embed", Shape::Cohere, Operation::Embedding),
    ("/v2/rerank", Shape::Cohere, Operation::Rerank),
];

/// Those on the model that a path names.
const VECTOR_METHODS: [(&str, Shape); 2] = [
    (":embedContent", Shape::GeminiOne),
    (":batchEmbedContents", Shape::Gemini),
];

/// Checks what HTTP/1.1 demands of every head and hyper leaves to us (RFC 9112, section 3.2).
///
/// # Errors
/// 400 without a `Host`, or with several.
pub(crate) fn check_host(parts: &Parts) -> Result<(), Failure> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    if parts.version != Version::HTTP_11 || (hosts.next().is_some() && hosts.next().is_none()) {
        return Ok(());
    }
    Err(Rejection::invalid("Send one `Host` header, as HTTP/1.1 demands.").into())
}

/// Recognises a request.
///
/// # Errors
/// 404 for an unknown path, 405 for a known one with the wrong method; both say what would be right.
pub(crate) fn recognise(method: &Method, path: &str) -> Result<Surface, Failure> {
    let (surface, wanted) = match by_path(path) {
        Some(known) => known,
        None => match stored::recognise(method, tail(path)) {
            Some(Ok(asked)) => return Ok(Surface::Stored(asked)),
            Some(Err(wanted)) => return Err(wrong_method(path, method, wanted)),
            None => {
                let objects = objects(path).map(Surface::Objects);
                return objects.ok_or_else(|| unknown(path).into());
            }
        },
    };
    if method == wanted || (wanted == Method::GET && method == Method::HEAD) {
        return Ok(surface);
    }
    // A method of Google's that is not served, behind a model's name: what else is posted there.
    if method == Method::POST && matches!(surface, Surface::Model(_)) {
        return Err(unknown(path).into());
    }
    Err(wrong_method(path, method, wanted))
}

fn wrong_method(path: &str, method: &Method, wanted: Method) -> Failure {
    let message = format!("`{path}` is called with {wanted}, not {method}.");
    let rejection = Rejection::invalid(message)
        .with_status(405)
        .with_code("method_not_allowed");
    Failure {
        allow: Some(wanted),
        ..rejection.into()
    }
}

/// The refusal of a path that is not served.
fn unknown(path: &str) -> Rejection {
    let message = format!(
        "Unknown path `{path}`. This gateway serves /v1/chat/completions, /v1/responses and what is below \
         it, /v1/messages, /v1/messages/count_tokens, \
         /v1beta/models/MODEL:generateContent, /v2/chat, /v1/embeddings, /v2/embed, \
         /v1beta/models/MODEL:batchEmbedContents, /v1/rerank, /v2/rerank, /v1/completions, \
         /v1/images/..., /v1/audio/..., /v1/moderations, /v1/files, /v1/batches, \
         /v1/messages/batches, /v1/fine_tuning/..., /v1/vector_stores, /v1/uploads, /v1/videos and \
         /v1/models."
    );
    Rejection::new(Kind::NotFound, Source::Client, message).with_code("unknown_url")
}

/// A path without its version.
pub(crate) fn tail(path: &str) -> &str {
    let below = |version| {
        path.strip_prefix(version)
            .filter(|t: &&str| t.starts_with('/'))
    };
    below("/v1")
        .or_else(|| below("/v1beta").filter(|t| t.starts_with("/models") || t.contains(':')))
        .unwrap_or(path)
}

fn objects(path: &str) -> Option<Operation> {
    let tail = tail(path);
    let is_below = |root: &str| {
        let rest = tail.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let found = OBJECTS.iter().find(|(root, _)| is_below(root));
    found.map(|(_, operation)| *operation)
}

fn by_path(path: &str) -> Option<(Surface, Method)> {
    let tail = tail(path);
    if let Some((_, dialect, operation)) = OPERATIONS.iter().find(|(p, _, _)| *p == tail) {
        let surface = Surface::Operation(*dialect, *operation, None);
        return Some((surface, Method::POST));
    }
    if let Some((_, shape, operation)) = VECTORS.iter().find(|(p, _, _)| *p == tail) {
        return Some((Surface::Vectors(*shape, *operation, None), Method::POST));
    }
    // Some SDKs leave `models` out where a name has a slash.
    let named = tail.strip_prefix("/models/").or(tail.strip_prefix('/'));
    if let Some(surface) = named.and_then(on_model) {
        return Some((surface, Method::POST));
    }
    let surface = match tail {
        "/models" => Surface::Models,
        "/healthz" => Surface::Health,
        "/readyz" => Surface::Ready,
        _ => Surface::Model(
            tail.strip_prefix("/models/")
                .filter(|m| !m.is_empty())?
                .to_owned(),
        ),
    };
    Some((surface, Method::GET))
}

/// An operation on a model that the path names.
fn on_model(tail: &str) -> Option<Surface> {
    let named = |method: &str, stream: bool| {
        let model = tail.strip_suffix(method).filter(|m| !m.is_empty())?;
        let model = String::from_utf8(percent_decoded(model)).ok()?;
        Some(Some(Named { model, stream }))
    };
    let mut methods = METHODS.iter();
    let chat = methods.find_map(|(method, dialect, operation, stream)| {
        let named = named(method, *stream)?;
        Some(Surface::Operation(*dialect, *operation, named))
    });
    let mut methods = VECTOR_METHODS.iter();
    chat.or_else(|| {
        methods.find_map(|(method, shape)| {
            let named = named(method, false)?;
            Some(Surface::Vectors(*shape, Operation::Embedding, named))
        })
    })
}

/// The dialect in which to answer a request whose path does not tell.
pub(crate) fn spoken(path: &str, headers: &HeaderMap) -> Dialect {
    if path.starts_with("/v1beta/") || headers.contains_key("x-goog-api-key") {
        Dialect::Gemini
    } else if path.starts_with("/v2/") || names_itself(headers) {
        Dialect::CohereChat
    } else if path.contains("/messages") || headers.contains_key("anthropic-version") {
        Dialect::AnthropicMessages
    } else if path.contains("/responses") || path.contains("/conversations") {
        Dialect::OpenAiResponses
    } else {
        Dialect::OpenAiChat
    }
}

/// Whether the client is an SDK that shares `/v1/models` with others' and names itself.
fn names_itself(headers: &HeaderMap) -> bool {
    let name = headers.get("x-fern-sdk-name").map(HeaderValue::as_bytes);
    name.is_some_and(weir_dialect::cohere_chat::is_sdk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_paths() {
        let post = |path| recognise(&Method::POST, path);
        let chat = Surface::Operation(Dialect::OpenAiChat, Operation::Chat, None);
        assert_eq!(post("/v1/chat/completions"), Ok(chat.clone()));
        assert_eq!(post("/chat/completions"), Ok(chat));
        let count = Surface::Operation(Dialect::AnthropicMessages, Operation::CountTokens, None);
        assert_eq!(post("/v1/messages/count_tokens"), Ok(count));
        let responses = Surface::Operation(Dialect::OpenAiResponses, Operation::Chat, None);
        assert_eq!(post("/v1/responses"), Ok(responses));
        let cohere = Surface::Operation(Dialect::CohereChat, Operation::Chat, None);
        assert_eq!(post("/v2/chat"), Ok(cohere));
        let unserved = post("/v1beta/models/gemini-pro:predict").unwrap_err();
        assert_eq!(unserved.rejection.status, 404);
        let named = Some(Named {
            model: "m".into(),
            stream: false,
        });
        for (path, shape, operation, named) in [
            ("/v1/embeddings", Shape::OpenAi, Operation::Embedding, None),
            ("/embeddings", Shape::OpenAi, Operation::Embedding, None),
            ("/v1/embed", Shape::CohereV1, Operation::Embedding, None),
            ("/v2/embed", Shape::Cohere, Operation::Embedding, None),
            ("/v1/rerank", Shape::Jina, Operation::Rerank, None),
            ("/v2/rerank", Shape::Cohere, Operation::Rerank, None),
            (
                "/v1beta/models/m:batchEmbedContents",
                Shape::Gemini,
                Operation::Embedding,
                named,
            ),
        ] {
            assert_eq!(post(path), Ok(Surface::Vectors(shape, operation, named)));
        }
        let model = Surface::Model("openai/gpt-4o".into());
        assert_eq!(
            recognise(&Method::GET, "/v1/models/openai/gpt-4o"),
            Ok(model)
        );
    }

    #[test]
    fn knows_the_models_that_paths_name() {
        let named = |path: &str| match recognise(&Method::POST, path) {
            Ok(Surface::Operation(Dialect::Gemini, operation, Some(Named { model, stream }))) => {
                Some((operation, model, stream))
            }
            _ => None,
        };
        let model = "gemini/gemini-2.5-flash".to_owned();
        for path in [
            "/v1beta/models/gemini/gemini-2.5-flash:generateContent",
            "/v1/models/gemini%2Fgemini-2.5-flash:generateContent",
            "/v1beta/gemini/gemini-2.5-flash:generateContent",
        ] {
            assert_eq!(named(path), Some((Operation::Chat, model.clone(), false)));
        }
        let stream = named("/v1beta/models/llama3:8b:streamGenerateContent");
        assert_eq!(stream, Some((Operation::Chat, "llama3:8b".into(), true)));
        let count = named("/v1beta/models/m:countTokens");
        assert_eq!(count, Some((Operation::CountTokens, "m".into(), false)));
        assert_eq!(named("/v1beta/models/:generateContent"), None);
        let one = recognise(&Method::GET, "/v1beta/models/llama3:8b");
        assert_eq!(one, Ok(Surface::Model("llama3:8b".into())));
        assert!(recognise(&Method::POST, "/v1beta/chat/completions").is_err());
    }

    #[test]
    fn knows_who_speaks() {
        let mut headers = HeaderMap::new();
        assert_eq!(spoken("/v2/datasets", &headers), Dialect::CohereChat);
        assert_eq!(spoken("/v1/models", &headers), Dialect::OpenAiChat);
        for name in ["cohere", "cohere-ai", "github.com/cohere-ai/cohere-go/v2"] {
            headers.insert("x-fern-sdk-name", HeaderValue::from_static(name));
            assert_eq!(
                spoken("/v1/models", &headers),
                Dialect::CohereChat,
                "{name}"
            );
        }
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong_path = recognise(&Method::POST, "/v1/chat").unwrap_err().rejection;
        assert_eq!(wrong_path.status, 404);
        assert!(wrong_path.message.contains("/v1/chat/completions"));
        let stored = recognise(&Method::PUT, "/v1/responses/resp_1").unwrap_err();
        assert_eq!(stored.allow, Some(Method::GET));
        let wrong_method = recognise(&Method::GET, "/v1/messages").unwrap_err();
        assert_eq!(wrong_method.allow, Some(Method::POST));
        assert_eq!(wrong_method.rejection.status, 405);
        assert!(
            wrong_method
                .rejection
                .message
                .contains("with POST, not GET")
        );
    }
}
