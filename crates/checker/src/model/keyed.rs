//! Many independent objects of one model, each with a name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{AsRegister, EntryOf, Model};
use crate::entry::Outcome;

/// One object of the model `M` for each key.
#[derive(Clone, Debug)]
pub struct Keyed<M> {
    /// The model of each.
    pub model: M,
    /// Their names, by number.
    pub names: Vec<String>,
}

/// A request to one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyedOp<O> {
    /// The object's number.
    pub key: u32,
    /// What was asked of it.
    pub op: O,
}

impl<M> Keyed<M> {
    /// The object's name.
    #[must_use]
    pub fn name(&self, key: u32) -> String {
        let name = self.names.get(key as usize);
        name.map_or_else(|| key.to_string(), |name| name.escape_debug().to_string())
    }
}

/// Any number for a subject of one of the objects.
fn mixed(key: u32, subject: u64) -> u64 {
    subject.rotate_left(32) ^ u64::from(key)
}

impl<M: Model> Model for Keyed<M> {
    /// Objects that were never changed are left out.
    type State = BTreeMap<u32, M::State>;
    type Op = KeyedOp<M::Op>;
    type Reply = M::Reply;
    type Key = u32;

    fn init(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &Self::State, op: &Self::Op) -> (Option<Self::State>, M::Reply) {
        let init = self.model.init();
        let (next, reply) = self.model.step(state.get(&op.key).unwrap_or(&init), &op.op);
        let next = next.map(|next| {
            let mut state = state.clone();
            if next == init {
                state.remove(&op.key)
            } else {
                state.insert(op.key, next)
            };
            state
        });
        (next, reply)
    }

    fn is_read_only(&self, op: &Self::Op, reply: &M::Reply) -> bool {
        self.model.is_read_only(&op.op, reply)
    }

    fn never_writes(&self, op: &Self::Op) -> bool {
        self.model.never_writes(&op.op)
    }

    fn observes(&self, op: &Self::Op, reply: &M::Reply) -> bool {
        self.model.observes(&op.op, reply)
    }

    fn effect(&self, op: &Self::Op) -> Self::Op {
        KeyedOp { key: op.key, op: self.model.effect(&op.op) }
    }

    fn partition(&self, op: &Self::Op) -> Option<u32> {
        Some(op.key)
    }

    fn subject(&self, op: &Self::Op, reply: &M::Reply) -> Option<u64> {
        self.model.subject(&op.op, reply).map(|subject| mixed(op.key, subject))
    }

    fn at_stake(&self, state: &Self::State, op: &Self::Op) -> Option<u64> {
        let init = self.model.init();
        let state = state.get(&op.key).unwrap_or(&init);
        self.model.at_stake(state, &op.op).map(|subject| mixed(op.key, subject))
    }

    fn provider_of(&self, op: &Self::Op) -> Option<u64> {
        self.model.provider_of(&op.op).map(|subject| mixed(op.key, subject))
    }

    fn keeps(&self, state: &Self::State, op: &Self::Op, reply: &M::Reply) -> bool {
        let init = self.model.init();
        self.model.keeps(state.get(&op.key).unwrap_or(&init), &op.op, reply)
    }

    fn provides(&self, writer: &Self::Op, op: &Self::Op, reply: &M::Reply) -> bool {
        writer.key == op.key && self.model.provides(&writer.op, &op.op, reply)
    }

    fn absurd(&self, op: &Self::Op, reply: &M::Reply) -> Option<String> {
        self.model.absurd(&op.op, reply)
    }

    fn key_name(&self, key: &u32) -> String {
        self.name(*key)
    }

    /// Of one object, as the parts of a history are.
    fn as_register<'a>(&self, entries: &'a [EntryOf<Self>]) -> Option<AsRegister<'a>> {
        let key = entries.first()?.op.key;
        if entries.iter().any(|entry| entry.op.key != key) {
            return None;
        }
        let entries: Vec<EntryOf<M>> = entries.iter().map(|entry| entry.clone().map_op(|op| op.op)).collect();
        let (init, register) = self.model.as_register(&entries)?;
        Some((init, Cow::Owned(register.into_owned())))
    }

    fn describe(&self, op: &Self::Op, outcome: &Outcome<M::Reply>) -> String {
        format!("{} of {}", self.model.describe(&op.op, outcome), self.name(op.key))
    }
}
