//! The commonest lines, read without building anything: puts, gets and deletes of one key, transactions of these, and
//! their answers, exactly as the writer spells them.
//!
//! It accepts less than `line.rs`, which accepts less than the format: what is not spelled like this is `None` here,
//! and is read there.

use crate::{Comparison, Nanos};

/// What a call of a common kind asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Puts a value, without a lease and without asking for the previous one.
    Put {
        /// The key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// Gets one key, as it is now.
    Get {
        /// The key.
        key: &'a [u8],
    },
    /// Deletes one key, without asking for what it held.
    Delete {
        /// The key.
        key: &'a [u8],
    },
}

/// What a comparison of a transaction compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Target`")]
pub enum Guard<'a> {
    Value(&'a [u8]),
    Version(i64),
    Create(i64),
    Mod(i64),
    Lease(i64),
}

/// A comparison of a transaction on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared<'a> {
    /// The key.
    pub key: &'a [u8],
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub guard: Guard<'a>,
}

/// An invocation of a common kind.
#[derive(Clone, Debug, Default)]
pub struct Begun<'a> {
    /// The operation's number in its file.
    pub number: u64,
    /// When, before the request left.
    pub t: Nanos,
    /// The client.
    pub client: u32,
    /// The call, if it is no transaction.
    pub step: Option<Step<'a>>,
    /// The comparisons of a transaction.
    pub compare: Vec<Compared<'a>>,
    /// What it does if they hold.
    pub success: Vec<Step<'a>>,
    /// What it does if not.
    pub failure: Vec<Step<'a>>,
}

/// A key-value that an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `KeyValue`")]
pub struct Shown<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub create_revision: i64,
    pub mod_revision: i64,
    pub version: i64,
    pub lease: i64,
}

/// What came of a common call, or of one inside of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// What a get found.
    pub shown: Option<Shown<'a>>,
    /// How many keys a delete deleted.
    pub deleted: i64,
}

/// How an operation of a common kind ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an answer.
    Ok {
        /// The store's revision.
        revision: i64,
        /// Which list a transaction took.
        succeeded: Option<bool>,
    },
    /// Not applied.
    Failed,
    /// Perhaps applied.
    Unknown,
}

/// The return of an operation of a common kind.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// The operation's number in its file.
    pub number: u64,
    /// When its outcome was known.
    pub t: Nanos,
    /// Its outcome.
    pub end: End,
    /// The answers to the calls of a transaction that were made, or the one to another call.
    pub answers: Vec<Answer<'a>>,
}

impl Default for Ended<'_> {
    fn default() -> Self {
        Self { number: 0, t: Nanos(0), end: End::Unknown, answers: Vec::new() }
    }
}

/// What is left of the text.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn eat<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        match self.0.split_first_chunk::<N>() {
            Some((head, rest)) if head == literal => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn must<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.eat(literal).then_some(())
    }

    /// A number of up to 18 digits, as JSON writes it.
    #[inline(always)]
    fn number(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        let mut len = 0;
        while let Some(digit) =
            self.0.get(len).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            n = n.wrapping_mul(10).wrapping_add(u64::from(digit));
            len += 1;
        }
        let plain = (1..=18).contains(&len) && (len == 1 || self.0[0] != b'0');
        self.0 = &self.0[len..];
        plain.then_some(n)
    }

    #[inline(always)]
    fn signed(&mut self) -> Option<i64> {
        // 18 digits fit.
        self.number().map(|n| n as i64)
    }

    /// A string without escapes, from behind its first quote to behind its last.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut len = 0;
        while let Some(chunk) = self.0[len..].first_chunk::<8>() {
            let found = special(u64::from_le_bytes(*chunk));
            if found != 0 {
                return self.closed(len + (found.trailing_zeros() / 8) as usize);
            }
            len += 8;
        }
        let end = self.0[len..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
        self.closed(len + end)
    }

    #[inline(always)]
    fn closed(&mut self, len: usize) -> Option<&'a [u8]> {
        let (string, rest) = self.0.split_at(len);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(string)
    }

    /// From behind `"f":"` to behind the last argument.
    #[inline(always)]
    fn step(&mut self) -> Option<Step<'a>> {
        if self.eat(b"put\",\"k\":\"") {
            let key = self.string()?;
            self.must(b",\"v\":\"")?;
            return Some(Step::Put { key, value: self.string()? });
        }
        if self.eat(b"get\",\"k\":\"") {
            return Some(Step::Get { key: self.string()? });
        }
        self.must(b"delete\",\"k\":\"")?;
        Some(Step::Delete { key: self.string()? })
    }

    fn steps(&mut self, to: &mut Vec<Step<'a>>) -> Option<()> {
        loop {
            self.must(b"{\"f\":\"")?;
            to.push(self.step()?);
            self.must(b"}")?;
            if !self.eat(b",") {
                return self.must(b"]");
            }
        }
    }

    fn compares(&mut self, to: &mut Vec<Compared<'a>>) -> Option<()> {
        loop {
            self.must(b"{\"k\":\"")?;
            let key = self.string()?;
            let mut comparison = Comparison::Equal;
            if self.eat(b",\"is\":\"") {
                comparison = match self.string()? {
                    b"!=" => Comparison::NotEqual,
                    b">" => Comparison::Greater,
                    b"<" => Comparison::Less,
                    _ => return None,
                };
            }
            let guard = if self.eat(b",\"mod\":") {
                Guard::Mod(self.signed()?)
            } else if self.eat(b",\"ver\":") {
                Guard::Version(self.signed()?)
            } else if self.eat(b",\"crt\":") {
                Guard::Create(self.signed()?)
            } else if self.eat(b",\"lease\":") {
                Guard::Lease(self.signed()?)
            } else {
                self.must(b",\"v\":\"")?;
                Guard::Value(self.string()?)
            };
            self.must(b"}")?;
            to.push(Compared { key, comparison, guard });
            if !self.eat(b",") {
                return self.must(b"]");
            }
        }
    }

    /// The names of an answer, from behind the comma before the first one, if there are any.
    #[inline(always)]
    fn answer(&mut self) -> Option<Answer<'a>> {
        if self.eat(b"\"kvs\":[{\"k\":\"") {
            let shown = Some(self.shown()?);
            self.must(b"]")?;
            return Some(Answer { shown, deleted: 0 });
        }
        self.must(b"\"del\":")?;
        Some(Answer { shown: None, deleted: self.signed()? })
    }

    #[inline(always)]
    fn shown(&mut self) -> Option<Shown<'a>> {
        let key = self.string()?;
        let value = if self.eat(b",\"v\":\"") { self.string()? } else { &[] };
        self.must(b",\"mod\":")?;
        let mod_revision = self.signed()?;
        let create_revision = if self.eat(b",\"crt\":") { self.signed()? } else { mod_revision };
        let version = if self.eat(b",\"ver\":") { self.signed()? } else { 1 };
        let lease = if self.eat(b",\"lease\":") { self.signed()? } else { 0 };
        self.must(b"}")?;
        Some(Shown { key, value, create_revision, mod_revision, version, lease })
    }
}

/// The bytes of a word that end a string, or that it cannot have, as their high bits: the lowest is exact.
#[inline(always)]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zeros(word ^ (ONES * b'"' as u64));
    let escape = zeros(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | escape | control) & HIGH
}

impl<'a> Begun<'a> {
    /// Reads the line that `text` begins with, and gives back what follows it.
    pub(super) fn read(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut cursor = Cursor(text);
        cursor.must(b"{\"i\":")?;
        self.number = cursor.number()?;
        cursor.must(b",\"t\":")?;
        self.t = Nanos(cursor.number()?);
        self.client = if cursor.eat(b",\"c\":") { u32::try_from(cursor.number()?).ok()? } else { 0 };
        if cursor.eat(b",\"m\":\"") {
            cursor.string()?;
        }
        cursor.must(b",\"f\":\"")?;
        self.step = None;
        if cursor.eat(b"txn\"") {
            self.compare.clear();
            self.success.clear();
            self.failure.clear();
            if cursor.eat(b",\"if\":[") {
                cursor.compares(&mut self.compare)?;
            }
            if cursor.eat(b",\"then\":[") {
                cursor.steps(&mut self.success)?;
            }
            if cursor.eat(b",\"else\":[") {
                cursor.steps(&mut self.failure)?;
            }
        } else {
            self.step = Some(cursor.step()?);
        }
        cursor.must(b"}\n")?;
        Some(cursor.0)
    }
}

impl<'a> Ended<'a> {
    /// Reads the line that `text` begins with, and gives back what follows it.
    pub(super) fn read(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut cursor = Cursor(text);
        cursor.must(b"{\"r\":")?;
        self.number = cursor.number()?;
        cursor.must(b",\"t\":")?;
        self.t = Nanos(cursor.number()?);
        self.answers.clear();
        if !cursor.eat(b",\"o\":\"ok\",\"rev\":") {
            self.end = cursor.without_answer()?;
            return Some(cursor.0);
        }
        let revision = cursor.signed()?;
        let mut succeeded = None;
        if cursor.eat(b"}\n") {
            self.answers.push(Answer::default());
            self.end = End::Ok { revision, succeeded };
            return Some(cursor.0);
        }
        cursor.must(b",")?;
        if cursor.eat(b"\"succ\":") {
            let holds = cursor.eat(b"true");
            if !holds {
                cursor.must(b"false")?;
            }
            succeeded = Some(holds);
            if cursor.eat(b",\"res\":[") {
                cursor.answers(&mut self.answers)?;
            }
        } else {
            self.answers.push(cursor.answer()?);
        }
        cursor.must(b"}\n")?;
        self.end = End::Ok { revision, succeeded };
        Some(cursor.0)
    }
}

impl<'a> Cursor<'a> {
    fn answers(&mut self, to: &mut Vec<Answer<'a>>) -> Option<()> {
        loop {
            self.must(b"{")?;
            if self.eat(b"}") {
                to.push(Answer::default());
            } else {
                to.push(self.answer()?);
                self.must(b"}")?;
            }
            if !self.eat(b",") {
                return self.must(b"]");
            }
        }
    }

    /// The rest of a line of an operation that failed, or of which nobody knows whether it did.
    fn without_answer(&mut self) -> Option<End> {
        let end = if self.eat(b",\"o\":\"unknown\"") {
            End::Unknown
        } else {
            // A failure has a class.
            self.must(b",\"o\":\"fail\"")?;
            self.must(b",\"e\":\"")?;
            self.string()?;
            self.message()?;
            return Some(End::Failed);
        };
        if self.eat(b",\"e\":\"") {
            self.string()?;
        }
        self.message()?;
        Some(end)
    }

    fn message(&mut self) -> Option<()> {
        if self.eat(b",\"msg\":\"") {
            self.string()?;
        }
        self.must(b"}\n")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes in any::<[u8; 8]>()) {
            let found = special(u64::from_le_bytes(bytes));
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
            prop_assert_eq!((found != 0).then(|| found.trailing_zeros() as usize / 8), first);
        }
    }
}
