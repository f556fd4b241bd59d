//! The shallow scan sees the same object as a real parser, and splices keep it one.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::json::check(input));
