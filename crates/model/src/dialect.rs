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
}

impl Dialect {
    /// Every dialect, in the order in which tables list them.
    pub const ALL: [Dialect; 4] = [
        Dialect::OpenAiChat,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
        Dialect::OpenAiResponses,
    ];

    /// The name used in configuration, metrics and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::AnthropicMessages => "anthropic_messages",
            Dialect::Gemini => "gemini",
            Dialect::OpenAiResponses => "openai_responses",
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

/// What a call asks for. Chat is translated between dialects; the others travel natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A conversation turn.
    Chat,
    /// A legacy text completion.
    Completion,
    /// Vectors for texts.
    Embedding,
    /// How many input tokens a chat request would use.
    CountTokens,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 4] = [
        Operation::Chat,
        Operation::Completion,
        Operation::Embedding,
        Operation::CountTokens,
    ];

    /// The name used in metrics and the ledger; the OpenTelemetry GenAI name where one exists.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Chat => "chat",
            Operation::Completion => "text_completion",
            Operation::Embedding => "embeddings",
            Operation::CountTokens => "count_tokens",
        }
    }
}
