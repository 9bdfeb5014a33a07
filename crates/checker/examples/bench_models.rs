//! Scratch.
use checker::{
    formats::{self, Recorded},
    *,
};
use std::time::Instant;
fn main() {
    let dir = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    let mut all = vec![];
    for f in std::fs::read_dir(dir.join("jepsen-etcd")).unwrap() {
        let p = f.unwrap().path();
        if p.extension().unwrap() == "log" {
            all.push(std::fs::read(p).unwrap());
        }
    }
    let all: Vec<_> = all
        .iter()
        .map(|b| match formats::read("x.log", b, None, None).unwrap().recorded {
            Recorded::Register { model, entries } => (model, entries),
            _ => panic!(),
        })
        .collect();
    for _ in 0..5 {
        let t = Instant::now();
        let o = Options { evidence: false, ..Options::default() };
        let n = all.iter().filter(|(m, e)| check_by_search(m, e, &o).verdict == Verdict::Valid).count();
        println!("jepsen {n} valid of {} in {:?}", all.len(), t.elapsed());
    }
    for whole in [false, true] {
        for n in ["c01-ok", "c01-bad", "c10-ok", "c10-bad", "c50-ok", "c50-bad"] {
            let b = std::fs::read(dir.join("kv").join(format!("{n}.txt"))).unwrap();
            let t0 = Instant::now();
            let Recorded::KeyValue { model, entries } =
                formats::read("x.txt", &b, None, None).unwrap().recorded
            else {
                panic!()
            };
            for evidence in [false, true] {
                let t = Instant::now();
                let mut o = Options { evidence, whole, ..Options::default() };
                o.budget.steps = 3_000_000;
                let r = check_by_search(&model, &entries, &o);
                println!(
                    "{n} whole={whole} evidence={evidence}: {:?} check {:?} total {:?}",
                    std::mem::discriminant(&r.verdict) == std::mem::discriminant(&Verdict::Valid),
                    t.elapsed(),
                    t0.elapsed()
                );
                if let Verdict::Unknown { reason } = r.verdict {
                    println!("   {reason}");
                }
                if whole {
                    break;
                }
            }
        }
    }
}
