//! `libvoidstar.so` for the desk: what the platform's library is to an SDK, so that unmodified commands in any language
//! draw from a run's seed, and what they assert is captured.
//!
//! It comes into a process in one of two ways. In a container it lies at `/usr/lib/libvoidstar.so`, where SDKs look for it.
//! A process without root gets it through `LD_PRELOAD`: then it answers `dlopen` of that path itself, and it lets commands
//! call members by their names although they listen on ports of loopback.
//!
//! It runs inside other people's programs: it must not print, panic, block or allocate more than a record needs, and where
//! its environment says nothing it does nothing. Static programs, and those that make system calls without the C
//! library, are out of its reach.

mod coverage;
mod draws;
mod environment;
mod members;
#[cfg(not(test))]
mod preload;
mod sink;

use std::ffi::c_char;

/// Takes one JSON document: an assertion, an event, the SDK's version.
///
/// # Safety
/// `data` points to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fuzz_json_data(data: *const c_char, length: usize) {
    if data.is_null() {
        return;
    }
    // SAFETY: the caller's promise; the bytes are only read, and only here.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };
    sink::append(bytes);
}

/// One draw, uniform over all values.
#[unsafe(no_mangle)]
pub extern "C" fn fuzz_get_random() -> u64 {
    draws::next()
}

/// Nothing is held back, so there is nothing to do.
#[unsafe(no_mangle)]
pub extern "C" fn fuzz_flush() {}
