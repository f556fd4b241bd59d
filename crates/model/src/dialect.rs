//! Which wire format is spoken, and what is asked over it.

use serde::Serialize;

/// A vendor's chat wire format. One folder of the dialect crate implements each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI Chat Completions and the many APIs shaped like it.
    OpenAiChat,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Google's generateContent, of AI Studio and Vertex.
    Gemini,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Cohere's v2 chat.
    CohereChat,
}

impl Dialect {
    /// Every dialect, in the order in which tables list them.
    pub const ALL: [Dialect; 5] = [
        Dialect::OpenAiChat,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
        Dialect::OpenAiResponses,
        Dialect::CohereChat,
    ];

    /// The name used in configuration, metrics and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::AnthropicMessages => "anthropic_messages",
            Dialect::Gemini => "gemini",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::CohereChat => "cohere_chat",
        }
    }

    /// Whose proof of reasoning this is, where that can be told: one that begins with a dialect's name
    /// and a slash is that vendor's, and means nothing to another.
    pub fn signer(signature: &str) -> Option<Dialect> {
        let signed = |dialect: &Dialect| {
            let rest = signature.strip_prefix(dialect.name());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        Dialect::ALL.into_iter().find(signed)
    }
}

/// What a call asks for. Chat is translated between dialects, embeddings and reranking between
/// shapes; the others travel natively.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A conversation turn.
    #[default]
    Chat,
    /// A legacy text completion.
    Completion,
    /// Vectors for texts.
    Embedding,
    /// Documents in the order of their relevance.
    Rerank,
    /// How many input tokens a chat request would use.
    CountTokens,
    /// Pictures from words.
    ImageGeneration,
    /// Pictures from pictures and words.
    ImageEdit,
    /// Pictures like a picture.
    ImageVariation,
    /// Words spoken.
    Speech,
    /// Sound written down.
    Transcription,
    /// Sound written down in English.
    Translation,
    /// Whether a text or picture is harmful.
    Moderation,
    /// Files kept by the vendor.
    Files,
    /// Many requests at once, answered later.
    Batches,
    /// Models trained on files.
    FineTuning,
    /// Indexes over files.
    VectorStores,
    /// Files sent in parts.
    Uploads,
    /// Films from words, made in the background.
    Videos,
    /// Whatever else a provider offers, untouched.
    PassThrough,
    /// A conversation made shorter.
    Compact,
    /// A spoken conversation over one connection.
    Realtime,
    /// A key with which a client's own client can speak so.
    ClientSecret,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 22] = [
        Operation::Chat,
        Operation::Completion,
        Operation::Embedding,
        Operation::Rerank,
        Operation::CountTokens,
        Operation::ImageGeneration,
        Operation::ImageEdit,
        Operation::ImageVariation,
        Operation::Speech,
        Operation::Transcription,
        Operation::Translation,
        Operation::Moderation,
        Operation::Files,
        Operation::Batches,
        Operation::FineTuning,
        Operation::VectorStores,
        Operation::Uploads,
        Operation::Videos,
        Operation::PassThrough,
        Operation::Compact,
        Operation::Realtime,
        Operation::ClientSecret,
    ];

    /// The name used in metrics and the ledger; the OpenTelemetry GenAI name where one exists.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Chat => "chat",
            Operation::Completion => "text_completion",
            Operation::Embedding => "embeddings",
            Operation::Rerank => "rerank",
            Operation::CountTokens => "count_tokens",
            Operation::ImageGeneration => "image_generation",
            Operation::ImageEdit => "image_edit",
            Operation::ImageVariation => "image_variation",
            Operation::Speech => "speech",
            Operation::Transcription => "transcription",
            Operation::Translation => "translation",
            Operation::Moderation => "moderation",
            Operation::Files => "files",
            Operation::Batches => "batches",
            Operation::FineTuning => "fine_tuning",
            Operation::VectorStores => "vector_stores",
            Operation::Uploads => "uploads",
            Operation::Videos => "videos",
            Operation::PassThrough => "pass_through",
            Operation::Compact => "compact",
            Operation::Realtime => "realtime",
            Operation::ClientSecret => "client_secrets",
        }
    }

    /// Whether the answer is a conversation's, or counts its tokens: in the words of a chat dialect.
    pub const fn is_chat(self) -> bool {
        matches!(
            self,
            Operation::Chat
                | Operation::Completion
                | Operation::Embedding
                | Operation::Rerank
                | Operation::CountTokens
                | Operation::Compact
                | Operation::Realtime
        )
    }
}
