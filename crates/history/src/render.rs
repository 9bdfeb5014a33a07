//! Lines of a history file for operations that have their times already: simulated ones, or a part of a recorded run.
//!
//! It records nothing: who talks to a store uses [`crate::Writer`], which takes the times itself.

use std::io::{self, Write};

use serde::Serialize;

use crate::line::{EventFields, FooterLine, InvokeLine, ReturnLine, WatchLine};
use crate::{Call, Event, Header, Nanos, Outcome};

/// Writes the lines of one file to `W`. The caller keeps to the format: a header first, invocations before their
/// returns, times that do not run backwards, a footer last.
#[derive(Debug)]
pub struct Lines<W> {
    to: W,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    /// Writes to `to`, one `write_all` a line.
    pub fn new(to: W) -> Self {
        Self { to, line: Vec::with_capacity(256) }
    }

    /// The first line.
    ///
    /// # Errors
    /// When writing fails, as for all lines.
    pub fn header(&mut self, header: &Header) -> io::Result<()> {
        self.write(header)
    }

    /// Operation `number` of the file begins.
    ///
    /// # Errors
    /// When writing fails.
    pub fn invoked(
        &mut self,
        number: u64,
        t: Nanos,
        client: u32,
        member: &str,
        call: &Call<'_>,
    ) -> io::Result<()> {
        self.write(&InvokeLine::new(number, t, client, member, call))
    }

    /// Operation `number` ends.
    ///
    /// # Errors
    /// When writing fails.
    pub fn returned(&mut self, number: u64, t: Nanos, outcome: &Outcome<'_>) -> io::Result<()> {
        self.write(&ReturnLine::new(number, t, outcome))
    }

    /// The watch that operation `number` opened delivers.
    ///
    /// # Errors
    /// When writing fails.
    pub fn watched(&mut self, number: u64, t: Nanos, revision: i64, events: &[Event<'_>]) -> io::Result<()> {
        self.write(&WatchLine {
            w: number,
            t,
            rev: revision,
            ev: events.iter().map(EventFields::new).collect(),
        })
    }

    /// The last line: the file holds `operations` of them. Gives back what was written to.
    ///
    /// # Errors
    /// When writing fails.
    pub fn footer(mut self, operations: u64, t: Nanos) -> io::Result<W> {
        self.write(&FooterLine { z: operations, t })?;
        Ok(self.to)
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.to.write_all(&self.line)
    }
}
