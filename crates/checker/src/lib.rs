//! Pure verdicts about histories: data in, data out.
//!
//! This crate does no I/O, reads no clock and owns no randomness. What it calls invalid is proved invalid, what it
//! calls valid has a witness, and what it could not decide or did not exercise it says.

mod check;
mod entry;
pub mod etcd;
mod evidence;
pub mod formats;
pub mod guarantees;
pub mod logs;
mod model;
mod options;
mod partition;
mod search;
mod verdict;
mod zones;

pub use check::{check, check_by_search};
pub use entry::{Entry, OPEN, Outcome};
pub use model::{
    AsRegister, Bank, BankOp, BankReply, EntryOf, KeyValue, Keyed, KeyedOp, KvOp, KvReply, Model, Mutex,
    MutexOp, MutexReply, Register, RegisterOp, RegisterReply, Text, Transactions, Value, Versioned,
    VersionedReply,
};
pub use options::{Budget, Options, Rules, Tactic, Times};
pub use verdict::{Counts, Engine, Report, UNRECORDED, UNRECORDED_LEASE, Verdict, Violation};
