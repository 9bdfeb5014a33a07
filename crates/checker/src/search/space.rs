//! The states that a search has met, each with a number, and the steps between them.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use crate::entry::Outcome;
use crate::model::{EntryOf, Model};

/// A fast hash for small keys of our own making; no attacker chooses them beyond what a budget bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mix(u64);

/// Builds [`Mix`].
pub(super) type MixBuilder = BuildHasherDefault<Mix>;

impl Mix {
    pub(super) fn add(&mut self, word: u64) {
        // An odd constant with well mixed bits (from the golden ratio).
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        // Tables use the low bits; multiplication leaves the good ones high.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.add(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.add(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }

    fn write_i64(&mut self, n: i64) {
        self.add(n.cast_unsigned());
    }

    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }
}

/// States by number, and numbers by state.
pub(super) struct Space<'a, M: Model> {
    model: &'a M,
    entries: &'a [EntryOf<M>],
    states: Vec<M::State>,
    /// Open addressing: number + 1 of the state, or 0. Its length is a power of two.
    table: Vec<u32>,
}

impl<'a, M: Model> Space<'a, M> {
    /// With the model's first state as number 0.
    pub(super) fn new(model: &'a M, entries: &'a [EntryOf<M>]) -> Self {
        let mut space = Self { model, entries, states: Vec::new(), table: vec![0; 16] };
        space.number(model.init());
        space
    }

    /// The state with this number.
    pub(super) fn state(&self, number: u32) -> &M::State {
        &self.states[number as usize]
    }

    /// So many states were met.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The state after the operation of this entry: `None` if its reply is not what the model gives in `state`.
    pub(super) fn step(&mut self, state: u32, entry: u32) -> Option<u32> {
        let entry = &self.entries[entry as usize];
        let (next, reply) = self.model.step(&self.states[state as usize], &entry.op);
        if let Outcome::Ok(expected) = &entry.outcome
            && *expected != reply
        {
            return None;
        }
        Some(next.map_or(state, |next| self.number(next)))
    }

    /// The number of the state.
    pub(super) fn number(&mut self, state: M::State) -> u32 {
        let mask = self.table.len() - 1;
        let mut at = hash(&state) & mask;
        while self.table[at] != 0 {
            let number = self.table[at] - 1;
            if self.states[number as usize] == state {
                return number;
            }
            at = (at + 1) & mask;
        }
        self.states.push(state);
        let number = u32::try_from(self.states.len()).expect("a budget keeps states below 2^32");
        self.table[at] = number;
        if self.states.len() * 2 > self.table.len() {
            self.grow();
        }
        number - 1
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        self.table = vec![0; mask + 1];
        for (number, state) in (1..).zip(&self.states) {
            let mut at = hash(state) & mask;
            while self.table[at] != 0 {
                at = (at + 1) & mask;
            }
            self.table[at] = number;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
fn hash<S: Hash>(state: &S) -> usize {
    MixBuilder::default().hash_one(state) as usize
}
