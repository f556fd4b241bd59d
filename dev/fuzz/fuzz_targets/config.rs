//! Any text is refused in words or understood, and no secret is ever shown.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weir_fuzz::config::check(input));
