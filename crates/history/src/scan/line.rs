//! Lines as the writer makes them, read without a detour: no JSON tree, no copies, nothing but what the line says.
//!
//! It accepts less than the format allows and nothing that the format does not: whatever is unusual about a line is
//! `None` here, and is then read by the grammar in `line.rs`.

use std::borrow::Cow;

use crate::{
    Blob, Call, Compare, Comparison, Delete, Failure, KeyValue, Nanos, Outcome, Put, Range, Reply, Target,
    Txn,
};

/// An invocation line.
pub(super) struct Invoked<'a> {
    pub(super) number: u64,
    pub(super) t: Nanos,
    pub(super) client: u32,
    pub(super) member: &'a str,
    pub(super) call: Call<'a>,
}

/// A position in a line of valid UTF-8.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// The names of an object, each seen once at most.
struct Names(u32);

impl Names {
    /// Notes name number `n`; `None` for the second time.
    fn once(&mut self, n: u32) -> Option<()> {
        let bit = 1 << n;
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first.then_some(())
    }
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let len = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
        self.at = start + len;
        self.eat(b'"')?;
        self.text.get(start..start + len)
    }

    fn blob(&mut self) -> Option<Blob<'a>> {
        self.string().map(|text| Blob(Cow::Borrowed(text.as_bytes())))
    }

    /// The end of a range: "no end" is a zero byte, the one escape that is common.
    fn range_end(&mut self) -> Option<Blob<'a>> {
        const NO_END: &str = "\"\\u0000\"";
        if self.text[self.at..].starts_with(NO_END) {
            self.at += NO_END.len();
            return Some(Blob(Cow::Borrowed(b"\0")));
        }
        self.blob()
    }

    fn unsigned(&mut self) -> Option<u64> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut n = 0_u64;
        let mut len = 0;
        while let Some(digit) = rest.get(len).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            n = n.wrapping_mul(10).wrapping_add(u64::from(digit));
            len += 1;
        }
        // Up to 18 digits nothing overflows; a number does not begin with a zero.
        let plain = (1..=18).contains(&len) && (len == 1 || rest[0] != b'0');
        self.at += len;
        plain.then_some(n)
    }

    fn signed(&mut self) -> Option<i64> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let n = i64::try_from(self.unsigned()?).ok()?;
        // The writer never makes a negative zero.
        (!negative || n != 0).then_some(if negative { -n } else { n })
    }

    fn truth(&mut self) -> Option<bool> {
        let rest = &self.text.as_bytes()[self.at..];
        let (truth, len) = if rest.starts_with(b"true") {
            (true, 4)
        } else if rest.starts_with(b"false") {
            (false, 5)
        } else {
            return None;
        };
        self.at += len;
        Some(truth)
    }

    /// Visits the names of an object; the visitor reads each value.
    fn object(&mut self, mut value: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.eat(b':')?;
            value(self, name.as_bytes())?;
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            if self.eat(b',').is_none() {
                return self.eat(b']');
            }
        }
    }

    fn key_values(&mut self) -> Option<Vec<KeyValue<'a>>> {
        let mut kvs = Vec::new();
        self.array(|cursor| {
            kvs.push(cursor.key_value()?);
            Some(())
        })?;
        Some(kvs)
    }

    fn key_value(&mut self) -> Option<KeyValue<'a>> {
        let mut names = Names(0);
        let (mut key, mut value, mut modified) = (None, None, None);
        let (mut create, mut version, mut lease) = (None, 1, 0);
        self.object(|cursor, name| {
            match name {
                b"k" => (key, _) = (Some(cursor.blob()?), names.once(0)?),
                b"v" => (value, _) = (Some(cursor.blob()?), names.once(1)?),
                b"mod" => (modified, _) = (Some(cursor.signed()?), names.once(2)?),
                b"crt" => (create, _) = (Some(cursor.signed()?), names.once(3)?),
                b"ver" => (version, _) = (cursor.signed()?, names.once(4)?),
                b"lease" => (lease, _) = (cursor.signed()?, names.once(5)?),
                _ => return None,
            }
            Some(())
        })?;
        let mod_revision = modified?;
        Some(KeyValue {
            key: key?,
            value: value.unwrap_or_default(),
            create_revision: create.unwrap_or(mod_revision),
            mod_revision,
            version,
            lease,
        })
    }

    fn compare(&mut self) -> Option<Compare<'a>> {
        let mut names = Names(0);
        let (mut key, mut end, mut target) = (None, None, None);
        let mut comparison = Comparison::Equal;
        self.object(|cursor, name| {
            let found = match name {
                b"k" => {
                    key = Some(cursor.blob()?);
                    return names.once(0);
                }
                b"end" => {
                    end = Some(cursor.range_end()?);
                    return names.once(1);
                }
                b"is" => {
                    comparison = match cursor.string()? {
                        "=" => Comparison::Equal,
                        "!=" => Comparison::NotEqual,
                        ">" => Comparison::Greater,
                        "<" => Comparison::Less,
                        _ => return None,
                    };
                    return names.once(2);
                }
                b"v" => Target::Value(cursor.blob()?),
                b"ver" => Target::Version(cursor.signed()?),
                b"crt" => Target::Create(cursor.signed()?),
                b"mod" => Target::Mod(cursor.signed()?),
                b"lease" => Target::Lease(cursor.signed()?),
                _ => return None,
            };
            // Exactly one of these.
            target = Some(found);
            names.once(3)
        })?;
        Some(Compare { key: key?, end, target: target?, comparison })
    }

    fn calls(&mut self) -> Option<Vec<Call<'a>>> {
        let mut calls = Vec::new();
        self.array(|cursor| {
            calls.push(cursor.invocation(true)?.call);
            Some(())
        })?;
        Some(calls)
    }

    /// An invocation line, or a call inside of a transaction, which has no number and no time.
    fn invocation(&mut self, inner: bool) -> Option<Invoked<'a>> {
        let mut names = Names(0);
        let (mut number, mut t, mut client, mut member, mut f) = (None, None, 0, "", "");
        let mut call = CallFields::default();
        self.object(|cursor, name| {
            match name {
                b"i" if !inner => (number, _) = (Some(cursor.unsigned()?), names.once(0)?),
                b"t" if !inner => (t, _) = (Some(cursor.unsigned()?), names.once(1)?),
                b"c" if !inner => (client, _) = (u32::try_from(cursor.unsigned()?).ok()?, names.once(2)?),
                b"m" if !inner => (member, _) = (cursor.string()?, names.once(3)?),
                b"f" => (f, _) = (cursor.string()?, names.once(4)?),
                _ => call.field(cursor, name, &mut names)?,
            }
            Some(())
        })?;
        let call = call.call(f)?;
        if inner {
            return Some(Invoked { number: 0, t: Nanos(0), client, member, call });
        }
        Some(Invoked { number: number?, t: Nanos(t?), client, member, call })
    }
}

/// Arguments of calls that are common; the other calls are read by the grammar.
#[derive(Default)]
struct CallFields<'a> {
    k: Option<Blob<'a>>,
    end: Option<Blob<'a>>,
    v: Option<Blob<'a>>,
    lease: i64,
    prev: bool,
    keepv: bool,
    keepl: bool,
    limit: i64,
    rev: i64,
    ser: bool,
    keys: bool,
    count: bool,
    ttl: i64,
    compare: Vec<Compare<'a>>,
    success: Vec<Call<'a>>,
    failure: Vec<Call<'a>>,
}

impl<'a> CallFields<'a> {
    fn field(&mut self, cursor: &mut Cursor<'a>, name: &[u8], names: &mut Names) -> Option<()> {
        match name {
            b"k" => (self.k, _) = (Some(cursor.blob()?), names.once(5)?),
            b"end" => (self.end, _) = (Some(cursor.range_end()?), names.once(6)?),
            b"v" => (self.v, _) = (Some(cursor.blob()?), names.once(7)?),
            b"lease" => (self.lease, _) = (cursor.signed()?, names.once(8)?),
            b"prev" => (self.prev, _) = (cursor.truth()?, names.once(9)?),
            b"keepv" => (self.keepv, _) = (cursor.truth()?, names.once(10)?),
            b"keepl" => (self.keepl, _) = (cursor.truth()?, names.once(11)?),
            b"limit" => (self.limit, _) = (cursor.signed()?, names.once(12)?),
            b"rev" => (self.rev, _) = (cursor.signed()?, names.once(13)?),
            b"ser" => (self.ser, _) = (cursor.truth()?, names.once(14)?),
            b"keys" => (self.keys, _) = (cursor.truth()?, names.once(15)?),
            b"count" => (self.count, _) = (cursor.truth()?, names.once(16)?),
            b"ttl" => (self.ttl, _) = (cursor.signed()?, names.once(17)?),
            b"if" => {
                names.once(18)?;
                let compares = &mut self.compare;
                cursor.array(|cursor| {
                    compares.push(cursor.compare()?);
                    Some(())
                })?;
            }
            b"then" => (self.success, _) = (cursor.calls()?, names.once(19)?),
            b"else" => (self.failure, _) = (cursor.calls()?, names.once(20)?),
            _ => return None,
        }
        Some(())
    }

    fn call(self, f: &str) -> Option<Call<'a>> {
        Some(match f {
            "put" => Call::Put(Put {
                key: self.k?,
                value: if self.keepv { self.v.unwrap_or_default() } else { self.v? },
                lease: self.lease,
                prev_kv: self.prev,
                ignore_value: self.keepv,
                ignore_lease: self.keepl,
            }),
            "get" => Call::Range(Range {
                key: self.k?,
                end: self.end,
                limit: self.limit,
                revision: self.rev,
                serializable: self.ser,
                keys_only: self.keys,
                count_only: self.count,
                sort: None,
            }),
            "delete" => Call::Delete(Delete { key: self.k?, end: self.end, prev_kv: self.prev }),
            "txn" => Call::Txn(Txn { compare: self.compare, success: self.success, failure: self.failure }),
            "grant" => Call::Grant { ttl: self.ttl, lease: self.lease },
            "revoke" => Call::Revoke { lease: self.lease },
            "keepalive" => Call::KeepAlive { lease: self.lease },
            _ => return None,
        })
    }
}

/// The invocation on a line.
pub(super) fn invoked(text: &str) -> Option<Invoked<'_>> {
    let mut cursor = Cursor { text, at: 0 };
    let invoked = cursor.invocation(false)?;
    cursor.end()?;
    Some(invoked)
}

/// The number of the operation that a line is about, where the line begins with it.
pub(super) fn number(text: &str) -> Option<u64> {
    let start = text.find(':')? + 1;
    Cursor { text, at: start }.unsigned()
}

/// Time and outcome of a return line, given the call that it answers.
pub(super) fn returned<'a>(text: &'a str, call: &Call<'a>) -> Option<(Nanos, Outcome<'a>)> {
    let mut cursor = Cursor { text, at: 0 };
    let mut fields = ReplyFields::default();
    cursor.object(|cursor, name| fields.field(cursor, name, Some(call)))?;
    cursor.end()?;
    let t = Nanos(fields.t?);
    let failure = fields.class.map(|class| Failure { class: class.into(), message: fields.message.into() });
    let outcome = match fields.outcome {
        "ok" => Outcome::Ok(fields.reply(call, None)?),
        "fail" => Outcome::Failed(failure?),
        "unknown" => Outcome::Unknown(failure),
        _ => return None,
    };
    Some((t, outcome))
}

/// What answers to common calls say.
#[derive(Default)]
struct ReplyFields<'a> {
    seen: u32,
    t: Option<u64>,
    outcome: &'a str,
    revision: i64,
    kvs: Vec<KeyValue<'a>>,
    n: Option<i64>,
    more: bool,
    prev: Vec<KeyValue<'a>>,
    deleted: i64,
    succeeded: Option<bool>,
    replies: Option<Vec<Reply<'a>>>,
    lease: i64,
    ttl: i64,
    class: Option<&'a str>,
    message: &'a str,
}

impl<'a> ReplyFields<'a> {
    fn field(&mut self, cursor: &mut Cursor<'a>, name: &[u8], call: Option<&Call<'a>>) -> Option<()> {
        let mut names = Names(self.seen);
        match name {
            b"r" => (_, _) = (cursor.unsigned()?, names.once(0)?),
            b"t" => (self.t, _) = (Some(cursor.unsigned()?), names.once(1)?),
            b"o" => (self.outcome, _) = (cursor.string()?, names.once(2)?),
            b"rev" => (self.revision, _) = (cursor.signed()?, names.once(3)?),
            b"kvs" => (self.kvs, _) = (cursor.key_values()?, names.once(4)?),
            b"n" => (self.n, _) = (Some(cursor.signed()?), names.once(5)?),
            b"more" => (self.more, _) = (cursor.truth()?, names.once(6)?),
            b"prev" => (self.prev, _) = (cursor.key_values()?, names.once(7)?),
            b"del" => (self.deleted, _) = (cursor.signed()?, names.once(8)?),
            b"succ" => (self.succeeded, _) = (Some(cursor.truth()?), names.once(9)?),
            b"lease" => (self.lease, _) = (cursor.signed()?, names.once(10)?),
            b"ttl" => (self.ttl, _) = (cursor.signed()?, names.once(11)?),
            b"e" => (self.class, _) = (Some(cursor.string()?), names.once(12)?),
            b"msg" => (self.message, _) = (cursor.string()?, names.once(13)?),
            b"res" => {
                names.once(14)?;
                let Some(Call::Txn(txn)) = call else { return None };
                let calls = if self.succeeded? { &txn.success } else { &txn.failure };
                self.replies = Some(replies(cursor, calls, self.revision)?);
            }
            _ => return None,
        }
        self.seen = names.0;
        Some(())
    }

    fn reply(self, call: &Call<'a>, outer: Option<i64>) -> Option<Reply<'a>> {
        let revision = outer.unwrap_or(self.revision);
        Some(match call {
            Call::Put(_) => Reply::Put { revision, prev: self.prev.into_iter().next() },
            Call::Range(_) => Reply::Range {
                revision,
                count: self.n.unwrap_or_else(|| i64::try_from(self.kvs.len()).unwrap_or(i64::MAX)),
                kvs: self.kvs,
                more: self.more,
            },
            Call::Delete(_) => Reply::Delete { revision, deleted: self.deleted, prev: self.prev },
            Call::Txn(txn) => {
                let succeeded = self.succeeded?;
                let calls = if succeeded { &txn.success } else { &txn.failure };
                let replies = self.replies.unwrap_or_default();
                (replies.len() == calls.len()).then_some(Reply::Txn { revision, succeeded, replies })?
            }
            Call::Grant { .. } => Reply::Grant { revision, lease: self.lease, ttl: self.ttl },
            Call::Revoke { .. } => Reply::Revoke { revision },
            Call::KeepAlive { .. } => Reply::KeepAlive { revision, ttl: self.ttl },
            _ => return None,
        })
    }
}

/// Replies inside of a transaction carry the revision of the whole; it must have been read before them.
fn replies<'a>(cursor: &mut Cursor<'a>, calls: &[Call<'a>], revision: i64) -> Option<Vec<Reply<'a>>> {
    let mut replies = Vec::with_capacity(calls.len());
    cursor.array(|cursor| {
        let call = calls.get(replies.len())?;
        let mut fields = ReplyFields { revision, ..ReplyFields::default() };
        cursor.object(|cursor, name| match name {
            // These belong to the outer line.
            b"r" | b"t" | b"o" | b"rev" | b"e" | b"msg" => None,
            _ => fields.field(cursor, name, Some(call)),
        })?;
        replies.push(fields.reply(call, Some(revision))?);
        Some(())
    })?;
    Some(replies)
}
