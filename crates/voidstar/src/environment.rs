//! What this library is told by its process's environment, and nothing else in it may read.

use std::ffi::OsString;

/// The text that seeds the draws: that of one execution of a command.
const SEED: &str = "DT_VOIDSTAR_SEED";
/// The file that gets what SDKs write, a JSON document a line.
const OUTPUT: &str = "DT_VOIDSTAR_OUTPUT";
/// The file in which the processes of one execution count themselves, by a byte each.
const PROCESSES: &str = "DT_VOIDSTAR_PROCESSES";
/// Members by name, `name=address:port` with commas between.
#[cfg_attr(test, expect(dead_code, reason = "read by what is preloaded"))]
const MEMBERS: &str = "DT_VOIDSTAR_MEMBERS";

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn read(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

pub(crate) fn seed() -> Option<OsString> {
    read(SEED)
}

pub(crate) fn output() -> Option<OsString> {
    read(OUTPUT)
}

pub(crate) fn processes() -> Option<OsString> {
    read(PROCESSES)
}

#[cfg(not(test))]
pub(crate) fn members() -> Option<OsString> {
    read(MEMBERS)
}
