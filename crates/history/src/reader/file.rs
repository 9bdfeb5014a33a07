//! One file: lines to operations, each line judged for itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::{FileReport, Operation, TROUBLES_KEPT, Trouble, WatchUpdate};
use crate::line::{FooterLine, InvokeLine, ParseLineError, ReturnLine, Shape, WatchLine};
use crate::{Blob, Outcome};

pub(crate) struct ParsedFile<'a> {
    pub(crate) operations: Vec<Operation<'a>>,
    pub(crate) watched: Vec<WatchUpdate<'a>>,
    pub(crate) report: FileReport,
}

/// Reads what can be read of `bytes`.
pub(crate) fn parse<'a>(index: usize, path: &Path, bytes: &'a [u8]) -> ParsedFile<'a> {
    let mut file = Reader {
        index,
        operations: Vec::with_capacity(bytes.len() / 200),
        position: HashMap::new(),
        watched: Vec::new(),
        footer: None,
        report: FileReport {
            path: path.to_owned(),
            header: None,
            operations: 0,
            open: 0,
            closed: false,
            torn: false,
            broken: 0,
            missing: 0,
            lost: 0,
            troubles: Vec::new(),
        },
    };
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 1..]));
        match file.line(line) {
            Ok(()) => {}
            // The process died in the middle of a write: whatever the line was about had not begun yet.
            Err(_) if end.is_none() => file.report.torn = true,
            Err(problem) => file.trouble(number, &problem),
        }
        rest = after;
    }
    file.end()
}

struct Reader<'a> {
    index: usize,
    operations: Vec<Operation<'a>>,
    /// Where operations are that did not get the index of their number.
    position: HashMap<u64, usize>,
    watched: Vec<WatchUpdate<'a>>,
    footer: Option<u64>,
    report: FileReport,
}

/// Why a line could not be used.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Line(#[from] ParseLineError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("operation {0} was invoked before")]
    InvokedTwice(u64),
    #[error("operation {0} returned before")]
    ReturnedTwice(u64),
    #[error("operation {0} was never invoked in this file")]
    NeverInvoked(u64),
    #[error("a second header")]
    SecondHeader,
    #[error("{0} follows the footer")]
    AfterFooter(&'static str),
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), Problem> {
        let shape = Shape::of(line)?;
        if self.footer.is_some() {
            return Err(Problem::AfterFooter("a line"));
        }
        match shape {
            Shape::Invoke => self.invoke(serde_json::from_slice(line)?),
            Shape::Return => self.returned(serde_json::from_slice(line)?),
            Shape::Watch => self.watch(serde_json::from_slice(line)?),
            Shape::Header => self.header(line),
            Shape::Footer => {
                self.footer = Some(serde_json::from_slice::<FooterLine>(line)?.z);
                Ok(())
            }
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Problem> {
        if self.report.header.is_some() {
            return Err(Problem::SecondHeader);
        }
        self.report.header = Some(serde_json::from_slice(line)?);
        Ok(())
    }

    fn invoke(&mut self, line: InvokeLine<'a>) -> Result<(), Problem> {
        let number = line.i.ok_or(ParseLineError::Missing("i"))?;
        let invoked = line.t.ok_or(ParseLineError::Missing("t"))?;
        if self.find(number).is_some() {
            return Err(Problem::InvokedTwice(number));
        }
        let client = line.c.unwrap_or(0);
        let mut line = line;
        let member = line.m.take().map_or(Cow::Borrowed(""), Blob::into_text);
        let operation = Operation {
            file: self.index,
            number,
            client,
            member,
            call: line.into_call()?,
            invoked,
            returned: None,
            outcome: Outcome::Unknown(None),
        };
        // Numbers count up from 0, so an operation's index is its number, unless lines were lost before it.
        if number != self.operations.len() as u64 {
            self.position.insert(number, self.operations.len());
        }
        self.operations.push(operation);
        Ok(())
    }

    fn returned(&mut self, line: ReturnLine<'a>) -> Result<(), Problem> {
        let number = line.r.ok_or(ParseLineError::Missing("r"))?;
        let returned = line.t.ok_or(ParseLineError::Missing("t"))?;
        let index = self.find(number).ok_or(Problem::NeverInvoked(number))?;
        let operation = &mut self.operations[index];
        if operation.returned.is_some() {
            return Err(Problem::ReturnedTwice(number));
        }
        operation.outcome = line.into_outcome(&operation.call)?;
        operation.returned = Some(returned);
        Ok(())
    }

    fn watch(&mut self, line: WatchLine<'a>) -> Result<(), Problem> {
        if self.find(line.w).is_none() {
            return Err(Problem::NeverInvoked(line.w));
        }
        let events = line.ev.into_iter().map(crate::line::EventFields::typed).collect::<Result<_, _>>()?;
        self.watched.push(WatchUpdate {
            file: self.index,
            watch: line.w,
            t: line.t,
            revision: line.rev,
            events,
        });
        Ok(())
    }

    fn find(&self, number: u64) -> Option<usize> {
        let direct = usize::try_from(number)
            .ok()
            .filter(|index| self.operations.get(*index).is_some_and(|operation| operation.number == number));
        direct.or_else(|| self.position.get(&number).copied())
    }

    fn trouble(&mut self, line: usize, problem: &Problem) {
        self.report.broken += 1;
        if self.report.troubles.len() < TROUBLES_KEPT {
            // Each line was parsed by itself, so that only the column of the parser's message is of use.
            let message = problem.to_string().replace(" at line 1 column ", ", column ");
            self.report.troubles.push(Trouble { line, message });
        }
    }

    fn end(mut self) -> ParsedFile<'a> {
        self.report.operations = self.operations.len();
        self.report.open = self.operations.iter().filter(|operation| operation.returned.is_none()).count();
        self.report.closed = self.footer.is_some();
        self.report.missing = self.footer.unwrap_or(0).saturating_sub(self.operations.len() as u64);
        ParsedFile { operations: self.operations, watched: self.watched, report: self.report }
    }
}
