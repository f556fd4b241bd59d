//! Any bytes are cut into the same frames however they are chunked, and none is lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::sse::check(input));
