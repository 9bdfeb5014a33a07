//! What members logged around a violation: few lines, the most telling ones, on the clock of the run.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use history::Nanos;
use report::{LogLine, Witness};
use serde_json::Value;

use crate::record::RunRecord;

/// Lines that are kept; warnings and errors first.
const LINES_MAX: usize = 80;
/// How far before and after an operation of the violation lines are looked for, in nanoseconds.
const AROUND_NS: u64 = 1_500_000_000;
/// Longer lines are cut.
const TEXT_MAX: usize = 400;
/// More of a log is not read: it would take longer than everything else.
const READ_MAX: u64 = 256 << 20;

/// Lines of all members around the operations that contradict each other. A log that cannot be read has none.
pub(super) fn around(dir: &Path, run: &RunRecord, witness: &Witness) -> Vec<LogLine> {
    let core = witness.operations.iter().filter(|shown| shown.core);
    let moments: Vec<Nanos> =
        core.flat_map(|shown| [Some(shown.invoked), shown.returned]).flatten().collect();
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir.join("members")).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(member) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { continue };
        if path.extension().is_some_and(|extension| extension == "log") {
            of_member(&path, &member, run, &moments, &mut lines);
        }
    }
    lines.sort_by_key(|(distance, line): &(u64, LogLine)| (rank(&line.level), *distance));
    lines.truncate(LINES_MAX);
    let mut lines: Vec<LogLine> = lines.into_iter().map(|(_, line)| line).collect();
    lines.sort_by(|a, b| (a.t, &a.member).cmp(&(b.t, &b.member)));
    lines
}

fn of_member(path: &Path, member: &str, run: &RunRecord, moments: &[Nanos], lines: &mut Vec<(u64, LogLine)>) {
    let Ok(file) = File::open(path) else { return };
    let reader = BufReader::new(std::io::Read::take(file, READ_MAX));
    for line in reader.split(b'\n').map_while(Result::ok) {
        let Some(line) = parsed(&line, member, run) else { continue };
        let distance = moments.iter().map(|moment| moment.0.abs_diff(line.t.0)).min();
        if let Some(distance) = distance.filter(|distance| *distance <= AROUND_NS) {
            lines.push((distance, line));
        }
        if lines.len() > 50 * LINES_MAX {
            lines.sort_by_key(|(distance, line)| (rank(&line.level), *distance));
            lines.truncate(LINES_MAX);
        }
    }
}

fn rank(level: &str) -> u8 {
    match level {
        "fatal" | "panic" | "dpanic" => 0,
        "error" => 1,
        "warn" | "warning" => 2,
        _ => 3,
    }
}

/// A line of JSON with a time in it, as most systems log; of others it cannot be told when they were.
fn parsed(line: &[u8], member: &str, run: &RunRecord) -> Option<LogLine> {
    let Value::Object(mut fields) = serde_json::from_slice(line).ok()? else { return None };
    let mut take =
        |names: &[&str]| names.iter().find_map(|name| fields.remove(*name)?.as_str().map(str::to_owned));
    let time: jiff::Timestamp = take(&["ts", "time", "timestamp"])?.parse().ok()?;
    let level = take(&["level", "lvl"]).unwrap_or_default();
    let mut text = take(&["msg", "message"]).unwrap_or_default();
    let _ = take(&["caller"]);
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!(" {name}={value}"));
    }
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    let wall = Nanos(u64::try_from(time.as_nanosecond()).ok()?);
    Some(LogLine { member: member.to_owned(), t: super::on_the_clock(run, wall), level, text })
}
