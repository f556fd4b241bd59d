//! What OpenAI's two chat APIs have in common: errors, the list of models, the words for thinking,
//! media, what a schema must be, and how a provider's departures are written. Knows nothing of
//! either API's messages. Cohere's chat takes from here what it took from OpenAI's.

pub(crate) mod annotation;
pub(crate) mod body;
pub(crate) mod choice;
pub(crate) mod effort;
pub(crate) mod failure;
pub(crate) mod head;
pub(crate) mod media;
pub(crate) mod models;
pub(crate) mod parameters;
pub(crate) mod quirks;
pub(crate) mod read;
pub(crate) mod rejection;
pub(crate) mod scalar;
pub(crate) mod strict;
