//! The draws of this process: a stream that the seed and the process's place among those of its command decide.
//!
//! Lock-free, as a process may fork while another of its threads draws. A child that was forked draws a stream of its own.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::environment;

/// The step of SplitMix64: a counter and a mixer, so that the state is one number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

static STATE: AtomicU64 = AtomicU64::new(0);
/// The process that the state belongs to; 0 is nobody.
static OWNER: AtomicU32 = AtomicU32::new(0);

pub(crate) fn next() -> u64 {
    let this = process::id();
    let owner = OWNER.load(Ordering::Acquire);
    if owner != this {
        let fresh = begin();
        // Whoever of several threads is first decides where the stream begins.
        if OWNER.compare_exchange(owner, this, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            STATE.store(fresh, Ordering::Release);
        }
    }
    mix(STATE.fetch_add(STEP, Ordering::AcqRel).wrapping_add(STEP))
}

/// Where this process's stream begins.
fn begin() -> u64 {
    match environment::seed() {
        Some(seed) => start(&seed, place()),
        None => unseeded(),
    }
}

fn start(seed: &OsStr, place: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.as_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(mix(hash).wrapping_add(place))
}

/// The process's place among those of its command that draw, from 1 in the order of their first draws; 0 where nobody counts.
fn place() -> u64 {
    let counted = || -> std::io::Result<u64> {
        let Some(path) = environment::processes() else { return Ok(0) };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // Appending is one step, and leaves the file's position behind what this process wrote.
        file.write_all(b"+")?;
        file.stream_position()
    };
    counted().unwrap_or(0)
}

/// Without a seed nothing shall be repeated.
fn unseeded() -> u64 {
    let mut bytes = [0; 8];
    let drawn = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if drawn.is_ok() { u64::from_ne_bytes(bytes) } else { u64::from(process::id()) }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_and_place_decide_where_a_stream_begins() {
        let start = |seed: &str, place| start(seed.as_ref(), place);
        assert_eq!(start("7/3", 1), start("7/3", 1));
        assert_ne!(start("7/3", 1), start("7/4", 1), "another execution");
        assert_ne!(start("7/3", 1), start("7/3", 2), "another process of the same");
        assert_ne!(start("7/3", 1), start("8/3", 1), "another run");
    }

    #[test]
    fn the_mixer_is_the_published_one() {
        // The first value of SplitMix64 from state 0, as in the literature.
        assert_eq!(mix(STEP), 0xe220_a839_7b1d_cdaf);
    }
}
