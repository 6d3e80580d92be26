//! A certificate, as it lies in a file that somebody else writes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node::proxy::fuzzing::certificate(bytes));
