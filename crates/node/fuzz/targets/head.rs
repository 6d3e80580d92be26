//! The head of a request, after hyper has taken it apart: target, then headers, a line each.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node::proxy::fuzzing::head(bytes));
