//! Sets of small numbers: a few machine words where they suffice, growable beyond.
//!
//! There is no largest set; the width only decides how fast it is.

use std::hash::Hash;

/// A set of numbers below some bound that the whole search agrees on.
pub(super) trait Bits: Clone + Eq + Hash + Send + 'static {
    /// The empty set with room for numbers below `bound`.
    fn none(bound: usize) -> Self;
    /// Its words, 64 numbers each, lowest first.
    fn words(&self) -> &[u64];
    /// The same, to change.
    fn words_mut(&mut self) -> &mut [u64];

    fn has(&self, bit: usize) -> bool {
        self.words()[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, bit: usize) {
        self.words_mut()[bit / 64] |= 1 << (bit % 64);
    }

    fn unset(&mut self, bit: usize) {
        self.words_mut()[bit / 64] &= !(1 << (bit % 64));
    }

    fn is_subset(&self, other: &Self) -> bool {
        self.words().iter().zip(other.words()).all(|(a, b)| a & !b == 0)
    }

    /// The numbers of `self` that are not in `other`, lowest first.
    fn minus<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        self.words().iter().zip(other.words()).enumerate().flat_map(|(index, (a, b))| {
            let mut left = a & !b;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                (left != 0).then(|| {
                    left &= left - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

impl<const N: usize> Bits for [u64; N] {
    fn none(bound: usize) -> Self {
        assert!(bound <= 64 * N, "the width was chosen for the bound");
        [0; N]
    }

    fn words(&self) -> &[u64] {
        self
    }

    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}

/// As many words as it takes.
pub(super) type Wide = Box<[u64]>;

impl Bits for Wide {
    fn none(bound: usize) -> Self {
        vec![0; bound.div_ceil(64)].into()
    }

    fn words(&self) -> &[u64] {
        self
    }

    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}
