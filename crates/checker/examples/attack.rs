//! Compares the revisions engine with brute force on any number of tiny histories:
//! `cargo run --release -p checker --example attack -- --count 1000000 [--from 0]`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the tests, for a terminal")]

#[path = "../tests/it/etcd/attack.rs"]
mod attack;
#[path = "../tests/it/etcd/generate.rs"]
mod generate;
#[path = "../tests/it/etcd/model.rs"]
mod model;
#[path = "../tests/it/etcd/oracle.rs"]
mod oracle;
#[path = "../tests/it/etcd/recipe.rs"]
mod recipe;
#[path = "../tests/it/etcd/record.rs"]
mod record;
#[path = "../tests/it/etcd/services.rs"]
mod services;
#[path = "../tests/it/etcd/strict.rs"]
mod strict;

use std::ops::Range;
use std::process::ExitCode;
use std::thread;

/// Each seed gives so many histories: one valid one, and what becomes of it as it is spoiled.
const PER_SEED: u64 = 4;

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| value.parse().unwrap())
}

/// Brute force takes longer with locks and elections, so it is given the first tenth.
fn of_services(seeds: Range<u64>) -> Range<u64> {
    seeds.start..seeds.start + (seeds.end - seeds.start) / 10
}

fn main() -> ExitCode {
    let count = argument("--count", 100_000) / PER_SEED;
    let from = argument("--from", 0);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64).min(2);
    let share = count.div_ceil(threads);
    let tallies: Vec<(attack::Tally, services::Tally)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|n| (from + n * share)..(from + ((n + 1) * share).min(count)))
            .map(|seeds| {
                scope.spawn(|| (attack::attack(seeds.clone()), services::attack(of_services(seeds))))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let (tallies, services): (Vec<_>, Vec<_>) = tallies.into_iter().unzip();
    let sum = |part: fn(&attack::Tally) -> u64| tallies.iter().map(part).sum::<u64>();
    let wrong = tallies.iter().flat_map(|tally| &tally.disagreements);
    let disagreements: Vec<&String> =
        wrong.chain(services.iter().flat_map(|tally| &tally.disagreements)).collect();
    for disagreement in disagreements.iter().take(3) {
        println!("{disagreement}\n");
    }
    let histories = sum(|tally| tally.histories);
    let undecided = sum(|tally| tally.undecided);
    println!(
        "{histories} histories compared ({} valid, {} invalid), {} decided, {} disagreements, {undecided} \
         unknown, {} witnesses and {} long prefixes replayed",
        sum(|tally| tally.valid),
        sum(|tally| tally.invalid),
        histories - undecided,
        disagreements.len(),
        sum(|tally| tally.witnesses),
        sum(|tally| tally.prefixes),
    );
    let sum = |part: fn(&services::Tally) -> u64| services.iter().map(part).sum::<u64>();
    println!(
        "and with locks and elections: {} valid, {} invalid, of which {} were missed, {} unknown",
        sum(|tally| tally.valid),
        sum(|tally| tally.invalid),
        sum(|tally| tally.missed),
        sum(|tally| tally.undecided),
    );
    if disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
