//! Scanning finds exactly what reading finds, in whole files and in damaged ones.

#[path = "scan/quick.rs"]
mod quick;

use std::path::PathBuf;

use history::{Call, FileReport, History, Nanos, Operation, Outcome, Sources, Visitor, WatchUpdate, Writer};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample;

#[derive(Default)]
struct Collect {
    operations: Vec<Operation<'static>>,
    watched: usize,
}

fn kept(operation: &Operation<'_>) -> Operation<'static> {
    // Through the file format again, which is the only deep copy there is.
    let mut lines = history::Lines::new(Vec::new());
    lines
        .invoked(operation.number, operation.invoked, operation.client, &operation.member, &operation.call)
        .unwrap();
    if let Some(t) = operation.returned {
        lines.returned(operation.number, t, &operation.outcome).unwrap();
    }
    let text: &'static [u8] = lines.footer(1, Nanos(0)).unwrap().leak();
    let sources: &'static Sources =
        Box::leak(Box::new(Sources::from_bytes(vec![("x".into(), text.to_vec())])));
    let mut history = History::parse(sources).unwrap();
    Operation { file: operation.file, ..history.operations.remove(0) }
}

impl<'a> Visitor<'a> for Collect {
    fn begins(&mut self, _: u64) {}

    fn operation(&mut self, operation: &Operation<'a>) {
        self.operations.push(kept(operation));
    }

    fn watched(&mut self, _: &WatchUpdate<'a>) {
        self.watched += 1;
    }
}

fn said(report: &FileReport) -> String {
    format!("{report:?}")
}

/// Whether all ways agree; says whether the file was scanned in parts.
fn agree(bytes: &[u8]) -> bool {
    quick::agree(bytes);
    let sources = Sources::from_bytes(vec![(PathBuf::from("a"), bytes.to_vec())]);
    let (read, scanned) = (History::parse(&sources), sources.scan(|_| Collect::default()));
    let (Ok(read), Ok(scanned)) = (read, scanned) else {
        panic!("one way fails where the other does not");
    };
    let mut operations: Vec<Operation<'_>> =
        scanned.others.into_iter().flat_map(|other| other.operations).collect();
    let in_parts = !scanned.parts.is_empty();
    let mut watched = 0;
    for part in scanned.parts {
        operations.extend(part.operations);
        watched += part.watched;
    }
    operations.sort_by_key(|op| (op.invoked, op.file, op.number));
    assert_eq!(operations, read.operations);
    assert!(!in_parts || watched == read.watched.len());
    let reports = |files: &[FileReport]| files.iter().map(said).collect::<Vec<_>>();
    assert_eq!(reports(&scanned.files), reports(&read.files));
    in_parts
}

fn written(operations: &[(Call<'static>, Option<Outcome<'static>>)]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", "main/x", 7).unwrap();
    for (client, (call, outcome)) in (0..).zip(operations) {
        let id = writer.invoke(client, "etcd1", call).unwrap();
        if let Some(outcome) = outcome {
            writer.finish(id, outcome).unwrap();
        }
    }
    let path = writer.path().to_owned();
    writer.close().unwrap();
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn scanning_agrees_with_reading(operations in vec(sample::operation(), 0..8)) {
        agree(&written(&operations));
    }

    #[test]
    fn scanning_agrees_with_reading_damaged_files(
        operations in vec(sample::operation(), 1..5),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut bytes = written(&operations);
        for (at, byte, how) in edits {
            // The header stays: another version is an error of its own.
            let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            if header == bytes.len() { break }
            let at = header + at.index(bytes.len() - header);
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        agree(&bytes);
    }
}

#[test]
fn what_the_writer_makes_is_regular() {
    let call = Call::Range(history::Range { key: "k".into(), ..history::Range::default() });
    let operations: Vec<_> = (0..40).map(|_| (call.clone(), Some(Outcome::Unknown(None)))).collect();
    assert!(agree(&written(&operations)));
}

#[test]
fn a_large_file_is_scanned_in_parts_that_fit_together() {
    let mut lines = history::Lines::new(Vec::new());
    let text = written(&[]);
    let header = String::from_utf8(text).unwrap().lines().next().unwrap().to_owned();
    let call = |n: u64| {
        Call::Put(history::Put { key: format!("k{n}").into(), value: "v".into(), ..Default::default() })
    };
    const N: u64 = 60_000;
    for n in 0..N {
        lines.invoked(n, Nanos(10 * n), 0, "", &call(n)).unwrap();
        // Returns come late, so that some cross from one part to the next.
        if let Some(done) = n.checked_sub(20) {
            let reply = history::Reply::Put { revision: done as i64 + 2, prev: None };
            lines.returned(done, Nanos(10 * n + 1), &Outcome::Ok(reply)).unwrap();
        }
    }
    let body = lines.footer(N, Nanos(10 * N)).unwrap();
    let bytes = [header.as_bytes(), b"\n", &body].concat();
    let sources = Sources::from_bytes(vec![(PathBuf::from("a"), bytes)]);
    struct Count(u64, u64);
    impl<'a> Visitor<'a> for Count {
        fn begins(&mut self, _: u64) {}
        fn operation(&mut self, operation: &Operation<'a>) {
            self.0 += 1;
            self.1 += u64::from(operation.returned.is_some());
        }
        fn watched(&mut self, _: &WatchUpdate<'a>) {}
    }
    let scan = sources.scan(|_| Count(0, 0)).unwrap();
    let sum = scan.parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    assert_eq!(sum, (N, N - 20));
    assert_eq!(scan.files[0].open, 20);
    assert!(scan.others.is_empty());
}
