//! Files edited by hand, so that one acknowledged value is missing, changed or older: each is found, with its key.

use std::path::PathBuf;

use checker::etcd::{Options, check};
use checker::{Verdict, Violation};
use history::{History, Sources};

use super::generate::{Random, Shape};
use super::tape::write;

fn shape(seed: u64) -> Shape {
    let keys = [3, 10, 30][seed as usize % 3];
    Shape { seed, unknown: 0.02, odd: false, leases: false, keys, operations: 300, ..Shape::default() }
}

/// A file in memory.
fn sources(text: &str) -> Sources {
    Sources::from_bytes(vec![(PathBuf::from("simulated.jsonl"), text.as_bytes().to_vec())])
}

fn checked(lines: &[String]) -> Verdict {
    let sources = sources(&lines.join("\n"));
    let history = History::parse(&sources).unwrap();
    assert!(history.is_complete(), "{:?}", history.files);
    check(&history, &Options::own_store()).verdict
}

fn field<'l>(line: &'l str, start: &str) -> Option<&'l str> {
    let rest = &line[line.find(start)? + start.len()..];
    rest.find(['"', ',', '}', ']']).map(|end| &rest[..end])
}

/// Lines of answered reads of one key that found something, with key and value.
fn found(lines: &[String]) -> Vec<(usize, String, String)> {
    let mut reads = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.contains(r#""o":"ok""#)
            && line.matches(r#"{"k":"#).count() == 1
            && !line.contains(r#""succ""#)
        {
            let key = field(line, r#"{"k":""#).unwrap().to_owned();
            let value = field(line, r#""v":""#).unwrap().to_owned();
            reads.push((at, key, value));
        }
    }
    reads
}

fn must_name(verdict: &Verdict, key: &str, seed: u64, edit: &str, decided: &mut [u32; 2]) {
    match verdict {
        Verdict::Invalid(violation) => {
            let Violation { sentence, key: named, operations, .. } = &**violation;
            assert_eq!(named.as_deref(), Some(key), "seed {seed}, {edit}: {sentence}");
            assert!(sentence.contains(key), "{sentence}");
            assert!(!operations.is_empty(), "{sentence}");
            decided[0] += 1;
        }
        // A delete that nobody knows the outcome of may excuse a missing key.
        Verdict::Valid if edit == "missing" => decided[1] += 1,
        other => panic!("seed {seed}, {edit} {key}: {other}"),
    }
}

#[test]
fn one_wrong_value_in_a_file_is_found() {
    let mut decided = [0, 0];
    for seed in 0..150 {
        let text = String::from_utf8(write(&shape(seed), Vec::new())).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(checked(&lines), Verdict::Valid, "seed {seed}");
        let mut random = Random::new(seed);
        let reads = found(&lines);
        let (at, key, value) = &reads[random.below(reads.len() as u64) as usize];
        let edit = |from: &str, to: &str| {
            let mut lines = lines.clone();
            lines[*at] = lines[*at].replace(from, to);
            assert_ne!(lines[*at], text.lines().nth(*at).unwrap());
            checked(&lines)
        };
        let start = lines[*at].find(r#","kvs":"#).unwrap();
        let kvs = lines[*at][start..].trim_end_matches('}').to_owned();
        must_name(&edit(&format!("{kvs}}}"), "}"), key, seed, "missing", &mut decided);
        let quoted = format!(r#""v":"{value}""#);
        must_name(&edit(&quoted, r#""v":"changed""#), key, seed, "changed", &mut decided);
        // What an earlier read of the key found, if it was something else.
        let older = reads.iter().find(|(before, k, v)| before < at && k == key && v != value);
        if let Some((before, ..)) = older {
            let start = lines[*before].find(r#","kvs":"#).unwrap();
            let old = lines[*before][start..].to_owned();
            must_name(&edit(&format!("{kvs}}}"), &old), key, seed, "older", &mut decided);
        }
    }
    assert!(decided[0] > 300 && decided[1] < 20, "{decided:?}");
}

#[test]
fn a_changed_put_is_found_by_its_reader() {
    for seed in 0..60 {
        let text = String::from_utf8(write(&shape(seed), Vec::new())).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let reads = found(&lines);
        let quoted = |value: &str| format!(r#""v":"{value}""#);
        let (key, value) = reads
            .iter()
            .map(|(_, key, value)| (key.clone(), value.clone()))
            .find(|(_, value)| {
                text.contains(&format!(r#"{},"#, quoted(value))) || text.contains(&quoted(value))
            })
            .unwrap();
        let put = lines.iter().position(|line| line.starts_with(r#"{"i""#) && line.contains(&quoted(&value)));
        let put = put.unwrap();
        lines[put] = lines[put].replace(&quoted(&value), r#""v":"changed""#);
        let verdict = checked(&lines);
        let mut decided = [0, 0];
        must_name(&verdict, &key, seed, "changed put", &mut decided);
    }
}
