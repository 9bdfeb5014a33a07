//! Measures the promises on a history of watches, leases, locks and traffic: `cargo run --release -p checker --example
//! bench_guarantees`, with the number of operations.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the tests, for a terminal")]

#[path = "../tests/it/etcd/generate.rs"]
#[expect(dead_code, reason = "what only the revisions engine's histories need")]
mod generate;
#[path = "../tests/it/guarantees/leases.rs"]
mod leases;
#[path = "../tests/it/guarantees/locks.rs"]
mod locks;
#[path = "../tests/it/etcd/model.rs"]
#[expect(dead_code, reason = "what only the brute-force comparison needs")]
mod model;
#[path = "../tests/it/guarantees/watchers.rs"]
mod watchers;
#[path = "../tests/it/guarantees/world.rs"]
mod world;

use checker::guarantees::{Options, check};
use generate::Random;
use history::{Nanos, clock};
use model::Etcd;

/// Measurements of which the least is shown: others only disturb.
const ROUNDS: usize = 5;

fn main() {
    let operations = std::env::args().nth(1).map_or(100_000, |n| n.parse().unwrap());
    let shape = world::Shape { steps: operations, keys: 100, ..world::Shape::default() };
    let history = world::history(shape);
    let options = Options { own_store: true, calm_from: Some(Nanos(0)) };
    let mut least = u64::MAX;
    let mut findings = Vec::new();
    for _ in 0..ROUNDS {
        let began = clock::now();
        findings = check(&history, &options, None);
        least = least.min(clock::now().since(began).as_micros() as u64);
    }
    let events: usize = history.watched.iter().map(|update| update.events.len()).sum();
    let compared: u64 = findings.iter().map(|finding| finding.compared).sum();
    println!(
        "{} operations, {events} events: {compared} comparisons of {} promises in {:.1} ms",
        history.operations.len(),
        findings.len(),
        least as f64 / 1e3
    );
}
