//! Measures the revisions engine from file to verdict: `cargo run --release -p checker --example bench_etcd`, with
//! `--undecided N` for the share of N histories of 20,000 operations that it leaves undecided, `--undecided A..B` for
//! other seeds than the first (with `--plain`: puts, gets, ranges, deletes and transactions only), `--make N FILE` for a
//! file of N operations, `--check PATH` for what a file or a directory of files takes (microseconds in all and for the
//! check, peak bytes) and comes to.
//!
//! Each measurement runs in a process of its own, so that the peak of its memory is its own.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the tests, for a terminal")]

#[path = "../tests/it/etcd/generate.rs"]
mod generate;
#[path = "../tests/it/etcd/model.rs"]
#[expect(dead_code, reason = "what only the brute-force comparison needs")]
mod model;
#[path = "../tests/it/etcd/record.rs"]
mod record;
#[path = "../tests/it/etcd/tape.rs"]
mod tape;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use checker::Verdict;
use checker::etcd::Options;
use generate::Shape;
use history::{Sources, clock};

/// Measurements of which the median is shown.
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check", file] => measure(Path::new(file)),
        ["--make", n, to] => {
            std::fs::rename(make(&shape(n.parse().unwrap()), "made"), to).unwrap();
        }
        ["--undecided", which] => undecided(seeds(which), false),
        ["--undecided", which, "--plain"] => undecided(seeds(which), true),
        ["--traffic", seed] => {
            let seed = seed.parse().unwrap();
            undecided(seed..seed + 1, false);
        }
        [] => table(&[10_000, 100_000, 1_000_000, 10_000_000]),
        ["--operations", n] => table(&[n.parse().unwrap()]),
        _ => println!("usage: bench_etcd [--operations N | --undecided N|A..B [--plain] | --make N FILE]"),
    }
}

fn shape(operations: u64) -> Shape {
    Shape { operations, clients: 50, keys: 100, odd: false, leases: false, ..Shape::default() }
}

fn table(sizes: &[u64]) {
    println!(
        "{:<44}{:>12}{:>10}{:>10}{:>10}{:>8}",
        "history", "operations", "verdict", "check", "in all", "B/op"
    );
    for &operations in sizes {
        let file = make(&shape(operations), "etcd");
        row("50 clients, 100 keys, 5 % unknown", operations, &file);
        if operations == 1_000_000 {
            let stale = make_stale(&file);
            row("the same, one stale read at 99 %", operations, &stale);
            std::fs::remove_file(stale).unwrap();
        }
        std::fs::remove_file(file).unwrap();
    }
}

fn make(shape: &Shape, name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("bench-{name}-{}-{}.jsonl", std::process::id(), shape.operations));
    let file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
    tape::write(shape, file).flush().unwrap();
    path
}

/// Gives a late answered read of one key the answer that another read of that key had long before.
fn make_stale(path: &Path) -> PathBuf {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let single = |line: &str| {
        line.contains(r#""o":"ok""#)
            && line.contains(r#","kvs":[{"k":"k007""#)
            && line.matches(r#"{"k":"#).count() == 1
    };
    let late = (lines.len() * 99 / 100..lines.len()).find(|&at| single(lines[at])).unwrap();
    let early = (0..late - 20_000).rev().find(|&at| single(lines[at])).unwrap();
    let answer = lines[early].find(r#","rev":"#).unwrap();
    let keep = lines[late].find(r#","rev":"#).unwrap();
    let line = format!("{}{}", &lines[late][..keep], &lines[early][answer..]);
    lines[late] = &line;
    let stale = path.with_extension("stale.jsonl");
    std::fs::write(&stale, lines.join("\n") + "\n").unwrap();
    stale
}

fn row(name: &str, operations: u64, file: &Path) {
    let mut rounds: Vec<(u64, u64, u64, String)> = (0..ROUNDS)
        .map(|_| {
            let out =
                Command::new(std::env::current_exe().unwrap()).arg("--check").arg(file).output().unwrap();
            let text = String::from_utf8(out.stdout).unwrap();
            let mut parts = text.trim().splitn(4, ' ');
            let mut number = || parts.next().unwrap().parse::<u64>().unwrap();
            (number(), number(), number(), parts.next().unwrap().to_owned())
        })
        .collect();
    rounds.sort();
    let (all, check, peak, verdict) = &rounds[ROUNDS / 2];
    let size = std::fs::metadata(file).unwrap().len();
    let beyond = peak.saturating_sub(size) as f64 / operations as f64;
    let word = verdict.split(':').next().unwrap();
    let ms = |us: u64| format!("{:.1} ms", us as f64 / 1e3);
    println!("{name:<44}{operations:>12}{word:>10}{:>10}{:>10}{beyond:>8.0}", ms(*check), ms(*all));
    if word == "invalid" {
        println!("    {verdict}");
    }
}

/// One measurement: microseconds in all and for the check, peak bytes, verdict.
fn measure(file: &Path) {
    let start = clock::now();
    let read = if file.is_dir() { Sources::read_dir(file) } else { Sources::read_files(&[file.to_owned()]) };
    let sources = read.unwrap();
    let read = clock::now();
    let (report, _) = checker::etcd::check_files(&sources, &Options::own_store()).unwrap();
    let end = clock::now();
    println!(
        "{} {} {} {}",
        end.since(start).as_micros(),
        end.since(read).as_micros(),
        peak(),
        report.verdict
    );
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Clients of every kind: few and many of them, on few and many keys, with and without leases and odd requests, that look
/// often or hardly ever, whose lost requests take effect mostly or seldom.
fn traffic(seed: u64, plain: bool) -> Shape {
    let pick = |of: &[u64], stride: u64| of[(seed / stride) as usize % of.len()];
    let kind = if plain { 0 } else { pick(&[2, 1, 2, 0], 6) };
    Shape {
        seed,
        keys: pick(&[2, 5, 10, 20, 50, 100], 1),
        leases: kind > 0,
        odd: kind > 1,
        clients: pick(&[10, 50, 5], 24) as u32,
        applied: pick(&[50, 80, 20], 72) as f64 / 100.0,
        gets: pick(&[35, 10], 216),
        operations: 20_000,
        ..Shape::default()
    }
}

/// `20` for the first twenty, `20..40` for the next.
fn seeds(which: &str) -> std::ops::Range<u64> {
    let (from, to) = which.split_once("..").unwrap_or(("0", which));
    from.parse().unwrap()..to.parse().unwrap()
}

fn undecided(seeds: std::ops::Range<u64>, plain: bool) {
    let mut unknown = 0;
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let shape = traffic(seed, plain);
        let history = record::history(&shape);
        let start = clock::now();
        // As the last word on a run is asked for.
        let report = checker::etcd::check(&history, &Options { patient: true, ..Options::own_store() });
        match report.verdict {
            Verdict::Valid => {}
            Verdict::Unknown { reason } => {
                unknown += 1;
                let took = clock::now().since(start).as_millis();
                println!("{reason}, after {took} ms: {shape:?}");
            }
            other => panic!("{other}: {shape:?}"),
        }
    }
    println!("{unknown} of {count} histories of 20,000 operations with 5 % unknown outcomes undecided");
}
