#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    x2godirector::fuzzing::uccs_path(bytes);
});
