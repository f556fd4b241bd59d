//! Any whole answer of an OpenAI Responses upstream is a failure, or an answer for every client.
#![no_main]

use weir_model::Dialect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::response::check(
    Dialect::OpenAiResponses,
    input
));
