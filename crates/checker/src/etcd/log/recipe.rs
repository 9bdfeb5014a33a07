//! The store's own locks and elections, as the requests that etcd makes of them.
//!
//! Who waits for a lock or runs for election has a key: the name, a slash, and the lease in hexadecimal digits. It is
//! put with the lease unless it is there, and it is deleted where the wait fails. Only what an answer proves is told;
//! every other request is a step that may have been taken or not.

use history::{Blob, Call, Comparison, Operation, Outcome, Reply};

use rustc_hash::FxHashMap;

use super::packed::{Kind, ONE, Packed};
use super::{Action, Asked, Compare, Ending, Fact, Key, Keys, Log, NONE, Op, Operand, Span, Txn, index};

impl<'a> Log<'a> {
    /// The action of a call of locks or elections; `None` of any other.
    pub(super) fn recipe<'c, 'b>(
        &mut self,
        operation: &'c Operation<'b>,
        lend: &impl Fn(&'c Blob<'b>) -> &'a [u8],
    ) -> Option<Packed> {
        let (there, any) = (Comparison::NotEqual, 0);
        Some(match &operation.call {
            Call::Lock { name, lease } => self.enter(operation, lend(name), *lease, None),
            Call::Campaign { name, lease, value } => {
                self.enter(operation, lend(name), *lease, Some(lend(value)))
            }
            // What follows is one request each: a failure says that it was not done.
            Call::Unlock { .. } | Call::Proclaim { .. } | Call::Resign { .. }
                if matches!(operation.outcome, Outcome::Failed(_)) =>
            {
                Packed::OTHER
            }
            Call::Unlock { key } => {
                let key = self.key(lend(key));
                let txn = self.guarded(Asked::Unlock, key, (there, any), delete(key));
                silent(operation, txn, key)
            }
            Call::Resign { key, created } => {
                let key = self.key(lend(key));
                let txn = self.guarded(Asked::Resign, key, (Comparison::Equal, *created), delete(key));
                silent(operation, txn, key)
            }
            Call::Proclaim { key, created, value } => {
                let Some(lease) = lease_of(key.bytes()) else { return Some(self.untold()) };
                let key = self.key(lend(key));
                let put = put(key, lend(value), lease);
                let txn = self.guarded(Asked::Proclaim, key, (Comparison::Equal, *created), put);
                // It is answered only if its comparison held.
                let answered = matches!(operation.outcome, Outcome::Ok(_));
                self.txns[txn as usize].succeeded = answered.then_some(true);
                Packed::new(Kind::Txn, txn, if answered { key } else { NONE })
            }
            _ => return None,
        })
    }

    /// Gets in line for a lock, or for an election with a value.
    fn enter(
        &mut self,
        operation: &Operation<'_>,
        name: &'a [u8],
        lease: i64,
        value: Option<&'a [u8]>,
    ) -> Packed {
        let held = match &operation.outcome {
            Outcome::Ok(Reply::Held { key, created, .. }) => Some((key.bytes(), *created)),
            _ => None,
        };
        // Without a lease the store makes one.
        if lease <= 0 || held.is_some_and(|(key, _)| key != spell(name, lease)) {
            return self.untold();
        }
        let key = self.made_key(name, lease);
        let asked = if value.is_some() { Asked::Campaign } else { Asked::Lock };
        let put = put(key, value.unwrap_or_default(), lease);
        let enter = self.guarded(asked, key, (Comparison::Equal, 0), put);
        let again = |created| match created {
            0 => (Comparison::NotEqual, 0),
            created => (Comparison::Equal, created),
        };
        let Some((_, created)) = held else {
            // Nobody was told of anything, and a failure may be that of the last request.
            self.besides(operation, Packed::new(Kind::Txn, enter, NONE));
            if value.is_some() {
                let txn = self.guarded(asked, key, again(0), put);
                self.besides(operation, Packed::new(Kind::Txn, txn, NONE));
            }
            let gone = self.pack(delete(key));
            self.besides(operation, gone);
            return Packed::OTHER;
        };
        if value.is_none() {
            // The revision is that of a look which may come long after the put.
            let by = self.besides(operation, Packed::new(Kind::Txn, enter, NONE));
            return Packed::new(Kind::Held, key, by);
        }
        // A key that was there already is put once more if it has another value.
        let txn = self.guarded(asked, key, again(created), put);
        self.besides(operation, Packed::new(Kind::Txn, txn, NONE));
        if created > 0 {
            self.facts.push((operation.deadline().0, Fact::Born { key, revision: created }));
        }
        Packed::new(Kind::Silent, enter, key)
    }

    /// A use of which nobody can say what it wrote.
    fn untold(&mut self) -> Packed {
        self.untold = true;
        Packed::OTHER
    }

    /// One write of a key, done if its revision of creation compares so.
    fn guarded(
        &mut self,
        asked: Asked,
        key: Key,
        (comparison, created): (Comparison, i64),
        write: Action<'a>,
    ) -> u32 {
        let keys = Keys { from: key, to: ONE };
        self.compares.push(Compare { keys, operand: Operand::Create(created), comparison });
        let write = self.pack(write);
        self.actions.push(write);
        let last = |len: usize| Span { start: index(len - 1), len: 1 };
        self.txns.push(Txn {
            compares: last(self.compares.len()),
            success: last(self.actions.len()),
            failure: Span::default(),
            succeeded: None,
            serializable: false,
            asked,
        });
        index(self.txns.len() - 1)
    }

    /// Something that an operation may have done besides, at any time since.
    fn besides(&mut self, operation: &Operation<'_>, action: Packed) -> u32 {
        self.steps.push(Op {
            invoked: operation.invoked.0,
            action,
            file: index(operation.file),
            client: operation.client,
            ending: Ending::Unknown,
            open: false,
            ..Op::OPEN
        });
        index(self.steps.len() - 1)
    }

    /// The key stays empty until [`Log::join`] is given its name.
    fn made_key(&mut self, name: &'a [u8], lease: i64) -> Key {
        let key = index(self.keys.len());
        self.keys.push(b"");
        self.made.push((key, name, lease));
        key
    }

    /// A grant proves that the lock's key was put only where nothing else in the history may have put it.
    pub(super) fn tell_makers(&mut self) {
        if self.steps.is_empty() {
            return;
        }
        let held = self.ops.iter().map(|op| op.action).filter(|action| action.kind == Kind::Held);
        let mut makers: FxHashMap<Key, u32> = held.map(|held| (held.a, 0)).collect();
        let packed = self.ops.iter().map(|op| &op.action).chain(&self.actions);
        let plain = packed.filter(|action| action.kind == Kind::Put).map(|action| action.a);
        let odd = self.odd.iter().filter_map(|action| match action {
            Action::Put { key, .. } => Some(*key),
            _ => None,
        });
        for key in plain.chain(odd) {
            makers.entry(key).and_modify(|makers| *makers += 1);
        }
        let several = |action: &Packed| action.kind == Kind::Held && makers[&action.a] > 1;
        self.ops.iter_mut().filter(|op| several(&op.action)).for_each(|op| op.action = Packed::OTHER);
    }

    /// The names of the keys that are made, in the order of their parts.
    pub(in crate::etcd) fn names(parts: &[Self]) -> Vec<Vec<u8>> {
        parts.iter().flat_map(|part| &part.made).map(|(_, name, lease)| spell(name, *lease)).collect()
    }
}

fn put(key: Key, value: &[u8], lease: i64) -> Action<'_> {
    Action::Put { key, value: Some(value), lease, keep_lease: false, want_prev: false, prev: NONE }
}

fn delete(key: Key) -> Action<'static> {
    let keys = Keys { from: key, to: ONE };
    Action::Delete { keys, want_prev: false, deleted: 0, prev: Span::default() }
}

/// An answer does not tell whether there was anything to do.
fn silent(operation: &Operation<'_>, txn: u32, key: Key) -> Packed {
    match operation.outcome {
        Outcome::Ok(_) => Packed::new(Kind::Silent, txn, key),
        _ => Packed::new(Kind::Txn, txn, NONE),
    }
}

fn spell(name: &[u8], lease: i64) -> Vec<u8> {
    [name, b"/", format!("{lease:x}").as_bytes()].concat()
}

/// The lease that a key was made with.
fn lease_of(key: &[u8]) -> Option<i64> {
    let digits = key.rsplit(|byte| *byte == b'/').next()?;
    let lease = i64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (lease > 0 && digits.len() < key.len()).then_some(lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_lease_in_small_digits_without_padding() {
        assert_eq!(spell(b"jobs", 0x6943), b"jobs/6943");
        assert_eq!(spell(b"a/b", 0x0ABC_DEF0), b"a/b/abcdef0");
        assert_eq!(lease_of(b"a/b/abcdef0"), Some(0x0ABC_DEF0));
        for key in [&b"abc"[..], b"a/", b"a/0", b"a/-1", b"a/x", b""] {
            assert_eq!(lease_of(key), None, "{key:?}");
        }
    }
}
