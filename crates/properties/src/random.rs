//! Randomness for decisions, drawn at the moment of the decision.
//!
//! On the platform every draw is the platform's choice, so a draw must not be kept for later, nor seed a generator.
//! Only where a seed is given and the platform's library is absent, a generator of that seed answers in its place.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::Lazy;

use crate::config;

/// Where the SDK looks for the platform, or for the stand-in of the desk.
const PLATFORM: &str = "/usr/lib/libvoidstar.so";

/// The seeded generator, where the draws are ours to make.
static SEEDED: Lazy<Option<Seeded>> = Lazy::new(|| {
    let seed = config::seed().filter(|_| !Path::new(PLATFORM).exists())?;
    Some(Seeded::new(&seed))
});

/// One draw, uniform over all values.
#[must_use]
pub fn u64() -> u64 {
    SEEDED.as_ref().map_or_else(antithesis_sdk::random::get_random, Seeded::next)
}

/// SplitMix64: a counter and a mixer, so that its state is one number and its stream is the same everywhere.
#[derive(Debug)]
struct Seeded(AtomicU64);

impl Seeded {
    /// Any text is a seed (FNV-1a makes a number of it).
    fn new(seed: &str) -> Self {
        let number = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(AtomicU64::new(number))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: &str) -> Vec<u64> {
        let generator = Seeded::new(seed);
        (0..100).map(|_| generator.next()).collect()
    }

    #[test]
    fn a_seed_decides_the_stream() {
        assert_eq!(stream("7/3"), stream("7/3"));
        assert_ne!(stream("7/3"), stream("7/4"), "commands of one run draw differently");
        assert_ne!(stream("7/3"), stream("8/3"));
    }

    #[test]
    fn the_stream_is_the_published_one() {
        // The first value of SplitMix64 from state 0, as in the literature.
        assert_eq!(Seeded(AtomicU64::new(0)).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn without_a_seed_the_sdk_answers() {
        assert_ne!(u64(), u64());
    }
}
