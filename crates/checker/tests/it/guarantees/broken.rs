//! One thing wrong, and exactly the promise about it is broken: each has something that makes it fail.

use checker::guarantees::{Guarantee, check};
use history::{Call, Event, Failure, History, Outcome, Reply};

use super::kept::{OWN, accused, checked};
use super::world::{Shape, history};

/// Tries one place after the other until a change breaks this promise and no other. Most places break several at once,
/// as they should: a lie that is told is held against everything else.
fn exactly(guarantee: Guarantee, change: impl Fn(&mut History<'static>, usize) -> Option<()>) {
    let engine = matches!(guarantee, Guarantee::OldReads | Guarantee::SerializableReads);
    let steps = if engine { 300 } else { 800 };
    let shape = Shape { unknown: 0.0, steps, ..Shape::default() };
    let whole = history(shape);
    let mut others = Vec::new();
    for place in 0..whole.operations.len().max(whole.watched.len()) {
        let mut history = History {
            operations: whole.operations.clone(),
            watched: whole.watched.clone(),
            files: Vec::new(),
        };
        if change(&mut history, place).is_none() {
            continue;
        }
        let findings = if engine { checked(&history, &OWN) } else { check(&history, &OWN, None) };
        let accused = accused(&findings);
        if accused == [guarantee] {
            let found = findings.iter().find(|finding| finding.guarantee == guarantee).unwrap();
            let violation = &found.violations[0];
            let sentence = &violation.sentence;
            assert!(sentence.starts_with(char::is_alphanumeric) && !sentence.ends_with('.'), "{sentence}");
            assert!(!violation.operations.is_empty(), "{violation:?}");
            return;
        }
        others.push(accused);
        assert!(others.len() < 600, "{guarantee:?}: {:?}", &others[..20]);
    }
    panic!("{guarantee:?}: {others:?}");
}

fn reply<'h>(history: &'h mut History<'static>, at: usize) -> Option<&'h mut Reply<'static>> {
    match &mut history.operations.get_mut(at)?.outcome {
        Outcome::Ok(reply) => Some(reply),
        _ => None,
    }
}

/// Moves a read of one key at the head to an earlier revision.
fn back(history: &mut History<'static>, at: usize) -> Option<()> {
    let operation = history.operations.get(at)?;
    let Call::Range(range) = &operation.call else { return None };
    if range.revision != 0 || range.serializable || range.end.is_some() {
        return None;
    }
    match reply(history, at)? {
        Reply::Range { revision, .. } => *revision -= 2,
        _ => return None,
    }
    Some(())
}

#[test]
fn revisions_that_go_back() {
    exactly(Guarantee::ClientRevisions, back);
    exactly(Guarantee::MemberRevisions, back);
    exactly(Guarantee::HeadRevision, back);
}

#[test]
fn a_write_that_is_lost() {
    exactly(Guarantee::Durability, |history, at| match reply(history, at)? {
        Reply::Range { kvs, count, .. } if kvs.len() == 1 => {
            kvs.clear();
            *count = 0;
            Some(())
        }
        _ => None,
    });
}

fn wrong_version(
    history: &mut History<'static>,
    at: usize,
    of: fn(&history::Range<'_>) -> bool,
) -> Option<()> {
    let Call::Range(range) = &history.operations.get(at)?.call else { return None };
    if !of(range) {
        return None;
    }
    match reply(history, at)? {
        Reply::Range { kvs, .. } => kvs.first_mut()?.version += 1,
        _ => return None,
    }
    Some(())
}

#[test]
fn reads_of_what_was_not_there() {
    exactly(Guarantee::OldReads, |history, at| {
        wrong_version(history, at, |range| range.revision > 0 && !range.serializable)
    });
    exactly(Guarantee::SerializableReads, |history, at| {
        wrong_version(history, at, |range| range.serializable && range.revision == 0)
    });
}

fn revision(event: &Event<'_>) -> i64 {
    match event {
        Event::Put { kv, .. } => kv.mod_revision,
        Event::Delete { revision, .. } => *revision,
    }
}

#[test]
fn watches_out_of_order_or_split_or_twice() {
    exactly(Guarantee::WatchOrdered, |history, at| {
        let events = &mut history.watched.get_mut(at)?.events;
        let last = events.len().checked_sub(2)?;
        (revision(&events[last]) < revision(&events[last + 1])).then(|| events.swap(last, last + 1))
    });
    exactly(Guarantee::WatchUnique, |history, at| {
        let events = &mut history.watched.get_mut(at)?.events;
        let last = events.last()?.clone();
        events.push(last);
        Some(())
    });
    exactly(Guarantee::WatchAtomic, |history, at| {
        let update = history.watched.get_mut(at)?;
        let cut = update.events.windows(2).position(|two| revision(&two[0]) == revision(&two[1]))?;
        let rest = update.events.split_off(cut + 1);
        let second = history::WatchUpdate { events: rest, ..update.clone() };
        history.watched.insert(at + 1, second);
        Some(())
    });
}

/// The operation that opened the watch of a message.
fn opened(history: &History<'_>, at: usize) -> Option<usize> {
    let update = history.watched.get(at)?;
    history.operations.iter().position(|operation| operation.number == update.watch)
}

fn watch<'h>(history: &'h mut History<'static>, at: usize) -> Option<&'h mut history::Watch<'static>> {
    let op = opened(history, at)?;
    match &mut history.operations[op].call {
        Call::Watch(watch) => Some(watch),
        _ => None,
    }
}

#[test]
fn watches_that_leave_something_out() {
    exactly(Guarantee::WatchReliable, |history, at| {
        let events = &mut history.watched.get_mut(at)?.events;
        (events.len() > 2).then(|| {
            events.remove(1);
        })
    });
    exactly(Guarantee::WatchResumable, |history, at| {
        let first = history.watched.get(at)?.watch;
        if watch(history, at)?.revision == 0
            || history.watched[..at].iter().any(|update| update.watch == first)
        {
            return None;
        }
        let events = &mut history.watched[at].events;
        (events.len() > 1).then(|| {
            events.remove(0);
        })
    });
    exactly(Guarantee::WatchBookmarkable, |history, at| {
        let update = history.watched.get(at)?.clone();
        let revision = update.events.last().map(revision)?;
        history.watched.insert(at, history::WatchUpdate { revision, events: Vec::new(), ..update });
        Some(())
    });
}

#[test]
fn watches_that_were_not_asked_for_this() {
    exactly(Guarantee::WatchFromStart, |history, at| {
        let first = history.watched.get(at)?.events.first().map(revision)?;
        let watch = watch(history, at)?;
        (watch.revision > 0).then(|| watch.revision = first + 1)
    });
    exactly(Guarantee::WatchFiltered, |history, at| {
        let put = matches!(history.watched.get(at)?.events.first()?, Event::Put { .. });
        put.then(|| watch(history, at).map(|watch| watch.no_put = true))?
    });
}

#[test]
fn watches_that_show_something_else() {
    exactly(Guarantee::WatchTruthful, |history, at| {
        match history.watched.get_mut(at)?.events.last_mut()? {
            Event::Put { kv, .. } => {
                kv.value = "another".into();
                Some(())
            }
            Event::Delete { .. } => None,
        }
    });
    exactly(Guarantee::WatchPrevious, |history, at| {
        match history.watched.get_mut(at)?.events.last_mut()? {
            Event::Put { prev: Some(prev), .. } | Event::Delete { prev: Some(prev), .. } => {
                prev.value = "another".into();
                Some(())
            }
            _ => None,
        }
    });
    exactly(Guarantee::WatchCreated, |history, at| match history.watched.get_mut(at)?.events.last_mut()? {
        Event::Put { kv, prev } if kv.version > 1 => {
            kv.create_revision = kv.mod_revision;
            *prev = None;
            Some(())
        }
        _ => None,
    });
}

#[test]
fn leases_that_end_early_or_late_or_not_at_all() {
    exactly(Guarantee::LeaseKept, |history, at| match reply(history, at)? {
        Reply::Grant { ttl, .. } => {
            *ttl = 600;
            Some(())
        }
        _ => None,
    });
    // A lease that somebody wants to end, and is told that it is not there.
    exactly(Guarantee::LeaseKept, |history, at| {
        let operation = history.operations.get_mut(at)?;
        let (Call::KeepAlive { lease }, Outcome::Ok(Reply::KeepAlive { ttl: 1.., .. })) =
            (&operation.call, &operation.outcome)
        else {
            return None;
        };
        operation.call = Call::Revoke { lease: *lease };
        operation.outcome = Outcome::Failed(Failure { class: "lease-not-found".into(), message: "".into() });
        Some(())
    });
    exactly(Guarantee::LeaseEnds, |history, at| {
        let last = history.operations.len() - 40;
        let mut leased =
            history.watched.iter().flat_map(|update| &update.events).filter_map(|event| match event {
                Event::Put { kv, .. } if kv.key.bytes().starts_with(b"leased") => Some(kv.clone()),
                _ => None,
            });
        let leased = leased.nth(at)?;
        let operation = history.operations.iter_mut().skip(last).find(
            |operation| matches!(&operation.outcome, Outcome::Ok(Reply::Range { kvs, .. }) if kvs.is_empty()),
        )?;
        operation.call = Call::Range(history::Range { key: leased.key.clone(), ..history::Range::default() });
        let Outcome::Ok(Reply::Range { kvs, .. }) = &mut operation.outcome else { return None };
        kvs.push(leased);
        Some(())
    });
    exactly(Guarantee::LeaseRevoked, |history, at| match reply(history, at)? {
        Reply::KeepAlive { ttl: ttl @ 0, .. } => {
            *ttl = 1;
            Some(())
        }
        _ => None,
    });
}

#[test]
fn locks_that_are_granted_to_nobody_or_used_too_late() {
    exactly(Guarantee::LockGranted, |history, at| match reply(history, at)? {
        Reply::Held { key, .. } if key.bytes() == b"lock/3eb" => {
            *key = "lock/3e9".into();
            Some(())
        }
        _ => None,
    });
    exactly(Guarantee::LockFenced, |history, at| {
        let token = |call: &Call<'static>| match call {
            Call::Txn(txn) => {
                let compare = txn.compare.first()?;
                compare.key.bytes().starts_with(b"lock/").then(|| compare.clone())
            }
            _ => None,
        };
        let first = history.operations.iter().find_map(|operation| token(&operation.call))?;
        let own = token(&history.operations.get(at)?.call)?;
        match &mut history.operations[at].call {
            Call::Txn(txn) if own != first => txn.compare = vec![first],
            _ => return None,
        }
        Some(())
    });
    exactly(Guarantee::ElectionOrder, |history, at| {
        let kv = history.operations.iter().rev().find_map(|operation| match &operation.outcome {
            Outcome::Ok(Reply::Leader { kv: Some(kv), .. }) => Some(kv.clone()),
            _ => None,
        });
        match reply(history, at)? {
            Reply::Leader { kv: own, .. } => *own = kv,
            _ => return None,
        }
        Some(())
    });
}

#[test]
fn members_that_hold_different_things() {
    exactly(Guarantee::MemberHashes, |history, at| match reply(history, at)? {
        Reply::Hash { hash, .. } => {
            *hash += 1;
            Some(())
        }
        _ => None,
    });
    exactly(Guarantee::MemberHeads, |history, at| {
        // All that this member says of itself in the end.
        let (member, from) = (history.operations.get(at)?.member.clone(), history.operations.len() - 9);
        for operation in
            history.operations.iter_mut().skip(from).filter(|operation| operation.member == member)
        {
            if let Outcome::Ok(Reply::Status { revision, .. }) = &mut operation.outcome {
                *revision -= 1;
            }
        }
        Some(())
    });
    exactly(Guarantee::MemberCompactions, |history, at| match reply(history, at)? {
        Reply::Hash { compacted, .. } => {
            *compacted -= 1;
            Some(())
        }
        _ => None,
    });
    exactly(Guarantee::RevisionsAsked, |history, at| {
        let last = history.operations.len() - 1;
        match reply(history, if at == 0 { last } else { return None })? {
            Reply::Status { revision, .. } => *revision += 100_000,
            _ => return None,
        }
        Some(())
    });
}
