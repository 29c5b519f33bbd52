//! libFuzzer's way into the types of names. It must not know what holds there.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::domain(data));
