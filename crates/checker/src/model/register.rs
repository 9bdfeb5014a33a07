//! One register: read, write, compare-and-set.

use rustc_hash::FxHashSet;
use std::borrow::Cow;

use super::{AsRegister, EntryOf, Model};
use crate::entry::Outcome;

/// A value, as a number: itself where it is a small number, else an index into the names of its [`Register`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub u32);

impl Value {
    /// No value: what a register holds before the first write.
    pub const NIL: Self = Self(u32::MAX);
    /// Stands for all values that nobody asks about.
    const UNSEEN: Self = Self(u32::MAX - 1);
    /// From here on values are indices into [`Register::names`].
    pub const NAMED: u32 = 1 << 31;
}

/// A register with read, write and compare-and-set.
#[derive(Clone, Debug)]
pub struct Register {
    /// What it holds before the first write.
    pub init: Value,
    /// Names of the values from [`Value::NAMED`] on.
    pub names: Vec<String>,
}

/// A request to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterOp {
    /// Read it.
    Read,
    /// Write it.
    Write(Value),
    /// Write `to` if it holds `from`.
    Cas {
        /// The value it must hold.
        from: Value,
        /// The value it shall hold.
        to: Value,
    },
}

/// A register's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterReply {
    /// To a read.
    Value(Value),
    /// To a write.
    Written,
    /// To a compare-and-set: whether it wrote.
    Swapped(bool),
}

impl Default for Register {
    fn default() -> Self {
        Self { init: Value::NIL, names: Vec::new() }
    }
}

impl Register {
    /// The value's name.
    #[must_use]
    pub fn name(&self, value: Value) -> String {
        if value == Value::NIL {
            return "nothing".to_owned();
        }
        let index = value.0.checked_sub(Value::NAMED).and_then(|index| self.names.get(index as usize));
        index.map_or_else(|| value.0.to_string(), |name| name.escape_debug().to_string())
    }
}

impl Model for Register {
    type State = Value;
    type Op = RegisterOp;
    type Reply = RegisterReply;
    type Key = ();

    fn init(&self) -> Value {
        self.init
    }

    #[inline]
    fn step(&self, state: &Value, op: &RegisterOp) -> (Option<Value>, RegisterReply) {
        match *op {
            RegisterOp::Read => (None, RegisterReply::Value(*state)),
            RegisterOp::Write(value) => (Some(value), RegisterReply::Written),
            RegisterOp::Cas { from, to } if from == *state => (Some(to), RegisterReply::Swapped(true)),
            RegisterOp::Cas { .. } => (None, RegisterReply::Swapped(false)),
        }
    }

    #[inline]
    fn is_read_only(&self, op: &RegisterOp, reply: &RegisterReply) -> bool {
        *op == RegisterOp::Read || *reply == RegisterReply::Swapped(false)
    }

    #[inline]
    fn never_writes(&self, op: &RegisterOp) -> bool {
        *op == RegisterOp::Read
    }

    #[inline]
    fn observes(&self, op: &RegisterOp, _: &RegisterReply) -> bool {
        !matches!(op, RegisterOp::Write(_))
    }

    fn subject(&self, _: &RegisterOp, reply: &RegisterReply) -> Option<u64> {
        match reply {
            RegisterReply::Value(value) => Some(value.0.into()),
            _ => None,
        }
    }

    fn at_stake(&self, state: &Value, _: &RegisterOp) -> Option<u64> {
        Some(state.0.into())
    }

    fn provider_of(&self, op: &RegisterOp) -> Option<u64> {
        match op {
            RegisterOp::Read => None,
            RegisterOp::Write(value) | RegisterOp::Cas { to: value, .. } => Some(value.0.into()),
        }
    }

    /// A register that does not hold a value holds it again only after somebody wrote it.
    fn keeps(&self, state: &Value, _: &RegisterOp, reply: &RegisterReply) -> bool {
        *reply == RegisterReply::Value(*state)
    }

    fn provides(&self, writer: &RegisterOp, _: &RegisterOp, reply: &RegisterReply) -> bool {
        matches!(*writer, RegisterOp::Write(value) | RegisterOp::Cas { to: value, .. }
            if *reply == RegisterReply::Value(value))
    }

    /// Gives all values that no read returned and no compare-and-set expects one name.
    ///
    /// Proof. Let `h` map these values to one and leave the others alone. An order of the operations is legal before
    /// exactly if it is legal after: along the order the states are those of before, mapped by `h`; a read is legal if its
    /// value equals the state, a compare-and-set does what its expectation's equality to the state says; and the
    /// values of reads and expectations are fixed points of `h` that nothing else is mapped to. (Dropping unknown
    /// writes of such values instead would be wrong: one may be what made a compare-and-set fail.)
    fn blur(&self, entries: &mut [EntryOf<Self>]) {
        let mut asked = FxHashSet::from_iter([self.init]);
        for entry in &*entries {
            if let RegisterOp::Cas { from, .. } = entry.op {
                asked.insert(from);
            } else if let Outcome::Ok(RegisterReply::Value(value)) = entry.outcome {
                asked.insert(value);
            }
        }
        for entry in entries {
            if let RegisterOp::Write(value) | RegisterOp::Cas { to: value, .. } = &mut entry.op
                && !asked.contains(value)
            {
                *value = Value::UNSEEN;
            }
        }
    }

    fn as_register<'a>(&self, entries: &'a [EntryOf<Self>]) -> Option<AsRegister<'a>> {
        Some((self.init, Cow::Borrowed(entries)))
    }

    fn describe(&self, op: &RegisterOp, outcome: &Outcome<RegisterReply>) -> String {
        let what = match (*op, outcome) {
            (RegisterOp::Read, Outcome::Ok(RegisterReply::Value(value))) => {
                return format!("read {}", self.name(*value));
            }
            (RegisterOp::Read, _) => return "tried to read".to_owned(),
            (RegisterOp::Write(value), Outcome::Ok(_)) => return format!("wrote {}", self.name(value)),
            (RegisterOp::Write(value), _) => format!("write {}", self.name(value)),
            (RegisterOp::Cas { from, to }, Outcome::Ok(RegisterReply::Swapped(false))) => {
                let (from, to) = (self.name(from), self.name(to));
                return format!("was refused a change from {from} to {to}");
            }
            (RegisterOp::Cas { from, to }, Outcome::Ok(_)) => {
                return format!("changed {} to {}", self.name(from), self.name(to));
            }
            (RegisterOp::Cas { from, to }, _) => {
                format!("change {} to {}", self.name(from), self.name(to))
            }
        };
        super::tried(&what, outcome)
    }
}
