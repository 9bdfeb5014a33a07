//! Scratch.
use std::time::Instant;
use checker::{formats::{self, Recorded}, *};
fn main() {
    let dir = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    let n = std::env::args().nth(1).unwrap();
    let b = std::fs::read(dir.join("kv").join(format!("{n}.txt"))).unwrap();
    let Recorded::KeyValue{model, entries} = formats::read("x.txt", &b, None, None).unwrap().recorded else {panic!()};
    for k in 0..10 {
        let e: Vec<_> = entries.iter().filter(|e| &**e.op.key() == format!("{k}").as_str()).cloned().collect();
        let t = Instant::now();
        let mut rules = Rules::default(); rules.tactic = Tactic::Breadth;
        let mut o = Options { evidence: false, rules, ..Options::default() }; o.budget.steps = 1_000_000;
        let r = check_by_search(&model, &e, &o);
        println!("{k} {} {:?} {}", e.len(), t.elapsed(), r.verdict);
    }
}
