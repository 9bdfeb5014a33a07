//! The log of a Jepsen run against one compare-and-set register: lines such as
//! `INFO  jepsen.util - 3 :invoke :cas [1 2]` (with tabs), and other lines, which are passed over.
//!
//! In these logs `:fail :cas` is the store's answer that the register did not hold the expected value, so it is a reply, and
//! it has to be explained. (In `history.edn` the same word may also stand for a refused connection; see there.) A read that
//! failed says nothing.

use super::Recorded;
use super::pairing::{Ended, Pairing};
use super::place::ParseError;
use crate::entry::Outcome;
use crate::model::{Register, RegisterOp, RegisterReply, Value};
use crate::options::Times;

/// Before this come time stamps, levels and thread names.
const MARK: &str = "jepsen.util";

pub(super) fn read(text: &str) -> Result<(Recorded, Times), ParseError> {
    let mut pairs = Pairing::<RegisterOp, RegisterReply>::new(text);
    pairs.entries.reserve(text.len() / 80);
    let (mut offset, mut line) = (0, 0);
    let mut some = false;
    while offset < text.len() {
        line += 1;
        let end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
        let mut at = Cursor { text, end, offset };
        if at.seek_operation() {
            some = true;
            event(&mut at, line, &mut pairs)?;
        }
        offset = end + 1;
    }
    if !some {
        return Err(ParseError::at(text, 0, "no line of an operation (`jepsen.util - 3 :invoke :read nil`)"));
    }
    Ok((Recorded::Register { model: Register::default(), entries: pairs.entries }, Times::Lines))
}

fn event(
    at: &mut Cursor<'_>,
    line: u64,
    pairs: &mut Pairing<'_, RegisterOp, RegisterReply>,
) -> Result<(), ParseError> {
    let began = at.offset;
    let process = at.number("a process")?.into();
    let (type_offset, kind) = at.word();
    let (f_offset, f) = at.word();
    let ended = match kind {
        ":invoke" => {
            let op = match f {
                ":read" => RegisterOp::Read,
                ":write" => RegisterOp::Write(at.value()?),
                ":cas" => {
                    at.expect('[')?;
                    let (from, to) = (at.value()?, at.value()?);
                    at.expect(']')?;
                    RegisterOp::Cas { from, to }
                }
                _ => return Err(at.error(f_offset, "expected :read, :write or :cas")),
            };
            return pairs.call(process, line, began, op);
        }
        ":ok" => Ended::Ok,
        ":fail" => Ended::Fail,
        ":info" => Ended::Info,
        _ => return Err(at.error(type_offset, "expected :invoke, :ok, :fail or :info")),
    };
    let entry = pairs.end(process, line, began, ended)?;
    entry.outcome = match (ended, entry.op) {
        (Ended::Info, _) => Outcome::Unknown,
        (Ended::Ok, RegisterOp::Read) => Outcome::Ok(RegisterReply::Value(at.value()?)),
        (Ended::Ok, RegisterOp::Write(_)) => Outcome::Ok(RegisterReply::Written),
        (_, RegisterOp::Cas { .. }) => Outcome::Ok(RegisterReply::Swapped(ended == Ended::Ok)),
        (Ended::Fail, _) => Outcome::Failed,
    };
    Ok(())
}

/// A place in one line.
struct Cursor<'a> {
    text: &'a str,
    end: usize,
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.offset..self.end]
    }

    fn error(&self, offset: usize, message: &str) -> ParseError {
        ParseError::at(self.text, offset, message)
    }

    /// Moves to what follows the mark, if that is a process; a nemesis or a message is none.
    fn seek_operation(&mut self) -> bool {
        let Some(mark) = self.rest().find(MARK) else { return false };
        self.offset += mark + MARK.len();
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start_matches([' ', '\t', '-', ':']).len();
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && self.rest()[digits..].trim_start().starts_with(':')
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start_matches([' ', '\t', ',', '\r']).len();
    }

    /// The next word, and where it is.
    fn word(&mut self) -> (usize, &'a str) {
        self.skip_blanks();
        let (offset, rest) = (self.offset, self.rest());
        let length = rest.find([' ', '\t', '\r', ']', '[', ',']).unwrap_or(rest.len());
        self.offset += length;
        (offset, &rest[..length])
    }

    fn expect(&mut self, sign: char) -> Result<(), ParseError> {
        self.skip_blanks();
        if !self.rest().starts_with(sign) {
            return Err(self.error(self.offset, &format!("expected `{sign}`")));
        }
        self.offset += 1;
        Ok(())
    }

    fn number(&mut self, what: &str) -> Result<u32, ParseError> {
        let (offset, word) = self.word();
        word.parse().map_err(|_| self.error(offset, &format!("expected {what}: a number")))
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        let (offset, word) = self.word();
        if word == "nil" {
            return Ok(Value::NIL);
        }
        let number = word.parse().ok().filter(|&number| number < Value::NAMED);
        number.map(Value).ok_or_else(|| self.error(offset, "expected a value: a number below 2^31, or nil"))
    }
}
