//! Generated histories: as operations in memory, and as a file of the real format.

use std::io::Write;
use std::path::PathBuf;

use history::{Call, Header, History, Lines, Nanos, Operation, Outcome, Sources};

use super::generate::{Shape, Sink, run};

/// Collects operations.
#[derive(Default)]
struct Record {
    operations: Vec<Operation<'static>>,
}

impl Sink for Record {
    fn invoked(&mut self, number: u64, t: Nanos, client: u32, call: &Call<'static>) {
        assert_eq!(number, self.operations.len() as u64);
        self.operations.push(Operation {
            file: 0,
            number,
            client,
            member: "".into(),
            call: call.clone(),
            invoked: t,
            returned: None,
            outcome: Outcome::Unknown(None),
        });
    }

    fn returned(&mut self, number: u64, t: Nanos, outcome: &Outcome<'static>) {
        let operation = &mut self.operations[number as usize];
        operation.returned = Some(t);
        operation.outcome = outcome.clone();
    }
}

/// The history that clients of this shape make.
pub(crate) fn history(shape: &Shape) -> History<'static> {
    let mut record = Record::default();
    run(shape, &mut record);
    History { operations: record.operations, watched: Vec::new(), files: Vec::new() }
}

/// Writes a history file while it happens.
struct Tape<W> {
    lines: Lines<W>,
    operations: u64,
    t: Nanos,
}

impl<W: Write> Sink for Tape<W> {
    fn invoked(&mut self, number: u64, t: Nanos, client: u32, call: &Call<'static>) {
        (self.operations, self.t) = (number + 1, t);
        self.lines.invoked(number, t, client, "", call).unwrap();
    }

    fn returned(&mut self, number: u64, t: Nanos, outcome: &Outcome<'static>) {
        self.t = t;
        self.lines.returned(number, t, outcome).unwrap();
    }
}

/// Writes the file that clients of this shape make.
pub(crate) fn write<W: Write>(shape: &Shape, to: W) -> W {
    let mut lines = Lines::new(to);
    let header = Header {
        history: history::FORMAT_VERSION,
        boot: "simulated".into(),
        run: String::new(),
        command: "main/parallel_driver_simulated".into(),
        number: 12,
        pid: 1,
        t: Nanos(0),
        wall: Nanos(0),
    };
    lines.header(&header).unwrap();
    let mut tape = Tape { lines, operations: 0, t: Nanos(0) };
    run(shape, &mut tape);
    tape.lines.footer(tape.operations, tape.t).unwrap()
}

/// A file in memory.
pub(crate) fn sources(text: &str) -> Sources {
    Sources::from_bytes(vec![(PathBuf::from("simulated.jsonl"), text.as_bytes().to_vec())])
}
