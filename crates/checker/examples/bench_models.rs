//! How fast the model checkers are: `cargo run --release -p checker --example bench_models -- [--most 1000000]`.
//!
//! Prints a table: operations, verdict, engine, time of the check alone (median of several), time from the bytes of a
//! file to the verdict, and the peak of memory that the check adds, for each operation. It asserts nothing: a benchmark is
//! no test.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]
#![expect(clippy::disallowed_methods, reason = "durations are measured here, on the machine's own clock")]

#[path = "../tests/it/engines.rs"]
#[expect(dead_code, unused_imports, reason = "only its generators are used")]
mod engines;
#[path = "../tests/it/generate.rs"]
#[expect(dead_code, reason = "only its random numbers are used")]
mod generate;
#[path = "../tests/it/oracle.rs"]
#[expect(dead_code, reason = "the engines' tests need it")]
mod oracle;
#[path = "../tests/it/simulate.rs"]
mod simulate;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use checker::formats::{self, Recorded};
use checker::{
    Bank, EntryOf, Model, Options, Outcome, Register, RegisterOp, RegisterReply, Report, Value, Verdict,
    check,
};
use simulate::{Load, simulate};

/// Runs of which the median counts.
const RUNS: usize = 7;

/// A register's or the bank's history, and its check.
#[derive(Clone, Copy, Debug)]
enum Made {
    Register { operations: u32, cas: u64, stale: bool },
    Bank { seed: u64 },
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == "--memory") {
        let numbers = arguments.skip(1).map(|number| number.parse().expect("a number"));
        return memory(&numbers.collect::<Vec<_>>());
    }
    let most = match (arguments.next().as_deref(), arguments.next().and_then(|most| most.parse().ok())) {
        (None, _) => 1_000_000,
        (Some("--most"), Some(most)) => most,
        _ => panic!("usage: bench_models [--most OPERATIONS]"),
    };
    println!("| history | operations | verdict | engine | check ms | file to verdict ms | peak bytes/op |");
    println!("|---|--:|---|---|--:|--:|--:|");
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    if shared.is_dir() {
        logs(&shared.join("jepsen-etcd"));
        stores(&shared.join("kv"), false);
        stores(&shared.join("kv"), true);
    } else {
        println!("| recorded histories: {} is missing | | | | | | |", shared.display());
    }
    bank();
    for (name, cas) in [("register r/w", 0), ("register r/w/cas", 20)] {
        for stale in [false, true] {
            let mut operations = 10_000;
            while operations <= most {
                register(name, operations, cas, stale);
                operations *= 10;
            }
        }
    }
}

fn register(name: &str, operations: u32, cas: u64, stale: bool) {
    let model = Register::default();
    let entries = registers(operations, cas, stale);
    let log = log_of(&entries);
    let name = format!("{name}, 30 clients, 5 % unknown{}", if stale { ", stale read at 99 %" } else { "" });
    let from_file = median(|| {
        let loaded = formats::read("made.log", log.as_bytes(), None, None).expect("it was just written");
        let Recorded::Register { model, entries } = loaded.recorded else { panic!("it is of a register") };
        check(&model, &entries, &Options { times: loaded.times, ..Options::default() })
    });
    row(&name, &model, &entries, Some(from_file.1), Made::Register { operations, cas, stale });
}

fn registers(operations: u32, cas: u64, stale: bool) -> Vec<EntryOf<Register>> {
    let load = Load { operations, clients: 30, unknown: 50, seed: 1 };
    let draw =
        |random: &mut generate::Random, state: &Value, made| engines::unique(random, *state, made, cas);
    let mut entries = simulate(&Register::default(), load, draw);
    if stale {
        make_stale(&mut entries);
    }
    entries
}

/// Lets a late read return what was overwritten long before it was called.
fn make_stale(entries: &mut [EntryOf<Register>]) {
    let at = entries.len() / 100 * 99;
    let old = entries[at / 2..at].iter().find_map(|entry| match entry.outcome {
        Outcome::Ok(RegisterReply::Value(value)) if value != Value::NIL => Some(value),
        _ => None,
    });
    let read =
        entries[at..].iter_mut().find(|entry| matches!(entry.outcome, Outcome::Ok(RegisterReply::Value(_))));
    if let (Some(value), Some(read)) = (old, read) {
        read.outcome = Outcome::Ok(RegisterReply::Value(value));
    }
}

fn bank() {
    for seed in 0..3 {
        let (model, entries) = banks(seed);
        let name = format!("bank, 5 accounts, 10 clients, 2 % unknown (seed {seed})");
        row(&name, &model, &entries, None, Made::Bank { seed });
    }
}

/// Half of the operations are transfers, of which 4 % are lost.
fn banks(seed: u64) -> (Bank, Vec<EntryOf<Bank>>) {
    let model = Bank { balances: vec![100; 5], overdraft: false };
    let load = Load { operations: 10_000, clients: 10, unknown: 40, seed };
    let entries = simulate(&model, load, |random, _, _| engines::banking(random, 5));
    (model, entries)
}

fn logs(directory: &Path) {
    let files: Vec<Vec<u8>> = fs::read_dir(directory)
        .expect("the directory is there")
        .map(|file| file.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| fs::read(path).expect("it can be read"))
        .collect();
    let read =
        |bytes: &Vec<u8>| match formats::read("etcd.log", bytes, None, None).expect("it is a log").recorded {
            Recorded::Register { model, entries } => (model, entries),
            other => panic!("a log is of a register, not of {}", other.model()),
        };
    let options = Options { evidence: false, ..Options::default() };
    let histories: Vec<_> = files.iter().map(read).collect();
    let operations: usize = histories.iter().map(|(_, entries)| entries.len()).sum();
    let valid = |(model, entries): &(Register, Vec<EntryOf<Register>>)| {
        check(model, entries, &options).verdict == Verdict::Valid
    };
    let (count, alone) = median(|| histories.iter().filter(|history| valid(history)).count());
    let (_, from_file) = median(|| files.iter().filter(|bytes| valid(&read(bytes))).count());
    let name = format!("{} Jepsen etcd logs together", files.len());
    println!("| {name} | {operations} | {count} valid | search | {} | {} | |", ms(alone), ms(from_file));
}

fn stores(directory: &Path, whole: bool) {
    for name in ["c01-ok", "c01-bad", "c10-ok", "c10-bad", "c50-ok", "c50-bad"] {
        let bytes = fs::read(directory.join(format!("{name}.txt"))).expect("it can be read");
        let read = || match formats::read("kv.txt", &bytes, None, None).expect("it is a store's").recorded {
            Recorded::KeyValue { model, entries } => (model, entries),
            other => panic!("it is of a store, not of {}", other.model()),
        };
        let budget = checker::Budget { steps: 200_000, ..checker::Budget::default() };
        let options = Options { evidence: false, whole, budget, ..Options::default() };
        let (model, entries) = read();
        let (report, alone) = median(|| check(&model, &entries, &options));
        let (_, from_file) = median(|| {
            let (model, entries) = read();
            check(&model, &entries, &options)
        });
        let whole = if whole { ", all keys as one object" } else { "" };
        let (verdict, engine) = (word(&report), report.engine);
        let (operations, alone, from_file) = (entries.len(), ms(alone), ms(from_file));
        println!("| kv {name}{whole} | {operations} | {verdict} | {engine:?} | {alone} | {from_file} | |");
    }
}

fn row<M: Model>(name: &str, model: &M, entries: &[EntryOf<M>], from_file: Option<Duration>, made: Made) {
    let (report, alone) = median(|| check(model, entries, &Options::default()));
    let (verdict, engine) = (word(&report), report.engine);
    let from_file = from_file.map_or_else(String::new, ms);
    let (operations, alone, peak) = (entries.len(), ms(alone), peak_of(made));
    println!("| {name} | {operations} | {verdict} | {engine:?} | {alone} | {from_file} | {peak} |");
}

/// The peak of memory for each operation, measured in a process of its own: what this one freed before would be
/// used again and not be seen.
fn peak_of(made: Made) -> String {
    let numbers = match made {
        Made::Register { operations, cas, stale } => [operations.into(), cas, stale.into()],
        Made::Bank { seed } => [0, seed, 0],
    };
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.arg("--memory").args(numbers.map(|number| number.to_string()));
    // The C library gives large blocks back to the system at once.
    command.env("MALLOC_MMAP_THRESHOLD_", "65536").env("MALLOC_TRIM_THRESHOLD_", "65536");
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

fn memory(numbers: &[u64]) {
    let &[operations, first, second] = numbers else { panic!("three numbers") };
    let peak = if operations == 0 {
        let (model, entries) = banks(first);
        added(&model, &entries)
    } else {
        let operations = u32::try_from(operations).expect("a number of operations");
        added(&Register::default(), &registers(operations, first, second == 1))
    };
    println!("{peak}");
}

/// What checking adds at its peak, in bytes for each operation.
fn added<M: Model>(model: &M, entries: &[EntryOf<M>]) -> u64 {
    let before = forget_peak();
    let report = check(model, entries, &Options::default());
    assert!(!matches!(report.verdict, Verdict::Vacuous { .. }));
    status("VmHWM:").saturating_sub(before) / entries.len() as u64
}

fn word(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Vacuous { .. } => "vacuous",
    }
}

/// Runs until the median of seven, or for ten seconds.
fn median<T>(mut run: impl FnMut() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let result = run();
        times.push(start.elapsed());
        if times.len() == RUNS || begun.elapsed() > Duration::from_secs(10) {
            times.sort_unstable();
            return (result, times[times.len() / 2]);
        }
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}

/// The history as a Jepsen log.
fn log_of(entries: &[EntryOf<Register>]) -> String {
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        events.push((entry.call, false, index));
        if entry.outcome != Outcome::Unknown {
            events.push((entry.returned, true, index));
        }
    }
    events.sort_unstable();
    let value = |value: Value| if value == Value::NIL { "nil".to_owned() } else { value.0.to_string() };
    let mut log = String::new();
    for (_, returned, index) in events {
        let entry = &entries[index];
        let (f, argument) = match entry.op {
            RegisterOp::Read => ("read", "nil".to_owned()),
            RegisterOp::Write(new) => ("write", value(new)),
            RegisterOp::Cas { from, to } => ("cas", format!("[{} {}]", value(from), value(to))),
        };
        let (kind, argument) = match (&entry.outcome, returned) {
            (_, false) => ("invoke", argument),
            (Outcome::Ok(RegisterReply::Swapped(false)), true) => ("fail", argument),
            (Outcome::Ok(RegisterReply::Value(seen)), true) => ("ok", value(*seen)),
            _ => ("ok", argument),
        };
        let _ = writeln!(log, "INFO  jepsen.util - {}\t:{kind}\t:{f}\t{argument}", entry.client);
    }
    log
}

/// Resident memory now, in bytes, from where the peak counts anew. 0 where the system does not tell.
fn forget_peak() -> u64 {
    let _ = fs::write("/proc/self/clear_refs", "5");
    status("VmRSS:")
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
