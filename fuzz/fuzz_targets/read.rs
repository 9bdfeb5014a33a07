//! Whatever bytes come, the readers of foreign histories answer with operations or an error, and never panic.
//!
//! `cargo fuzz run read` needs a nightly compiler; with a stable one, `RUSTC_BOOTSTRAP=1 cargo fuzz run read` does. The
//! first byte picks the format, so that every reader meets every input. A bounded run on the same corpus, with
//! mutations and without cargo-fuzz, is among the checker's tests.
#![no_main]

use checker::formats::{self, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((&pick, rest)) = bytes.split_first() {
        let _ = formats::read("fuzz", rest, Some(Format::ALL[usize::from(pick) % Format::ALL.len()]), None);
    }
    let _ = formats::read("fuzz", bytes, None, None);
});
