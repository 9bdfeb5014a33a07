//! Observing history files in one go, as fast as they can be read.

use std::cmp::Reverse;

use history::{Nanos, Operation, Outcome, ReadError, Reply, Sources, Visitor, WatchUpdate};

use super::{CALLS, Ended, Observed, Observer, Sighting, call};

/// The visitor of a part of a file.
struct Part<'m> {
    observer: Observer<'m>,
    /// When, in which file and as which number operations were invoked, if somebody asks for some of them.
    order: Option<Vec<(u64, u32, u64)>>,
}

impl Observed {
    /// Observes all operations, counting between `marks`. `wanted` are places in the order of invocation, as the
    /// checker names operations.
    ///
    /// # Errors
    /// When the files are of another format version or of different boots.
    pub fn read(sources: &Sources, marks: &[Nanos], wanted: &[usize]) -> Result<Self, ReadError> {
        let make = || Part { observer: Observer::new(marks), order: (!wanted.is_empty()).then(Vec::new) };
        let scan = sources.scan(|_| make())?;
        let mut all = make();
        for other in &scan.others {
            other.operations.iter().for_each(|operation| all.operation(operation));
        }
        for part in scan.parts {
            all.observer.join(part.observer);
            if let (Some(all), Some(order)) = (&mut all.order, part.order) {
                all.extend(order);
            }
        }
        let mut observed = all.observer.finish();
        if let Some(mut order) = all.order {
            order.sort_unstable();
            let places = wanted.iter().filter_map(|place| order.get(*place));
            observed.found = places.map(|(_, file, number)| (*file as usize, *number)).collect();
        }
        Ok(observed)
    }

    /// The calls that were made, as indices into [`CALLS`], those that were made most often first.
    #[must_use]
    pub fn calls(&self) -> Vec<usize> {
        let mut calls: Vec<usize> = (0..CALLS.len()).filter(|call| self.by_call[*call].total() > 0).collect();
        calls.sort_by_key(|call| Reverse(self.by_call[*call].total()));
        calls
    }
}

impl<'a> Visitor<'a> for Part<'_> {
    fn begins(&mut self, _: u64) {}

    fn operation(&mut self, operation: &Operation<'a>) {
        if let Some(order) = &mut self.order {
            let file = u32::try_from(operation.file).unwrap_or(u32::MAX);
            order.push((operation.invoked.0, file, operation.number));
        }
        let (ended, revision, class) = match &operation.outcome {
            Outcome::Ok(reply) => (Ended::Ok, head(reply), None),
            Outcome::Failed(failure) => (Ended::Failed, 0, Some(&*failure.class)),
            Outcome::Unknown(failure) => (
                Ended::Unknown,
                0,
                Some(failure.as_ref().map_or("never returned", |failure| &*failure.class)),
            ),
        };
        let name = operation.call.name();
        self.observer.saw(&Sighting {
            call: call(name),
            member: &operation.member,
            invoked: operation.invoked,
            returned: operation.returned,
            ended,
            revision,
            term: term(&operation.outcome),
            class,
        });
    }

    fn watched(&mut self, _: &WatchUpdate<'a>) {}
}

/// Only who asks for a member's status is told its term.
fn term(outcome: &Outcome<'_>) -> u64 {
    match outcome {
        Outcome::Ok(Reply::Status { term, .. }) => *term,
        _ => 0,
    }
}

/// A reply to a watch may tell the revision it began at, which says nothing about now.
fn head(reply: &Reply<'_>) -> i64 {
    if matches!(reply, Reply::Watch { .. }) { 0 } else { reply.revision() }
}
