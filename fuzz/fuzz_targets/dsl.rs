//! `dsl_text` in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: tessera_fuzz::leave_parser_threads_alone(), |data: &[u8]| tessera_fuzz::dsl_text(data));
