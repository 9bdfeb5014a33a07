//! What is scanned straight from a file's bytes is judged as what is read first, however the file is cut into parts.

use std::path::PathBuf;

use checker::etcd::{Options, check, check_files};
use history::{History, Sources};

use super::generate::{Random, Shape};
use super::tape::write;

/// Both ways must say the same of a file; says whether it is valid.
fn same(text: Vec<u8>, shape: &Shape) -> bool {
    let sources = Sources::from_bytes(vec![(PathBuf::from("simulated.jsonl"), text)]);
    let options = Options { witness: true, ..Options::own_store() };
    let history = History::parse(&sources).unwrap();
    let read = check(&history, &options);
    let (scanned, files) = check_files(&sources, &options).unwrap();
    assert!(files[0].is_complete(), "{:?}", files[0]);
    assert_eq!(scanned.verdict.to_string(), read.verdict.to_string(), "{shape:?}");
    assert_eq!(scanned.witness, read.witness, "{shape:?}");
    assert_eq!(format!("{:?}", scanned.counts), format!("{:?}", read.counts), "{shape:?}");
    read.witness.is_some()
}

#[test]
fn files_are_judged_as_their_histories() {
    let mut valid = 0;
    for seed in 0..60 {
        for (odd, leases) in [(false, false), (true, false), (true, true)] {
            let keys = [1, 3, 10, 50][seed as usize % 4];
            let shape = Shape { seed, keys, odd, leases, operations: 200, ..Shape::default() };
            let text = write(&shape, Vec::new());
            assert!(same(text.clone(), &shape), "{shape:?}");
            // One return is given another's place in the file's words: mostly a contradiction, sometimes not.
            let mut lines: Vec<String> =
                String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
            let mut random = Random::new(seed);
            let returns: Vec<usize> =
                (0..lines.len()).filter(|&at| lines[at].contains(r#""o":"ok","rev":"#)).collect();
            let at = returns[random.below(returns.len() as u64) as usize];
            let start = lines[at].find(r#""rev":"#).unwrap() + 6;
            let len = lines[at][start..].find([',', '}']).unwrap();
            let revision: u64 = lines[at][start..start + len].parse().unwrap();
            let other = (revision + random.below(7)).saturating_sub(3).max(1);
            lines[at].replace_range(start..start + len, &other.to_string());
            valid += u32::from(same((lines.join("\n") + "\n").into_bytes(), &shape));
        }
    }
    assert!(valid < 100, "{valid} of 180 spoiled files are valid");
}

#[test]
fn a_file_in_parts_is_judged_as_its_history() {
    for (odd, leases) in [(false, false), (true, true)] {
        let shape = Shape { odd, leases, keys: 20, operations: 25_000, ..Shape::default() };
        let text = write(&shape, Vec::new());
        assert!(text.len() > 3 << 20, "too small to be cut");
        same(text, &shape);
    }
}
