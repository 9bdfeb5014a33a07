//! The one place that names the SDK: properties, randomness, lifecycle.
//!
//! A binary catalogs every assertion that is compiled into it, whether it can reach it or not, and an assertion that
//! must be hit and never is fails on the platform. So a property is a macro here, and expands in the command that can
//! reach it: the catalog of a command holds what that command can show, and nothing else. The macros' messages are
//! listed in [`message`], each once.
//!
//! This crate must not know what is right: it is told the result of a comparison and hands it to the SDK.

// Linked for what it defines: the functions that instrumented code calls.
#[cfg(feature = "coverage")]
use antithesis_instrumentation as _;

mod config;
pub mod lifecycle;
mod macros;
pub mod message;
mod promises;
pub mod random;

#[doc(hidden)]
pub use antithesis_sdk as __sdk;
#[doc(hidden)]
pub use serde_json::json as __json;

/// Registers the catalog of this binary. The first line of every `main`: a process that ends before its first
/// assertion would otherwise be as if it had none.
pub fn init() {
    antithesis_sdk::antithesis_init();
}
