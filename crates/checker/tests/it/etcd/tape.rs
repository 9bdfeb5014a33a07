//! Generated histories as files of the real format.

use std::io::Write;

use history::{Call, Header, Lines, Nanos, Outcome};

use super::generate::{Shape, Sink, run};

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
