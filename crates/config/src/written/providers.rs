//! The section `providers`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timeouts;
use crate::{SecretString, Usd, UsdPerMtok};

/// A model vendor, or a server of one's own.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Provider {
    /// A name from the catalog, `openai-compatible`, `anthropic-compatible`, `gemini-compatible`,
    /// `cohere-compatible` or `custom`; the provider's own name when left out.
    pub(crate) kind: Option<String>,
    /// Where its API starts; the catalog's address when left out. To a host alone the usual path
    /// of a catalog provider is added, for each of its dialects; a URL with a path is taken as it
    /// is, for the first dialect and those that share its address.
    pub(crate) base_url: Option<String>,
    /// Base URLs by dialect (`openai_chat`, `anthropic_messages`, `openai_responses`, `gemini`), or by
    /// shape of embeddings and reranking (`voyage`, `jina`), instead of `base_url`.
    pub(crate) speaks: BTreeMap<String, String>,
    /// The credential. Left out, it comes from the variable that the vendor's own SDK reads, but
    /// only for the catalog's address.
    pub(crate) api_key: Option<SecretString>,
    /// Headers added to every request. The values are treated as secrets.
    pub(crate) headers: BTreeMap<String, SecretString>,
    /// Values for the `{names}` in the catalog's address. Left out, they come from the variables
    /// that the vendor's own SDK reads.
    pub(crate) variables: BTreeMap<String, String>,
    /// Top-level request fields that it refuses: removed before sending, and reported as a loss.
    pub(crate) drop: Vec<String>,
    /// Whether its models shape answers by a JSON schema; what the catalog knows when left out.
    pub(crate) json_schema: Option<bool>,
    /// Whether it takes the content of a message as one string only, so that whatever is not text
    /// is lost; what the catalog knows when left out.
    pub(crate) string_content: Option<bool>,
    /// What it can do besides chat (`embeddings`, `completions`, `count_tokens`, `images`, `speech`,
    /// `transcriptions`, `moderations`, `batches`, `fine_tuning`, `vector_stores`, `uploads`, `videos`);
    /// what the catalog knows when left out.
    pub(crate) operations: Option<Vec<String>>,
    /// What a batch costs, in percent of what its requests would cost one by one; what the catalog
    /// knows when left out.
    pub(crate) batch_percent: Option<u16>,
    /// Whether clients may reach all of its API, untouched, below `/NAME/`; `server.pass_through` when
    /// left out.
    pub(crate) pass_through: Option<bool>,
    /// How long to wait for it. What a model says goes first.
    pub(crate) timeouts: Timeouts,
    /// What the catalog does not know, or knows differently, by the vendor's model name.
    pub(crate) models: BTreeMap<String, ProviderModel>,
}

/// What a model of a provider costs and can do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderModel {
    /// What it costs, all of it: nothing is taken from the catalog's price.
    pub(crate) price: Option<ModelPrice>,
    /// The most input and output tokens together.
    pub(crate) context_window: Option<u64>,
    /// The most output tokens.
    pub(crate) max_output_tokens: Option<u64>,
    /// Whether it shapes answers by a JSON schema; what the provider says when left out.
    pub(crate) json_schema: Option<bool>,
    /// Whether it takes the content of a message as one string only; what the provider says when
    /// left out.
    pub(crate) string_content: Option<bool>,
}

/// A price. Amounts are decimals and are kept exactly.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelPrice {
    /// USD per million input tokens.
    pub(crate) input_usd_per_mtok: UsdPerMtok,
    /// USD per million output tokens, reasoning included.
    pub(crate) output_usd_per_mtok: UsdPerMtok,
    /// USD per million tokens read from the prompt cache; the input price when left out.
    pub(crate) cache_read_usd_per_mtok: Option<UsdPerMtok>,
    /// USD per million tokens written to the prompt cache; the input price when left out.
    pub(crate) cache_write_usd_per_mtok: Option<UsdPerMtok>,
    /// The same for an hour's cache; the price of other writes when left out.
    pub(crate) cache_write_1h_usd_per_mtok: Option<UsdPerMtok>,
    /// USD per million tokens of sound in; the input price when left out.
    pub(crate) input_audio_usd_per_mtok: Option<UsdPerMtok>,
    /// USD per million tokens of sound out; the output price when left out.
    pub(crate) output_audio_usd_per_mtok: Option<UsdPerMtok>,
    /// USD for each request; nothing when left out.
    pub(crate) request_usd: Option<Usd>,
    /// USD for each search that the vendor runs, and each search unit of reranking; nothing when left
    /// out.
    pub(crate) web_search_usd: Option<Usd>,
    /// USD for each picture made; by its tokens alone when left out.
    pub(crate) image_usd: Option<Usd>,
    /// USD for each minute of sound transcribed; by its tokens alone when left out.
    pub(crate) audio_minute_usd: Option<Usd>,
    /// USD for a million characters spoken; by tokens alone when left out.
    pub(crate) usd_per_mchar: Option<UsdPerMtok>,
}

impl From<&ModelPrice> for weir_model::Price {
    fn from(written: &ModelPrice) -> weir_model::Price {
        let pico = |amount: Option<UsdPerMtok>| amount.map(UsdPerMtok::pico_per_token);
        weir_model::Price {
            input_pico: written.input_usd_per_mtok.pico_per_token(),
            cache_read_pico: pico(written.cache_read_usd_per_mtok),
            cache_write_pico: pico(written.cache_write_usd_per_mtok),
            cache_write_1h_pico: pico(written.cache_write_1h_usd_per_mtok),
            input_audio_pico: pico(written.input_audio_usd_per_mtok),
            output_pico: written.output_usd_per_mtok.pico_per_token(),
            output_audio_pico: pico(written.output_audio_usd_per_mtok),
            request_nano: written.request_usd.map_or(0, Usd::nano_usd),
            web_search_nano: written.web_search_usd.map_or(0, Usd::nano_usd),
            image_nano: written.image_usd.map(Usd::nano_usd),
            audio_minute_nano: written.audio_minute_usd.map(Usd::nano_usd),
            character_pico: pico(written.usd_per_mchar),
        }
    }
}
