//! A store of texts whose operations are transactions: several gets, puts, deletes and appends, of one key or of many, all
//! at one moment.

use std::collections::BTreeMap;

use super::{KeyValue, KvOp, KvReply, Model, Text};
use crate::entry::Outcome;

/// Transactions on a store of texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transactions {
    /// What each part of a transaction does.
    pub store: KeyValue,
}

impl Model for Transactions {
    type State = BTreeMap<Text, Text>;
    /// The parts, in order; each sees what those before it did.
    type Op = Vec<KvOp>;
    /// The reply to each part.
    type Reply = Vec<KvReply>;
    type Key = Text;

    fn init(&self) -> Self::State {
        self.store.init()
    }

    fn step(&self, state: &Self::State, op: &Vec<KvOp>) -> (Option<Self::State>, Vec<KvReply>) {
        let mut now: Option<Self::State> = None;
        let mut replies = Vec::with_capacity(op.len());
        for part in op {
            let (next, reply) = self.store.step(now.as_ref().unwrap_or(state), part);
            now = next.or(now);
            replies.push(reply);
        }
        (now, replies)
    }

    fn is_read_only(&self, op: &Vec<KvOp>, _: &Vec<KvReply>) -> bool {
        self.never_writes(op)
    }

    fn never_writes(&self, op: &Vec<KvOp>) -> bool {
        op.iter().all(|part| self.store.never_writes(part))
    }

    fn observes(&self, op: &Vec<KvOp>, _: &Vec<KvReply>) -> bool {
        op.iter().any(|part| self.store.never_writes(part))
    }

    /// Its key, if it has but one.
    fn partition(&self, op: &Vec<KvOp>) -> Option<Text> {
        let key = op.first()?.key();
        op.iter().all(|part| part.key() == key).then(|| key.clone())
    }

    fn subject(&self, op: &Vec<KvOp>, _: &Vec<KvReply>) -> Option<u64> {
        self.never_writes(op).then_some(0)
    }

    fn at_stake(&self, _: &Self::State, op: &Vec<KvOp>) -> Option<u64> {
        (!self.never_writes(op)).then_some(0)
    }

    fn provider_of(&self, op: &Vec<KvOp>) -> Option<u64> {
        op.iter().any(|part| self.store.provider_of(part).is_some()).then_some(0)
    }

    /// Of a transaction of gets: each of them is kept, or not, by itself.
    fn keeps(&self, state: &Self::State, op: &Vec<KvOp>, reply: &Vec<KvReply>) -> bool {
        op.iter().zip(reply).all(|(part, reply)| self.store.keeps(state, part, reply))
    }

    /// For one of the gets that the state does not keep, which may be any.
    fn provides(&self, writer: &Vec<KvOp>, op: &Vec<KvOp>, reply: &Vec<KvReply>) -> bool {
        let provides = |part: &KvOp, reply: &KvReply| {
            writer.iter().any(|writing| self.store.provides(writing, part, reply))
        };
        op.iter().zip(reply).any(|(part, reply)| provides(part, reply))
    }

    fn key_name(&self, key: &Text) -> String {
        self.store.key_name(key)
    }

    fn describe(&self, op: &Vec<KvOp>, outcome: &Outcome<Vec<KvReply>>) -> String {
        let outcome = |index: usize| match outcome {
            Outcome::Ok(replies) => replies.get(index).cloned().map_or(Outcome::Unknown, Outcome::Ok),
            Outcome::Failed => Outcome::Failed,
            Outcome::Unknown => Outcome::Unknown,
        };
        let parts: Vec<_> =
            op.iter().enumerate().map(|(index, part)| self.store.describe(part, &outcome(index))).collect();
        format!("at one moment {}", parts.join(", "))
    }
}
