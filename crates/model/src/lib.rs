//! The vocabulary that every other crate speaks: what a client asks ([`Request`]), what a model
//! answers ([`Response`], or a stream of [`Event`]s), what it cost ([`Usage`], [`Money`]) and why
//! something was refused ([`Rejection`]).
//!
//! Nothing here does IO, knows a vendor's field name, or depends on an async runtime.

mod block;
mod context;
mod dialect;
mod embedding;
mod event;
mod fold;
mod json;
mod law;
mod loss;
mod money;
mod payload;
mod rejection;
mod request;
mod rerank;
mod response;
mod sealed;
mod shape;
mod usage;

pub use block::{Block, CacheMark, CacheTtl, Content, Media, MediaSource, ToolCall, ToolResult};
pub use context::{Capabilities, Cx, IdMint, Quirks, ReasoningControl};
pub use dialect::{Dialect, Operation};
pub use embedding::{
    Embedded, EmbeddedPart, EmbeddingRequest, EmbeddingResponse, Number, Packing, Purpose,
    Truncate, Vector,
};
pub use event::{Delta, Event, Opened};
pub use fold::{Fold, fold, unfold};
pub use json::Json;
pub use law::{Laws, Violation};
pub use loss::{Loss, Losses};
pub use money::{Money, Price, Priced};
pub use payload::Payload;
pub use rejection::{Kind, Rejection, Retry, Source};
pub use request::{
    Effort, Message, OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice,
};
pub use rerank::{Ranked, Relevance, RerankRequest, RerankResponse};
pub use response::{Choice, Finish, FinishReason, Response};
pub use sealed::{KEPT, SEALED, TRACE, is_sealed};
pub use shape::{Shape, Spoken};
pub use usage::Usage;
