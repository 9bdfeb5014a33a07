//! Recorded histories with known verdicts.

use std::collections::BTreeMap;
use std::fs;

use checker::formats::{self, Format, Recorded};
use checker::{Options, Verdict, check};

use crate::oracle::flaw;
use crate::shared::testdata;

#[test]
fn jepsen_logs_get_the_verdicts_they_are_known_to_deserve() {
    let Some(directory) = testdata().map(|directory| directory.join("jepsen-etcd")) else { return };
    let expected = fs::read_to_string(directory.join("expected.txt")).unwrap();
    let expected: BTreeMap<&str, bool> = expected
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(file, verdict)| (file, verdict == "valid"))
        .collect();
    assert_eq!(expected.len(), 52);
    for (file, valid) in expected {
        let bytes = fs::read(directory.join(file)).unwrap();
        let loaded = formats::read(file, &bytes, None, None).unwrap();
        assert_eq!(loaded.format, Format::JepsenLog);
        let Recorded::Register { model, entries } = loaded.recorded else {
            panic!("{file} is of a register")
        };
        let options = Options { witness: true, times: loaded.times, ..Options::default() };
        let report = check(&model, &entries, &options);
        match report.verdict {
            Verdict::Valid => {
                assert!(valid, "{file}: {report:?}");
                assert_eq!(flaw(&model, &entries, &report.witness.unwrap(), true), None, "{file}");
            }
            Verdict::Invalid(violation) => {
                assert!(!valid, "{file}: {}", violation.sentence);
                assert_eq!(flaw(&model, &entries, &violation.legal_prefix, false), None, "{file}");
                println!(
                    "{file}: {} of {}: {}",
                    violation.operations.len(),
                    entries.len(),
                    violation.sentence
                );
            }
            _ => panic!("{file}: {report:?}"),
        }
    }
}

#[test]
fn key_value_files_get_the_verdicts_in_their_names() {
    let Some(directory) = testdata().map(|directory| directory.join("kv")) else { return };
    let mut seen = 0;
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let loaded = formats::read(&name, &fs::read(&path).unwrap(), None, None).unwrap();
        assert_eq!(loaded.format, Format::PorcupineKv);
        let Recorded::KeyValue { model, entries } = loaded.recorded else {
            panic!("{name} is a key-value history")
        };
        let options = Options { witness: true, times: loaded.times, ..Options::default() };
        let report = check(&model, &entries, &options);
        println!("{name}: {}", report.verdict);
        match report.verdict {
            Verdict::Valid => {
                assert!(name.ends_with("-ok.txt"), "{name}");
                assert_eq!(flaw(&model, &entries, &report.witness.unwrap(), true), None, "{name}");
            }
            Verdict::Invalid(_) => assert!(name.ends_with("-bad.txt"), "{name}"),
            _ => panic!("{name}: {report:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
}
