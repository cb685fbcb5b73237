#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    x2godirector::fuzzing::host_keys_request(bytes);
});
