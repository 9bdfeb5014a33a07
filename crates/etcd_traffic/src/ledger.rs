//! Everything that a run has written, by key, and whether reads agree with it.
//!
//! Pure: a history in, a judgement out. It judges keys that were only ever put, by a put or by a transaction that does
//! nothing else. What deletes, other transactions or leases touch has more ways to be right than this simple rule knows;
//! such keys are counted and left to the checker.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use history::{Call, History, KeyValue, Nanos, Operation, Outcome, Range, Reply};

use crate::consistency::{Fate, Kind, Mismatch, Seen, Write, compare};

/// All puts of a history by key.
#[derive(Debug)]
pub struct Ledger<'h> {
    puts: BTreeMap<&'h [u8], Vec<Put<'h>>>,
    /// Keys and ranges that something else may have changed.
    touched: Touched<'h>,
    /// Whether nothing of the history is known to be missing.
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
struct Put<'h> {
    file: usize,
    value: &'h [u8],
    fate: Fate,
    returned: Option<Nanos>,
}

#[derive(Debug, Default)]
struct Touched<'h> {
    keys: BTreeSet<&'h [u8]>,
    ranges: Vec<(&'h [u8], &'h [u8])>,
}

/// What comparing a process's reads with a ledger came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Keys with an acknowledged put that were compared.
    pub acknowledged: usize,
    /// Of these, the ones that another process had put.
    pub of_others: usize,
    /// Keys that were read and not judged, because other calls than puts touched them.
    pub unjudged: usize,
    /// The first contradiction; the first lost write where there is one, as what else is wrong often follows from it.
    pub mismatch: Option<Mismatch>,
}

impl<'h> Ledger<'h> {
    /// Enters all that `history` wrote.
    #[must_use]
    pub fn of(history: &'h History<'_>) -> Self {
        let mut ledger =
            Self { puts: BTreeMap::new(), touched: Touched::default(), complete: history.is_complete() };
        for operation in &history.operations {
            match &operation.call {
                Call::Put(put) if is_plain(put) => ledger.enter(put, operation),
                Call::Txn(txn) => match (txn.success.as_slice(), txn.failure.as_slice()) {
                    ([Call::Put(put)], []) if is_plain(put) => ledger.enter(put, operation),
                    _ => ledger.touched.note(&operation.call),
                },
                call => ledger.touched.note(call),
            }
        }
        ledger
    }

    fn enter(&mut self, put: &'h history::Put<'_>, operation: &Operation<'_>) {
        let entry = Put {
            file: operation.file,
            value: put.value.bytes(),
            fate: fate(operation),
            returned: operation.returned,
        };
        self.puts.entry(put.key.bytes()).or_default().push(entry);
    }

    /// Keys that were put, in their order, without those that cannot be judged.
    pub fn keys(&self) -> impl Iterator<Item = &'h [u8]> {
        self.puts.keys().copied().filter(|key| !self.touched.has(key))
    }

    /// The same, each with the bytes of the largest value that may be there.
    pub fn sizes(&self) -> impl Iterator<Item = (&'h [u8], usize)> {
        self.keys().map(|key| (key, self.puts[key].iter().map(|put| put.value.len()).max().unwrap_or(0)))
    }

    /// Of [`Self::keys`], the ones with an acknowledged put of a file other than `file`.
    pub fn acknowledged_by_others(&self, file: Option<usize>) -> impl Iterator<Item = &'h [u8]> {
        let by_others =
            move |put: &Put<'_>| Some(put.file) != file && matches!(put.fate, Fate::Acknowledged(_));
        self.keys().filter(move |key| self.puts[key].iter().any(by_others))
    }

    /// Judges every linearizable read of `file`, the index of a process's own file in `history`.
    #[must_use]
    pub fn judge(&self, history: &History<'_>, file: usize) -> Judgement {
        let mut judge = Judge { ledger: self, file, seen: BTreeSet::new(), result: Judgement::default() };
        for read in history.operations.iter().filter(|operation| operation.file == file) {
            if let (Call::Range(range), Outcome::Ok(Reply::Range { kvs, .. })) = (&read.call, &read.outcome) {
                judge.read(read, range, kvs);
            }
        }
        judge.result
    }
}

fn is_plain(put: &history::Put<'_>) -> bool {
    put.lease == 0 && !put.ignore_value && !put.ignore_lease
}

fn fate(operation: &Operation<'_>) -> Fate {
    match &operation.outcome {
        Outcome::Ok(Reply::Txn { succeeded: false, .. }) => Fate::Failed,
        Outcome::Ok(reply) => Fate::Acknowledged(reply.revision()),
        Outcome::Failed(_) => Fate::Failed,
        Outcome::Unknown(_) => Fate::Unknown,
    }
}

impl<'h> Touched<'h> {
    fn note(&mut self, call: &'h Call<'_>) {
        match call {
            Call::Put(put) => {
                self.keys.insert(put.key.bytes());
            }
            Call::Delete(delete) => match &delete.end {
                None => {
                    self.keys.insert(delete.key.bytes());
                }
                Some(end) => self.ranges.push((delete.key.bytes(), end.bytes())),
            },
            Call::Txn(txn) => txn.success.iter().chain(&txn.failure).for_each(|call| self.note(call)),
            _ => {}
        }
    }

    fn has(&self, key: &[u8]) -> bool {
        self.keys.contains(key) || self.ranges.iter().any(|(start, end)| *start <= key && before(key, end))
    }
}

/// Whether `key` lies before the exclusive `end` of a range; a single zero byte means that there is no end.
fn before(key: &[u8], end: &[u8]) -> bool {
    end == [0] || key < end
}

struct Judge<'l, 'h> {
    ledger: &'l Ledger<'h>,
    file: usize,
    /// Keys that are counted already.
    seen: BTreeSet<&'h [u8]>,
    result: Judgement,
}

impl<'h> Judge<'_, 'h> {
    fn read(&mut self, read: &Operation<'_>, range: &Range<'_>, found: &[KeyValue<'_>]) {
        let partial = range.limit != 0 || range.keys_only || range.count_only;
        if partial || range.serializable || range.revision != 0 {
            return;
        }
        let first = range.key.bytes();
        let ledger = self.ledger;
        let from_first = ledger.puts.range::<[u8], _>((Bound::Included(first), Bound::Unbounded));
        let in_range = |key: &[u8]| range.end.as_ref().map_or(key == first, |end| before(key, end.bytes()));
        let found: BTreeMap<&[u8], &KeyValue<'_>> = found.iter().map(|kv| (kv.key.bytes(), kv)).collect();
        for (&key, puts) in from_first.take_while(|(key, _)| in_range(key)) {
            if ledger.touched.has(key) {
                self.result.unjudged += 1;
                continue;
            }
            self.count(key, puts, read.invoked);
            self.compare(key, puts, found.get(key).copied(), read);
        }
    }

    fn count(&mut self, key: &'h [u8], puts: &[Put<'_>], invoked: Nanos) {
        let acknowledged = || puts.iter().filter(|put| put.acknowledged_before(invoked));
        if acknowledged().next().is_some() && self.seen.insert(key) {
            self.result.acknowledged += 1;
            self.result.of_others += usize::from(acknowledged().any(|put| put.file != self.file));
        }
    }

    fn compare(&mut self, key: &[u8], puts: &[Put<'_>], kv: Option<&KeyValue<'_>>, read: &Operation<'_>) {
        let writes: Vec<Write<'_>> = puts.iter().map(|put| put.as_of(read.invoked)).collect();
        let found = kv.map(|kv| Seen { value: kv.value.clone().into_owned(), revision: kv.mod_revision });
        if let Err(mismatch) = compare(key, &writes, found.as_ref(), &read.member) {
            // What is missing from an incomplete history may have written it.
            if mismatch.kind != Kind::Unwritten || self.ledger.complete {
                let worse = |known: &Mismatch| known.kind != Kind::Lost && mismatch.kind == Kind::Lost;
                if self.result.mismatch.as_ref().is_none_or(worse) {
                    self.result.mismatch = Some(*mismatch);
                }
            }
        }
    }
}

impl<'h> Put<'h> {
    fn acknowledged_before(&self, invoked: Nanos) -> bool {
        // Equal stamps are concurrent.
        matches!(self.fate, Fate::Acknowledged(_)) && self.returned.is_some_and(|returned| returned < invoked)
    }

    /// What a read that was invoked then could know of it.
    fn as_of(&self, invoked: Nanos) -> Write<'h> {
        let later = matches!(self.fate, Fate::Acknowledged(_)) && !self.acknowledged_before(invoked);
        Write { value: self.value, fate: if later { Fate::Unknown } else { self.fate } }
    }
}

#[cfg(test)]
mod tests;
