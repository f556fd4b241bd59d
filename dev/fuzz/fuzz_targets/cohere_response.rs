//! Any whole answer of a Cohere upstream is a failure, or an answer for every client.
#![no_main]

use weir_model::Dialect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::response::check(Dialect::CohereChat, input));
