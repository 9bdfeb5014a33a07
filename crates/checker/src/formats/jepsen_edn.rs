//! Jepsen's `history.edn`, and the key-value notation that porcupine's test data shares with it.
//!
//! `:fail` means here what Jepsen means by it: the operation certainly did not happen, so it need not be explained; a
//! compare-and-set that failed may as well have been a refused connection. `:info`, and operations without an end, have an
//! unknown outcome. Events of a `:nemesis` are passed over. Time is the order of events, as it is for Jepsen's checkers.

mod bank;
mod key_value;
mod register;
mod transactions;
mod versioned;

use super::Recorded;
use super::edn::{Data, Form, Reader};
use super::pairing::{Ended, Pairing};
use super::place::ParseError;
use crate::entry::Outcome;
use crate::model::{Mutex, MutexOp, MutexReply};
use crate::options::Times;

/// One event of a client.
#[derive(Debug)]
struct Event<'a> {
    offset: usize,
    time: u64,
    process: i64,
    /// `None`: an invocation.
    ended: Option<Ended>,
    f: &'a str,
    key: Option<Form<'a>>,
    value: Form<'a>,
}

/// All events of clients in a file.
#[derive(Debug)]
struct Events<'a> {
    text: &'a str,
    list: Vec<Event<'a>>,
    times: Times,
}

/// Reads a file. `absent_is_empty`: a get of a key that is not there replies with an empty text.
pub(super) fn read(text: &str, absent_is_empty: bool) -> Result<(Recorded, Times), ParseError> {
    let events = Events::read(text)?;
    let times = events.times;
    let has = |f: &[&str]| events.list.iter().any(|event| f.contains(&event.f));
    let recorded = if has(&[":transfer"]) {
        bank::read(&events)?
    } else if has(&[":acquire", ":release"]) {
        mutex(&events)?
    } else if has(&[":txn"]) {
        transactions::read(&events, absent_is_empty)?
    } else if has(&[":append", ":get", ":put", ":delete"]) {
        key_value::read(&events, absent_is_empty)?
    } else if has(&[":read", ":write", ":cas"]) {
        if versioned::fits(&events) { versioned::read(&events)? } else { register::read(&events)? }
    } else {
        let message = "no operation this reads: :read, :write, :cas, :get, :put, :delete, :append, :txn, \
                       :transfer, :acquire, :release";
        return Err(ParseError::at(text, events.list.first().map_or(0, |event| event.offset), message));
    };
    Ok((recorded, times))
}

impl<'a> Events<'a> {
    fn read(text: &'a str) -> Result<Self, ParseError> {
        let mut reader = Reader::new(text);
        let inside = reader.enter()?;
        let (mut list, mut position) = (Vec::with_capacity(text.len() / 100), 0);
        let mut lines = Lines { text, offset: 0, line: 1, last: 0, rising: true };
        loop {
            if inside && reader.leave()? {
                break;
            }
            let Some(form) = reader.next_form()? else {
                if inside {
                    return Err(reader.error(text.len(), "the file ends inside of the history"));
                }
                break;
            };
            position += 1;
            let line = lines.of(form.offset);
            if let Some(event) = event(&reader, form, line)? {
                list.push((position, event));
            }
        }
        if inside && reader.next_form()?.is_some() {
            return Err(reader.error(reader.offset(), "something follows the history"));
        }
        // Lines are the better time for people, where there is one event on each.
        let times = if lines.rising { Times::Lines } else { Times::Positions };
        let timed = |(position, event): (u64, Event<'a>)| match times {
            Times::Positions => Event { time: position, ..event },
            _ => event,
        };
        let list = list.into_iter().map(timed).collect();
        Ok(Self { text, list, times })
    }

    fn error(&self, form: &Form<'_>, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, form.offset, message)
    }

    fn unexpected(&self, event: &Event<'_>, expected: &str) -> ParseError {
        ParseError::at(self.text, event.offset, format!("expected {expected} here, not {}", event.f))
    }

    /// Pairs the events: `op` reads an invocation, `reply` the end of one with a reply.
    fn pair<O: Clone, R>(
        &self,
        mut op: impl FnMut(&Event<'a>) -> Result<O, ParseError>,
        mut reply: impl FnMut(&Event<'a>, &mut O) -> Result<R, ParseError>,
    ) -> Result<Vec<crate::entry::Entry<O, R>>, ParseError> {
        let mut pairs = Pairing::new(self.text);
        for event in &self.list {
            let Some(ended) = event.ended else {
                pairs.call(event.process, event.time, event.offset, op(event)?)?;
                continue;
            };
            let entry = pairs.end(event.process, event.time, event.offset, ended)?;
            entry.outcome = match ended {
                Ended::Ok => Outcome::Ok(reply(event, &mut entry.op)?),
                Ended::Fail => Outcome::Failed,
                Ended::Info => Outcome::Unknown,
            };
        }
        Ok(pairs.entries)
    }
}

/// Line numbers of rising offsets.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
    last: u64,
    rising: bool,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> u64 {
        let between = &self.text.as_bytes()[self.offset..offset];
        self.line += between.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        self.offset = offset;
        self.rising &= self.line > self.last;
        self.last = self.line;
        self.line
    }
}

/// The map as an event of a client; `None` for one of somebody else.
fn event<'a>(reader: &Reader<'_>, form: Form<'a>, line: u64) -> Result<Option<Event<'a>>, ParseError> {
    let offset = form.offset;
    let Data::Map(pairs) = form.data else {
        return Err(reader.error(offset, "expected an event: a map with :process, :type, :f and :value"));
    };
    let (mut process, mut kind, mut f, mut key) = (None, None, None, None);
    let mut value = Form { offset, data: Data::Nil };
    for (name, form) in pairs {
        match name.data {
            Data::Keyword(":process") => process = Some(form),
            Data::Keyword(":type") => kind = Some(form),
            Data::Keyword(":f") => f = Some(form),
            Data::Keyword(":key") => key = Some(form),
            Data::Keyword(":value") => value = form,
            _ => {}
        }
    }
    let process = process.ok_or_else(|| reader.error(offset, "an event without :process"))?;
    let Data::Int(process) = process.data else { return Ok(None) };
    let kind = kind.ok_or_else(|| reader.error(offset, "an event without :type"))?;
    let ended = match kind.data {
        Data::Keyword(":invoke") => None,
        Data::Keyword(":ok") => Some(Ended::Ok),
        Data::Keyword(":fail") => Some(Ended::Fail),
        Data::Keyword(":info") => Some(Ended::Info),
        _ => return Err(reader.error(kind.offset, "expected :invoke, :ok, :fail or :info")),
    };
    let f = f.ok_or_else(|| reader.error(offset, "an event without :f"))?;
    let Data::Keyword(f) = f.data else { return Err(reader.error(f.offset, "expected a keyword")) };
    Ok(Some(Event { offset, time: line, process, ended, f, key, value }))
}

/// A lock. Jepsen's plain mutex has no owner: any process may release it.
fn mutex(events: &Events<'_>) -> Result<Recorded, ParseError> {
    let op = |event: &Event<'_>| match event.f {
        ":acquire" => Ok(MutexOp::Acquire(0)),
        ":release" => Ok(MutexOp::Release(0)),
        _ => Err(events.unexpected(event, ":acquire or :release")),
    };
    let entries = events.pair(op, |_, _| Ok(MutexReply::Granted))?;
    Ok(Recorded::Mutex { model: Mutex, entries })
}
