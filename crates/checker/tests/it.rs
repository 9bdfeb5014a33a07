//! Checks of the checker from outside.

#[path = "it/attack.rs"]
mod attack;
#[path = "it/generate.rs"]
mod generate;
#[path = "it/oracle.rs"]
mod oracle;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/shared.rs"]
mod shared;
