//! `json` in `src/oauth.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tessera_fuzz::oauth::json(data));
