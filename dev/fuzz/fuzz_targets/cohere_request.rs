//! Any body of a Cohere client is refused, or understood and passed on.
#![no_main]

use weir_model::Dialect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::request::check(Dialect::CohereChat, input));
