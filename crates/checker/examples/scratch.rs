//! Scratch.
#[path = "../tests/it/generate.rs"]
mod generate;
#[path = "../tests/it/simulate.rs"]
mod simulate;
use checker::*;
use simulate::*;
use std::time::Instant;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let m = Register::default();
    println!(
        "entry {} op {} outcome {}",
        size_of::<EntryOf<Register>>(),
        size_of::<RegisterOp>(),
        size_of::<Outcome<RegisterReply>>()
    );
    for seed in 0..a[4] {
        for cas in [0, a[3]] {
            let e = simulate(
                &m,
                Load { operations: a[0] as u32, clients: a[1] as u32, unknown: a[2], seed },
                |r, s, made| {
                    let p = r.below(100);
                    if p < 50 {
                        RegisterOp::Read
                    } else if p < 100 - cas {
                        RegisterOp::Write(Value(made))
                    } else {
                        let cur = if *s == Value::NIL { 0 } else { s.0 };
                        let from = if r.chance(60) { cur } else { cur.saturating_sub(r.below(12) as u32) };
                        RegisterOp::Cas { from: Value(from), to: Value(made) }
                    }
                },
            );
            for _ in 0..30 {
                let t = Instant::now();
                let r = check(&m, &e, &Options::default());
                println!(
                    "cas {cas} seed {seed} {} {:?} {} {:?} {:?}",
                    e.len(),
                    t.elapsed(),
                    r.verdict,
                    r.engine,
                    r.counts
                );
            }
        }
    }
}
