//! No acknowledged write is lost: whoever reads at its revision or later sees it, or what came after it.
//!
//! Reads are taken in the order of the revisions they see, next to the acknowledged writes in theirs. What shows an older
//! revision of a key than the acknowledged one is wrong whatever else happened. That a key is not there is wrong only if
//! nothing can have deleted it: no delete with an unknown outcome, no lease, nobody else, no line that is missing.

use std::collections::BTreeSet;
use std::ops::Range;

use history::{Call, Delete, KeyValue, Nanos, Reply};

use super::Guarantee;
use super::changes::{Change, Source, What};
use super::doubts::Doubts;
use super::keys::Key;
use super::record::{Record, answer, done};
use super::tally::Tallies;
use super::views::{View, views};
use super::words::{Words, span, text};
use crate::Violation;

/// An acknowledged delete of a range that did not tell which keys it found.
#[derive(Debug)]
struct Swept {
    revision: i64,
    keys: Range<Key>,
}

/// What acknowledged writes say of the keys, up to some revision.
#[derive(Debug)]
struct State {
    /// The revision of the last acknowledged change of each key, 0 for none.
    latest: Vec<i64>,
    /// Keys that were put, without a lease, and not deleted since.
    there: BTreeSet<Key>,
}

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    let mut views = views(record);
    views.sort_by_key(|view| view.revision);
    let (swept, doubts) = (swept(record), Doubts::new(record));
    let mut state = State { latest: vec![0; record.keys.len()], there: BTreeSet::new() };
    let changes = record.changes.within(i64::MIN, i64::MAX);
    let mut changes = changes.iter().filter(|change| matches!(change.source, Source::Acked(_))).peekable();
    let mut swept = swept.into_iter().peekable();
    for view in &views {
        loop {
            let next = changes.peek().map_or(i64::MAX, |change| change.revision);
            let sweep = swept.peek().map_or(i64::MAX, |swept| swept.revision);
            match (sweep < next, next.min(sweep) <= view.revision) {
                (_, false) => break,
                (true, true) => swept.next().into_iter().for_each(|swept| state.sweep(&swept)),
                (false, true) => changes.next().into_iter().for_each(|change| state.change(change)),
            }
        }
        look(record, view, &mut state, &doubts, tallies);
    }
}

impl State {
    fn change(&mut self, change: &Change<'_>) {
        self.latest[change.key as usize] = change.revision;
        match change.what {
            What::Put(put) if put.lease == Some(0) => self.there.insert(change.key),
            _ => self.there.remove(&change.key),
        };
    }

    fn sweep(&mut self, swept: &Swept) {
        for key in swept.keys.clone() {
            self.latest[key as usize] = swept.revision;
        }
        let gone: Vec<Key> = self.there.range(swept.keys.clone()).copied().collect();
        gone.iter().for_each(|key| {
            self.there.remove(key);
        });
    }
}

fn swept(record: &Record<'_>) -> Vec<Swept> {
    let mut swept = Vec::new();
    for operation in &record.history.operations {
        let Some(reply) = answer(operation) else { continue };
        let revision = reply.revision();
        done(&operation.call, reply, &mut |call, reply| match (call, reply) {
            (Call::Delete(Delete { key, end: Some(end), .. }), Reply::Delete { deleted, prev, .. })
                if prev.len() as i64 != *deleted =>
            {
                swept.push(Swept { revision, keys: record.keys.range(key, Some(end)) });
            }
            _ => {}
        });
    }
    swept.sort_by_key(|swept| swept.revision);
    swept
}

fn look(record: &Record<'_>, view: &View<'_>, state: &mut State, doubts: &Doubts, tallies: &mut Tallies) {
    let mut shown: Vec<Key> = Vec::with_capacity(view.kvs.len());
    let mut compared = 0;
    for kv in view.kvs {
        let Some(key) = record.keys.rank(kv.key.bytes()) else { continue };
        shown.push(key);
        let latest = state.latest[key as usize];
        compared += u64::from(latest > 0);
        if kv.mod_revision < latest {
            tallies.broke(Guarantee::Durability, || older(record, view, key, latest, kv));
        }
    }
    let missing: Vec<Key> = if view.whole {
        shown.sort_unstable();
        let there = state.there.range(view.keys.clone());
        there.filter(|key| shown.binary_search(key).is_err()).copied().collect()
    } else {
        Vec::new()
    };
    let returned = record.op(view.op as usize).returned.unwrap_or(Nanos::MAX);
    for key in missing {
        // It is told once; and who may have deleted it once, needs not be asked again.
        state.there.remove(&key);
        if !record.alone() || doubts.may_remove(key, returned) {
            continue;
        }
        compared += 1;
        let latest = state.latest[key as usize];
        tallies.broke(Guarantee::Durability, || lost(record, view, key, latest));
    }
    tallies.compared(Guarantee::Durability, compared);
}

fn lost(record: &Record<'_>, view: &View<'_>, key: Key, latest: i64) -> Violation {
    tell(record, view, key, latest, "lost-write", "found nothing")
}

fn older(record: &Record<'_>, view: &View<'_>, key: Key, latest: i64, kv: &KeyValue<'_>) -> Violation {
    let found = format!("found the older {} of revision {}", text(kv.value.bytes()), kv.mod_revision);
    tell(record, view, key, latest, "older-value", &found)
}

fn tell(
    record: &Record<'_>,
    view: &View<'_>,
    key: Key,
    latest: i64,
    rule: &'static str,
    found: &str,
) -> Violation {
    let words = Words(record);
    let reader = view.op as usize;
    let change = record.changes.at(key, latest);
    let writer = change.and_then(super::words::teller);
    let done = change.map_or_else(
        || format!("key {} was deleted at revision {latest}", record.keys.name(key)),
        |change| words.change(change),
    );
    let returned = writer.and_then(|op| record.op(op).returned);
    let asked = record.op(reader).invoked;
    let later = returned
        .filter(|returned| *returned < asked)
        .map_or_else(String::new, |returned| format!(", {} later", span(asked.since(returned))));
    let sentence =
        format!("{done} is lost: {} at revision {}{later}, {found}", words.what(reader), view.revision);
    let operations = writer.into_iter().chain([reader]).collect();
    words.violation(rule, sentence, Some(record.keys.name(key)), operations)
}
