//! Chaos at the desk: faults as values, planned from a seed, applied to members and their links, recorded, and always
//! healed.
//!
//! The way through: a [`Profile`] says which monkeys there are, [`Plan::draw`] decides from a seed what each will do
//! and when, [`Links`] puts proxies between members before they start, [`Journal`] claims the run's directory, and
//! [`Chaos`] carries the plan out and writes `faults.jsonl`. After a crash, [`leftovers`] ends what is left.
//!
//! This crate never prints, never exits, judges no history and knows no test command. Everything it listens on is on
//! 127.0.0.1.

mod containers;
mod disturb;
mod environment;
mod fault;
mod gateway;
mod journal;
pub mod leftovers;
mod links;
pub mod log;
mod plan;
mod profile;
mod quiet;
mod runner;
mod shape;
mod target;

pub use containers::{
    Abilities, AppliedRules, ContainerError, Containers, Engine, EngineError, Namespace, RuleError,
};
pub use environment::{Backend, Environment, Unavailable};
pub use fault::{Direction, Disruption, Exec, Fault, Kind, LinkFault};
pub use gateway::{API as ETCD_GATEWAY, Gateway, GatewayError};
pub use journal::{Journal, JournalError, Undo};
pub use links::{Counts, LinkRow, Links, LinksError};
pub use plan::{Plan, PlanError, PlannedFault, PlannedMonkey};
pub use profile::{Deed, Monkey, Profile, ProfileError, QuietWindows, Range};
pub use runner::{Chaos, ChaosError, NotRecovered, Observer, Recovery, Settings};
pub use shape::{Pair, Shape, majorities, majority_untouched};
pub use target::Target;
