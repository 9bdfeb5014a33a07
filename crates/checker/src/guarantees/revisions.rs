//! Revisions never go back: not for a client, not at a member, not for anybody.
//!
//! Whatever reply or watch tells a revision, the store had it by then, so a linearizable answer to a later request
//! cannot come from before it. Members may lag, so what they answer from their own state is believed and not judged.

use history::Operation;
use rustc_hash::FxHashMap;

use super::Guarantee;
use super::record::{Record, answer, linearizable, told, wrote};
use super::tally::Tallies;
use super::words::Words;
use crate::Violation;

/// Something at a point in time. At equal times, requests come before what was told, as they are concurrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Asked(u32),
    Told(Told),
}

/// A revision that somebody was told, and by which operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    revision: i64,
    op: u32,
}

/// The greatest revision that was told so far: to each client, by each member, at all.
#[derive(Debug)]
struct Sweep<'h> {
    record: &'h Record<'h>,
    clients: FxHashMap<(usize, u32), Told>,
    members: FxHashMap<&'h str, Told>,
    all: Told,
}

pub(super) fn check(record: &Record<'_>, tallies: &mut Tallies) {
    let mut moments = moments(record);
    moments.sort_unstable();
    let mut sweep =
        Sweep { record, clients: FxHashMap::default(), members: FxHashMap::default(), all: Told::default() };
    for (_, moment) in moments {
        match moment {
            Moment::Asked(op) => sweep.asked(op, tallies),
            Moment::Told(told) => sweep.told(told),
        }
    }
}

fn moments(record: &Record<'_>) -> Vec<(u64, Moment)> {
    let history = record.history;
    let mut moments = Vec::with_capacity(2 * history.operations.len() + history.watched.len());
    for (op, operation) in (0..).zip(&history.operations) {
        let (Some(revision), Some(returned)) = (told(operation), operation.returned) else { continue };
        if linearizable(&operation.call) {
            moments.push((operation.invoked.0, Moment::Asked(op)));
        }
        moments.push((returned.0, Moment::Told(Told { revision, op })));
    }
    for watched in &record.watches {
        let op = watched.op as u32;
        let told = watched
            .updates
            .iter()
            .map(|(_, update)| (update.t.0, Moment::Told(Told { revision: update.revision, op })));
        moments.extend(told);
    }
    moments
}

impl<'h> Sweep<'h> {
    fn told(&mut self, told: Told) {
        let operation = self.record.op(told.op as usize);
        let client = self.clients.entry((operation.file, operation.client)).or_default();
        *client = (*client).max(told);
        let member = self.members.entry(&operation.member).or_default();
        *member = (*member).max(told);
        self.all = self.all.max(told);
    }

    fn asked(&mut self, op: u32, tallies: &mut Tallies) {
        let operation = self.record.op(op as usize);
        let Some(reply) = answer(operation) else { return };
        // A write is behind everything that was there before it; a read may see just that.
        let least = reply.revision() - i64::from(wrote(&operation.call, reply));
        let client = self.clients.get(&(operation.file, operation.client)).copied().unwrap_or_default();
        let member = match &*operation.member {
            "" => Told::default(),
            member => self.members.get(member).copied().unwrap_or_default(),
        };
        // Each violation is told once, by the narrowest promise that it breaks.
        let mut open = true;
        for (guarantee, bound) in [
            (Guarantee::ClientRevisions, client),
            (Guarantee::MemberRevisions, member),
            (Guarantee::HeadRevision, self.all),
        ] {
            tallies.compared(guarantee, u64::from(bound.revision > 0));
            if open && least < bound.revision {
                tallies.broke(guarantee, || self.violation(op, reply.revision(), bound));
                open = false;
            }
        }
    }

    fn violation(&self, op: u32, revision: i64, bound: Told) -> Violation {
        let words = Words(self.record);
        let before: &Operation<'_> = self.record.op(bound.op as usize);
        let sentence = format!(
            "{} was answered with revision {revision} by {}, although {} had been told revision {} by {} before it \
             was asked{}",
            words.what(op as usize),
            words.member(op as usize),
            words.what(bound.op as usize),
            bound.revision,
            words.member(bound.op as usize),
            match self.record.op(op as usize).invoked.since(before.returned.unwrap_or(before.invoked)) {
                gap if gap.is_zero() => String::new(),
                gap => format!(" ({} later)", super::words::span(gap)),
            }
        );
        let operations = vec![bound.op as usize, op as usize];
        words.violation("revision-went-back", sentence, None, operations)
    }
}
