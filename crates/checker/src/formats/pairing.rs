//! From events of processes to operations: a process does one thing at a time, and an event ends what it began.

use std::collections::HashMap;

use super::place::ParseError;
use crate::entry::{Entry, OPEN, Outcome};

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Ok,
    Fail,
    Info,
}

/// The operations so far. An operation without an end stays open: its outcome is unknown.
#[derive(Debug)]
pub(super) struct Pairing<'a, O, R> {
    text: &'a str,
    pub(super) entries: Vec<Entry<O, R>>,
    /// By process: its open operation, and where that began.
    open: HashMap<i64, (usize, usize)>,
}

impl<'a, O, R> Pairing<'a, O, R> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, entries: Vec::new(), open: HashMap::new() }
    }

    /// `process` begins `op` at `time`; `offset` is for errors.
    pub(super) fn call(&mut self, process: i64, time: u64, offset: usize, op: O) -> Result<(), ParseError> {
        if let Some((_, began)) = self.open.insert(process, (self.entries.len(), offset)) {
            let line = ParseError::at(self.text, began, "").line;
            let message = format!("process {process} begins while what it began on line {line} is open");
            return Err(ParseError::at(self.text, offset, message));
        }
        let client = u32::try_from(process).unwrap_or(u32::MAX);
        self.entries.push(Entry { client, call: time, returned: OPEN, op, outcome: Outcome::Unknown });
        Ok(())
    }

    /// The open operation of `process`, which ends at `time`. An unknown outcome has no end.
    pub(super) fn end(
        &mut self,
        process: i64,
        time: u64,
        offset: usize,
        ended: Ended,
    ) -> Result<&mut Entry<O, R>, ParseError> {
        let Some((index, _)) = self.open.remove(&process) else {
            let message = format!("process {process} ends what it did not begin");
            return Err(ParseError::at(self.text, offset, message));
        };
        let entry = &mut self.entries[index];
        if ended != Ended::Info {
            entry.returned = time;
        }
        Ok(entry)
    }
}
