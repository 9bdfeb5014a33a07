//! What the record of operations says about faults: how many went unanswered while each lasted, and whether the system
//! answered while it had to. Pure, once the record is read.

use std::ops::AddAssign;
use std::time::Duration;

use chaos::log::LoggedFault;
use chaos::majorities;
use history::{Nanos, Operation, Outcome, ReadError, Sources, Visitor, WatchUpdate};

/// A majority that is left alone must answer after so long: ten elections at usual settings, and a dial.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Fewer operations than this prove nothing about who was asked.
const ASKED_LEAST: u64 = 10;

/// How each operation ended, and nothing else of it.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Answer>);

#[derive(Clone, Copy, Debug)]
struct Answer {
    invoked: Nanos,
    returned: Nanos,
    /// Index of the member that was asked; `None` for one that is not known.
    member: Option<usize>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Ok,
    Failed,
    Unknown,
}

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
}

/// A stretch in which a majority was left alone for longer than it may need, and what it was asked meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftAlone {
    pub(super) members: Vec<String>,
    pub(super) from: Nanos,
    pub(super) until: Nanos,
    /// Of operations through these members that began once they had had their time and ended in the stretch.
    pub(super) tally: Tally,
}

impl Answers {
    /// Reads them from a run's history.
    pub(super) fn read(sources: &Sources, members: &[String]) -> Result<Self, ReadError> {
        let scan = sources.scan(|_| Reading { members, answers: Vec::new() })?;
        let mut all: Vec<Answer> = scan.parts.into_iter().flat_map(|part| part.answers).collect();
        let others = scan.others.iter().flat_map(|other| &other.operations);
        all.extend(others.map(|operation| Answer::of(operation, members)));
        Ok(Self(all))
    }

    /// How those ended that were under way at some time while a fault lasted.
    pub(super) fn during(&self, fault: &LoggedFault) -> Tally {
        let (from, until) = (fault.from, fault.until.unwrap_or(Nanos::MAX));
        let mut tally = Tally::default();
        for answer in self.0.iter().filter(|answer| answer.invoked <= until && answer.returned >= from) {
            tally.count(answer.how);
        }
        tally
    }

    /// Every stretch in which some majority of `members` was left alone for longer than [`ANSWERS_WITHIN`], with enough
    /// asked of it afterwards.
    pub(super) fn left_alone(&self, members: &[String], faults: &[LoggedFault]) -> Vec<LeftAlone> {
        let Some(begin) = self.0.iter().map(|answer| answer.invoked).min() else { return Vec::new() };
        // What is open has no end; the record ends with the last that has.
        let ended = self.0.iter().map(|answer| answer.returned).filter(|returned| *returned != Nanos::MAX);
        let Some(end) = ended.max() else { return Vec::new() };
        let mut stretches = Vec::new();
        for majority in majorities(members) {
            let asked_of = |at: usize| majority.contains(&members[at]);
            for (from, until) in undisturbed(&majority, faults, begin, end) {
                let due = from.plus(ANSWERS_WITHIN);
                let asked = |answer: &&Answer| {
                    answer.invoked >= due && answer.returned <= until && answer.member.is_some_and(asked_of)
                };
                let mut tally = Tally::default();
                self.0.iter().filter(asked).for_each(|answer| tally.count(answer.how));
                if tally.ok + tally.failed + tally.unknown >= ASKED_LEAST {
                    stretches.push(LeftAlone { members: majority.clone(), from, until, tally });
                }
            }
        }
        stretches
    }
}

impl Answer {
    fn of(operation: &Operation<'_>, members: &[String]) -> Self {
        Self {
            invoked: operation.invoked,
            returned: operation.returned.unwrap_or(Nanos::MAX),
            member: members.iter().position(|member| *member == operation.member),
            how: match operation.outcome {
                Outcome::Ok(_) => How::Ok,
                Outcome::Failed(_) => How::Failed,
                Outcome::Unknown(_) => How::Unknown,
            },
        }
    }
}

struct Reading<'m> {
    members: &'m [String],
    answers: Vec<Answer>,
}

impl<'a> Visitor<'a> for Reading<'_> {
    fn begins(&mut self, _number: u64) {}

    fn operation(&mut self, operation: &Operation<'a>) {
        self.answers.push(Answer::of(operation, self.members));
    }

    fn watched(&mut self, _update: &WatchUpdate<'a>) {}
}

impl Tally {
    fn count(&mut self, how: How) {
        *match how {
            How::Ok => &mut self.ok,
            How::Failed => &mut self.failed,
            How::Unknown => &mut self.unknown,
        } += 1;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.unknown += other.unknown;
    }
}

/// The stretches between `begin` and `end` in which no fault touched any of `names` or a link between two of them.
fn undisturbed(names: &[String], faults: &[LoggedFault], begin: Nanos, end: Nanos) -> Vec<(Nanos, Nanos)> {
    let mut touching: Vec<(Nanos, Nanos)> = faults
        .iter()
        .filter(|logged| logged.fault.touches(names))
        .map(|logged| (logged.from, logged.until.unwrap_or(Nanos::MAX)))
        .collect();
    touching.sort_unstable();
    let (mut stretches, mut free) = (Vec::new(), begin);
    for (from, until) in touching {
        if from > free {
            stretches.push((free, from.min(end)));
        }
        free = free.max(until);
    }
    if free < end {
        stretches.push((free, end));
    }
    stretches
}

#[cfg(test)]
mod tests;
