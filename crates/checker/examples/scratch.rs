//! Scratch.
#[path = "../tests/it/generate.rs"]
mod generate;
#[path = "../tests/it/simulate.rs"]
mod simulate;
use std::time::Instant;
use checker::*;
use simulate::*;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    for tactic in [Tactic::Race] {
    for seed in 0..a[2] {
        let bank = Bank { balances: vec![a[3] as i64; 5], overdraft: false };
        let e = simulate(&bank, Load { operations: a[0] as u32, clients: 10, unknown: a[1], seed }, |r, _, _| if r.chance(50) { BankOp::Read } else { let from = r.below(5) as u32; BankOp::Transfer { from, to: (from + 1 + r.below(4) as u32) % 5, amount: 1 + r.below(5) as i64 } });
        let t = Instant::now();
        let mut rules = Rules::default(); rules.tactic = tactic;
        let o = Options { evidence: false, rules, budget: Budget { steps: 100_000_000, held: 4_000_000 }, ..Options::default() };
        let r = check_by_search(&bank, &e, &o);
        println!("{tactic:?} {seed} {} {:?} {} unknown {}", e.len(), t.elapsed(), r.verdict, r.counts.unknown);
    } }
}
