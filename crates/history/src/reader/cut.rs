//! A history as it was at a moment, out of files that have gone on growing since.
//!
//! Invocations are on disk before their requests leave. So of what any reply up to a moment can have seen, everything is
//! in files that are read after it: the cut history lacks no operation. One that had not returned by then is open.

use serde::Deserialize;

use super::Sources;
use crate::Nanos;
use crate::line::Shape;

/// In lines as the writer makes them, the stamp begins within so many bytes.
const STAMP_WITHIN: usize = 32;

impl Sources {
    /// Leaves out what is stamped later than `t`, lines that are not whole yet, and files' last lines, which tell of
    /// operations that may be left out. Sound if all files were read after `t`.
    #[must_use]
    pub fn until(mut self, t: Nanos) -> Self {
        for file in &mut self.files {
            file.bytes = cut(&file.bytes, t);
        }
        // Whoever has not written a header yet has asked for nothing.
        self.files.retain(|file| !file.bytes.is_empty());
        self
    }
}

fn cut(bytes: &[u8], until: Nanos) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let keep = match Shape::of(line) {
            Ok(Shape::Footer) => false,
            Ok(Shape::Header) | Err(_) => true,
            Ok(_) => stamp(line).is_none_or(|t| t <= until),
        };
        if keep {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// When the line was written; `None` where it does not say, which is judged elsewhere.
fn stamp(line: &[u8]) -> Option<Nanos> {
    let start = line.windows(5).take(STAMP_WITHIN).position(|part| part == b",\"t\":");
    if let Some(start) = start {
        let mut digits = line[start + 5..].iter().take_while(|byte| byte.is_ascii_digit());
        return digits
            .try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .map(Nanos);
    }
    #[derive(Deserialize)]
    struct Stamped {
        t: Nanos,
    }
    serde_json::from_slice::<Stamped>(line).ok().map(|stamped| stamped.t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{History, Outcome};

    const FILE: &str = r#"{"history":1,"boot":"b","command":"c","pid":1,"t":5,"wall":0}
{"i":0,"t":10,"f":"put","k":"a","v":"1"}
{"i":1,"t":11,"f":"put","k":"a","v":"2"}
{"r":0,"t":20,"o":"ok","rev":2}
{"r":1,"t":30,"o":"ok","rev":3}
{"f":"status","t":40,"i":2}
{"z":3,"t":50}
{"i":3,"t":1"#;

    fn at(t: u64) -> Vec<bool> {
        let sources = Sources::from_bytes(vec![("f.jsonl".into(), FILE.as_bytes().to_vec())]).until(Nanos(t));
        let history = History::parse(&sources).unwrap();
        assert!(history.is_complete(), "nothing is missing at {t}: {:?}", history.files);
        history.operations.iter().map(|operation| matches!(operation.outcome, Outcome::Ok(_))).collect()
    }

    #[test]
    fn what_has_not_returned_by_then_is_open() {
        assert_eq!(at(9), [false; 0]);
        assert_eq!(at(10), [false]);
        assert_eq!(at(20), [true, false]);
        assert_eq!(at(30), [true, true]);
        assert_eq!(at(99), [true, true, false]);
    }
}
