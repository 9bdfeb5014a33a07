//! A set of small numbers that finds its next member fast, for ranges over sparse keys.

/// Numbers below a fixed bound; one bit each, and one bit for each 64 of them.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    used: Vec<u64>,
}

impl Bits {
    pub(super) fn new(bound: usize, full: bool) -> Self {
        let mut bits = Self { words: vec![0; bound.div_ceil(64)], used: vec![0; bound.div_ceil(64 * 64)] };
        if full {
            (0..bound).for_each(|n| bits.insert(n as u32));
        }
        bits
    }

    pub(super) fn insert(&mut self, n: u32) {
        let word = n as usize / 64;
        self.words[word] |= 1 << (n % 64);
        self.used[word / 64] |= 1 << (word % 64);
    }

    pub(super) fn remove(&mut self, n: u32) {
        let word = n as usize / 64;
        self.words[word] &= !(1 << (n % 64));
        if self.words[word] == 0 {
            self.used[word / 64] &= !(1 << (word % 64));
        }
    }

    /// The least member that is `from` or more, and less than `to`.
    pub(super) fn next(&self, from: u32, to: u32) -> Option<u32> {
        let found = self.first_from(from as usize)?;
        (found < to as usize).then_some(found as u32)
    }

    fn first_from(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let rest = self.words.get(word)? & (u64::MAX << (from % 64));
        if rest != 0 {
            return Some(word * 64 + rest.trailing_zeros() as usize);
        }
        let word = word + 1;
        let mut at = word / 64;
        let mut used = self.used.get(at)? & (u64::MAX << (word % 64));
        while used == 0 {
            at += 1;
            used = *self.used.get(at)?;
        }
        let word = at * 64 + used.trailing_zeros() as usize;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_an_ordered_set(
            steps in proptest::collection::vec((any::<bool>(), 0..9_000_u32), 0..200),
            queries in proptest::collection::vec((0..9_000_u32, 0..9_000_u32), 20),
        ) {
            let (mut bits, mut set) = (Bits::new(9_000, false), BTreeSet::new());
            for (insert, n) in steps {
                if insert { bits.insert(n); set.insert(n); } else { bits.remove(n); set.remove(&n); }
            }
            for (from, to) in queries {
                prop_assert_eq!(bits.next(from, to), set.range(from..to.max(from)).next().copied());
            }
        }
    }
}
