//! Holds every engine and every rule against the definition, over as many generated histories as wished.
//!
//! `cargo run --release -p checker --example attack_models -- --count 1000000 [--seed 0] [--operations 8]`
//! prints one closing line, or panics with the seed of a history that shows a defect.

#[path = "../tests/it/attack.rs"]
mod attack;
#[path = "../tests/it/generate.rs"]
mod generate;
#[path = "../tests/it/oracle.rs"]
mod oracle;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use attack::{Met, attack_all};

fn main() {
    let mut options = [("--count", 100_000), ("--seed", 0), ("--operations", 7)];
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (options.iter_mut().find(|option| option.0 == name), value) {
            (Some(option), Some(value)) => option.1 = value,
            _ => panic!("usage: attack_models [--count N] [--seed N] [--operations N]"),
        }
    }
    let [count, first, most] = options.map(|option| option.1);
    let next = AtomicU64::new(first);
    let worker = || {
        let mut met = Met::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return met;
            }
            met = met.and(attack_all(seed, u32::try_from(most).expect("a small number")));
        }
    };
    let met = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no defect")).fold(Met::default(), Met::and)
    });
    #[expect(clippy::print_stdout, reason = "the closing line is what this is for")]
    {
        println!(
            "{} histories ({} invalid, {} with unknown outcomes), {} verdicts: all agree with the definition",
            met.histories, met.invalid, met.unknown, met.checks
        );
    }
}
