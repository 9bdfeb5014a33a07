//! A register that counts its writes, as etcd counts those of a key: every reply carries the version that it is about.

use super::{Model, Register, RegisterOp, Value};
use crate::entry::Outcome;

/// A register whose replies carry its version: 0 before the first write, one more with each.
#[derive(Clone, Debug, Default)]
pub struct Versioned {
    /// What it holds, and how its values are called.
    pub register: Register,
}

/// The register's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionedReply {
    /// To a read: the version, and the value it has there.
    Value(u64, Value),
    /// To a write, or to a compare-and-set that wrote: the version that it made.
    Written(u64),
    /// To a compare-and-set that found another value.
    Refused,
}

impl Model for Versioned {
    type State = (u64, Value);
    type Op = RegisterOp;
    type Reply = VersionedReply;
    type Key = ();

    fn init(&self) -> Self::State {
        (0, self.register.init)
    }

    fn step(&self, &(version, held): &Self::State, op: &RegisterOp) -> (Option<Self::State>, VersionedReply) {
        let written = |value| (Some((version + 1, value)), VersionedReply::Written(version + 1));
        match *op {
            RegisterOp::Read => (None, VersionedReply::Value(version, held)),
            RegisterOp::Write(value) => written(value),
            RegisterOp::Cas { from, to } if from == held => written(to),
            RegisterOp::Cas { .. } => (None, VersionedReply::Refused),
        }
    }

    fn is_read_only(&self, _: &RegisterOp, reply: &VersionedReply) -> bool {
        !matches!(reply, VersionedReply::Written(_))
    }

    fn never_writes(&self, op: &RegisterOp) -> bool {
        *op == RegisterOp::Read
    }

    fn subject(&self, _: &RegisterOp, reply: &VersionedReply) -> Option<u64> {
        matches!(reply, VersionedReply::Value(..)).then_some(0)
    }

    fn at_stake(&self, _: &Self::State, op: &RegisterOp) -> Option<u64> {
        (!self.never_writes(op)).then_some(0)
    }

    /// Versions only grow: what a read saw is gone once the version is above it, and cannot come if its version holds
    /// something else.
    fn keeps(&self, &(version, held): &Self::State, _: &RegisterOp, reply: &VersionedReply) -> bool {
        match *reply {
            VersionedReply::Value(seen, value) => version < seen || (version == seen && held == value),
            VersionedReply::Written(_) | VersionedReply::Refused => true,
        }
    }

    fn provides(&self, _: &RegisterOp, _: &RegisterOp, _: &VersionedReply) -> bool {
        false
    }

    fn describe(&self, op: &RegisterOp, outcome: &Outcome<VersionedReply>) -> String {
        let name = |value| self.register.name(value);
        let what = match (*op, outcome) {
            (RegisterOp::Read, Outcome::Ok(VersionedReply::Value(version, value))) => {
                return format!("read {} at version {version}", name(*value));
            }
            (RegisterOp::Read, _) => return "tried to read".to_owned(),
            (RegisterOp::Write(value), Outcome::Ok(VersionedReply::Written(version))) => {
                return format!("wrote {} as version {version}", name(value));
            }
            (RegisterOp::Cas { from, to }, Outcome::Ok(VersionedReply::Written(version))) => {
                return format!("changed {} to {} as version {version}", name(from), name(to));
            }
            (RegisterOp::Cas { from, to }, Outcome::Ok(_)) => {
                return format!("was refused a change from {} to {}", name(from), name(to));
            }
            (RegisterOp::Write(value), _) => format!("write {}", name(value)),
            (RegisterOp::Cas { from, to }, _) => format!("change {} to {}", name(from), name(to)),
        };
        super::tried(&what, outcome)
    }
}
