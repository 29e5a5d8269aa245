//! Feeds the markdown translator and the planner with whatever a fuzzer thinks of.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spore_fuzz::check("fuzz.md", bytes));
