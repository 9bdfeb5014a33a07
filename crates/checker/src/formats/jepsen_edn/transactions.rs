//! Transactions: `:txn` with a list of micro-operations such as `[:append 3 1]`, `[:r 3 [1]]` or `[:w 3 1]` (Elle's list-append
//! and read-write registers).

use std::cell::RefCell;

use super::key_value::{Micro, Texts};
use super::{Event, Events};
use crate::entry::{Entry, Outcome};
use crate::formats::Recorded;
use crate::formats::edn::{Data, Form};
use crate::formats::place::ParseError;
use crate::model::{EntryOf, KeyValue, KvOp, KvReply, Transactions};

pub(super) fn read(events: &Events<'_>, absent_is_empty: bool) -> Result<Recorded, ParseError> {
    let lists = events.list.iter().any(|event| {
        let parts = parts(events, event).unwrap_or_default();
        parts.iter().any(|part| part.f == ":append" || matches!(part.value.data, Data::Items(_)))
    });
    let texts = RefCell::new(Texts::new(lists));
    let op = |event: &Event<'_>| {
        let parts = parts(events, event)?;
        parts.iter().map(|part| texts.borrow_mut().op(events, part, event.offset)).collect()
    };
    let reply = |event: &Event<'_>, op: &mut Vec<KvOp>| {
        let parts = parts(events, event)?;
        if parts.len() != op.len() {
            let (asked, told) = (op.len(), parts.len());
            let message = format!("{told} micro-operations where {asked} were asked for");
            return Err(events.error(&event.value, message));
        }
        let reply = |(part, op): (&Micro<'_, '_>, &KvOp)| match op {
            KvOp::Get { .. } => Ok(KvReply::Value(texts.borrow_mut().held(events, part.value)?)),
            _ => Ok(KvReply::Done),
        };
        parts.iter().zip(op.iter()).map(reply).collect()
    };
    let entries: Vec<EntryOf<Transactions>> = events.pair(op, reply)?;
    let store = KeyValue { absent_is_empty };
    // Transactions of one part are operations, for which there are faster engines.
    if entries.iter().all(|entry| entry.op.len() == 1) {
        return Ok(Recorded::KeyValue { model: store, entries: entries.into_iter().map(only).collect() });
    }
    Ok(Recorded::Transactions { model: Transactions { store }, entries })
}

/// The only part of a transaction.
fn only(entry: EntryOf<Transactions>) -> EntryOf<KeyValue> {
    let Entry { client, call, returned, mut op, outcome } = entry;
    let outcome = match outcome {
        Outcome::Ok(mut replies) => Outcome::Ok(replies.remove(0)),
        Outcome::Failed => Outcome::Failed,
        Outcome::Unknown => Outcome::Unknown,
    };
    Entry { client, call, returned, op: op.remove(0), outcome }
}

fn parts<'e, 'a>(events: &Events<'_>, event: &'e Event<'a>) -> Result<Vec<Micro<'e, 'a>>, ParseError> {
    if event.f != ":txn" {
        return Err(events.unexpected(event, ":txn"));
    }
    let Some(items) = event.value.items() else {
        return Err(events.error(&event.value, "expected a list of micro-operations"));
    };
    let micro = |item: &'e Form<'a>| match item.items() {
        Some([Form { data: Data::Keyword(f), .. }, key, value]) => Ok(Micro { f, key, value }),
        _ => Err(events.error(item, "expected [:append key element] or [:r key list]")),
    };
    items.iter().map(micro).collect()
}
