//! libFuzzer's way into the request parser. It must not know what holds there.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::request(data));
