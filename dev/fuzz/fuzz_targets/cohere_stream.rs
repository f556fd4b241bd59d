//! Any bytes that a Cohere upstream streams become a lawful stream for every client.
#![no_main]

use weir_model::Dialect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::stream::check(Dialect::CohereChat, input));
