//! A history from afar: how many operations ended how, how fast and at which revision, over time. It is small however
//! long the history, judges nothing, and can be fed while a run goes on.

mod calls;
mod histogram;
mod scan;

use std::collections::BTreeMap;

use history::Nanos;

pub use calls::{ByCall, CALLS, call};
pub use histogram::Histogram;

/// Columns wider than a hundredth of a plot say nothing; more than this many are too fine to be seen.
const COLUMNS_MAX: usize = 400;
/// The first width of a column, as a power of two of nanoseconds: 4 ms.
const FIRST_WIDTH_BITS: u32 = 22;
/// Classes of failures that are told apart.
const CLASSES_MAX: usize = 40;
/// Members that are told apart.
const MEMBERS_MAX: usize = 16;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a reply.
    Ok,
    /// Certainly without effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after `Ended`")]
pub struct Outcomes {
    pub ok: u64,
    pub failed: u64,
    pub unknown: u64,
}

/// One operation, as far as it is looked at here.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Index in [`CALLS`].
    pub call: usize,
    /// The member that was asked; empty where that is not known.
    pub member: &'a str,
    /// When the request left.
    pub invoked: Nanos,
    /// When its outcome was known.
    pub returned: Option<Nanos>,
    /// How it ended.
    pub ended: Ended,
    /// The revision that came with a reply, 0 for none.
    pub revision: i64,
    /// The term that came with a reply, 0 for none.
    pub term: u64,
    /// The class of a failure.
    pub class: Option<&'a str>,
}

/// What happened in one stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// How operations ended.
    pub outcomes: Outcomes,
    /// Latencies of replies by call, in the order of [`CALLS`]; those that were not called have none.
    pub latencies: ByCall<Option<Box<Histogram>>>,
    /// The highest revision that each member told, in the order of [`Observed::members`]; 0 for none.
    pub revisions: Vec<i64>,
}

/// The history from afar.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// All operations.
    pub outcomes: Outcomes,
    /// From the first invocation to the last return.
    pub span: Option<(Nanos, Nanos)>,
    /// Nanoseconds of each column.
    pub column_ns: u64,
    /// Where the first column begins.
    pub columns_from: Nanos,
    /// One after another, without a gap.
    pub columns: Vec<Column>,
    /// Latencies of replies by call.
    pub latencies: ByCall<Histogram>,
    /// How operations ended, by call.
    pub by_call: ByCall<Outcomes>,
    /// Members that were asked, sorted.
    pub members: Vec<String>,
    /// The highest term that each of them told; 0 for none.
    pub terms: Vec<u64>,
    /// Failures by class, most frequent first.
    pub classes: Vec<(String, u64)>,
    /// How operations ended between the marks: before the first, after the first, and so on.
    pub between: Vec<Outcomes>,
    /// Operation `wanted[n]` in the order of invocation: its file and its number there.
    pub found: Vec<(usize, u64)>,
}

/// Takes operations in any order.
#[derive(Debug)]
pub struct Observer<'m> {
    marks: &'m [Nanos],
    width_bits: u32,
    columns: BTreeMap<u64, Column>,
    members: Vec<String>,
    /// By place in `members`.
    terms: Vec<u64>,
    classes: BTreeMap<String, u64>,
    seen: Observed,
}

impl Outcomes {
    /// Counts one.
    pub fn count(&mut self, ended: Ended) {
        match ended {
            Ended::Ok => self.ok += 1,
            Ended::Failed => self.failed += 1,
            Ended::Unknown => self.unknown += 1,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.unknown += other.unknown;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.failed + self.unknown
    }
}

impl<'m> Observer<'m> {
    /// Counts between these moments, which are sorted.
    #[must_use]
    pub fn new(marks: &'m [Nanos]) -> Self {
        let between = vec![Outcomes::default(); marks.len() + 1];
        Self {
            marks,
            width_bits: FIRST_WIDTH_BITS,
            columns: BTreeMap::new(),
            members: Vec::new(),
            terms: Vec::new(),
            classes: BTreeMap::new(),
            seen: Observed { between, ..Observed::default() },
        }
    }

    /// Takes one operation.
    pub fn saw(&mut self, one: &Sighting<'_>) {
        let call = one.call.min(CALLS.len() - 1);
        let end = one.returned.unwrap_or(one.invoked);
        let (first, last) = self.seen.span.unwrap_or((one.invoked, end));
        self.seen.span = Some((first.min(one.invoked), last.max(end)));
        self.seen.outcomes.count(one.ended);
        self.seen.by_call[call].count(one.ended);
        self.seen.between[self.marks.partition_point(|mark| *mark <= end)].count(one.ended);
        if let Some(class) = one.class {
            self.classified(class);
        }
        let member = self.member(one.member);
        let column = self.columns.entry(end.0 >> self.width_bits).or_default();
        column.outcomes.count(one.ended);
        if one.ended == Ended::Ok {
            let took = end.0.saturating_sub(one.invoked.0);
            self.seen.latencies[call].count(took);
            column.latencies[call].get_or_insert_default().count(took);
        }
        if let Some(member) = member {
            raise(&mut column.revisions, member, one.revision);
            self.terms[member] = self.terms[member].max(one.term);
        }
        if self.columns.len() > COLUMNS_MAX {
            self.widen();
        }
    }

    fn classified(&mut self, class: &str) {
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        } else if self.classes.len() < CLASSES_MAX {
            self.classes.insert(class.chars().take(60).collect(), 1);
        }
    }

    fn member(&mut self, name: &str) -> Option<usize> {
        if name.is_empty() {
            return None;
        }
        let known = self.members.iter().position(|member| member == name);
        known.or_else(|| {
            let room = self.members.len() < MEMBERS_MAX;
            room.then(|| {
                self.members.push(name.to_owned());
                self.terms.push(0);
                self.members.len() - 1
            })
        })
    }

    /// Makes columns twice as wide.
    fn widen(&mut self) {
        self.width_bits += 1;
        for (at, column) in std::mem::take(&mut self.columns) {
            self.columns.entry(at >> 1).or_default().add(&column, |member| member);
        }
    }

    /// Takes what another observer with the same marks has seen.
    fn join(&mut self, mut other: Self) {
        while self.width_bits < other.width_bits {
            self.widen();
        }
        while other.width_bits < self.width_bits {
            other.widen();
        }
        let indices: Vec<Option<usize>> = other.members.iter().map(|name| self.member(name)).collect();
        for (term, member) in other.terms.iter().zip(&indices) {
            if let Some(own) = member.and_then(|member| self.terms.get_mut(member)) {
                *own = (*own).max(*term);
            }
        }
        for (at, column) in &other.columns {
            let own = self.columns.entry(*at).or_default();
            own.add(column, |member| indices[member].unwrap_or(MEMBERS_MAX));
        }
        while self.columns.len() > COLUMNS_MAX {
            self.widen();
        }
        self.seen.outcomes.add(other.seen.outcomes);
        for call in 0..CALLS.len() {
            self.seen.latencies[call].add(&other.seen.latencies[call]);
            self.seen.by_call[call].add(other.seen.by_call[call]);
        }
        for (own, more) in self.seen.between.iter_mut().zip(other.seen.between) {
            own.add(more);
        }
        for (class, count) in other.classes {
            *self.classes.entry(class).or_default() += count;
        }
        self.seen.span = match (self.seen.span, other.seen.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }

    /// What was seen until now.
    #[must_use]
    pub fn finish(&self) -> Observed {
        let mut seen = self.seen.clone();
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|index| &self.members[*index]);
        seen.members = order.iter().map(|index| self.members[*index].clone()).collect();
        seen.terms = order.iter().map(|index| self.terms[*index]).collect();
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
        seen.classes = self.classes.iter().map(|(class, count)| (class.clone(), *count)).collect();
        seen.classes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut width_bits = self.width_bits;
        let (Some(first), Some(last)) = (self.columns.keys().next(), self.columns.keys().next_back()) else {
            return seen;
        };
        let (mut from, mut to) = (*first, *last);
        // A run that stood still for hours has few columns, and would be drawn in many.
        while to - from >= COLUMNS_MAX as u64 {
            (width_bits, from, to) = (width_bits + 1, from >> 1, to >> 1);
        }
        seen.columns = vec![Column::default(); (to - from + 1) as usize];
        for (at, column) in &self.columns {
            let at = (at >> (width_bits - self.width_bits)) - from;
            seen.columns[at as usize].add(column, |member| place.get(member).copied().unwrap_or(MEMBERS_MAX));
        }
        (seen.column_ns, seen.columns_from) = (1 << width_bits, Nanos(from << width_bits));
        seen
    }
}

impl Column {
    fn add(&mut self, other: &Self, member: impl Fn(usize) -> usize) {
        self.outcomes.add(other.outcomes);
        for (own, more) in self.latencies.iter_mut().zip(&*other.latencies) {
            if let Some(more) = more {
                own.get_or_insert_default().add(more);
            }
        }
        for (index, revision) in other.revisions.iter().enumerate() {
            raise(&mut self.revisions, member(index), *revision);
        }
    }
}

fn raise(revisions: &mut Vec<i64>, member: usize, revision: i64) {
    if member >= MEMBERS_MAX {
        return;
    }
    if revisions.len() <= member {
        revisions.resize(member + 1, 0);
    }
    revisions[member] = revisions[member].max(revision);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(ms: u64, ended: Ended) -> Sighting<'static> {
        Sighting {
            call: 0,
            member: if ms.is_multiple_of(2) { "b" } else { "a" },
            invoked: Nanos(ms * 1_000_000),
            returned: Some(Nanos((ms + 1) * 1_000_000)),
            ended,
            revision: ms as i64,
            term: ms / 5_000,
            class: (ended != Ended::Ok).then_some("timeout"),
        }
    }

    #[test]
    fn columns_are_few_and_lose_nothing() {
        let marks = [Nanos(500_000_000), Nanos(9_000_000_000)];
        let mut whole = Observer::new(&marks);
        let (mut one, mut two) = (Observer::new(&marks), Observer::new(&marks));
        for ms in 0..10_000 {
            let ended = if ms % 10 == 0 { Ended::Failed } else { Ended::Ok };
            whole.saw(&sighting(ms, ended));
            if ms < 300 { &mut one } else { &mut two }.saw(&sighting(ms, ended));
        }
        one.join(two);
        for observed in [whole.finish(), one.finish()] {
            assert!(observed.columns.len() <= COLUMNS_MAX && observed.columns.len() > COLUMNS_MAX / 4);
            let mut outcomes = Outcomes::default();
            observed.columns.iter().for_each(|column| outcomes.add(column.outcomes));
            assert_eq!(outcomes, observed.outcomes);
            assert_eq!((outcomes.ok, outcomes.failed), (9_000, 1_000));
            assert_eq!(observed.members, ["a", "b"]);
            assert_eq!(observed.terms, [1, 1]);
            let head = |member: usize| observed.columns.iter().filter_map(|c| c.revisions.get(member)).max();
            assert_eq!([head(0), head(1)], [Some(&9_999), Some(&9_998)]);
            assert_eq!(observed.between.iter().map(Outcomes::total).collect::<Vec<_>>(), [499, 8_500, 1_001]);
            assert_eq!(observed.classes, [("timeout".to_owned(), 1_000)]);
            assert_eq!(observed.latencies[0].total(), 9_000);
        }
    }

    #[test]
    fn a_run_that_stood_still_for_hours_is_drawn_in_few_columns() {
        let mut observer = Observer::new(&[]);
        observer.saw(&sighting(1, Ended::Ok));
        observer.saw(&sighting(36_000_000, Ended::Ok));
        let observed = observer.finish();
        assert!(observed.columns.len() <= COLUMNS_MAX, "{}", observed.columns.len());
        assert_eq!(observed.columns.iter().map(|column| column.outcomes.ok).sum::<u64>(), 2);
    }
}
