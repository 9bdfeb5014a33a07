//! Revisions as one client sees them, one request after another.
//!
//! Of two linearizable requests where the second begins after the first ended, the second sees a revision that is not
//! older, whichever members answer; a put takes a revision of its own, and so sees a newer one.

use serde::Serialize;

use crate::event::Event;

/// A later request that saw an older revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Regression {
    /// What an earlier request had been told.
    pub before: i64,
    /// What a later one was told.
    pub after: i64,
}

/// The newest revision seen so far, and whether the order was ever broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revisions {
    newest: i64,
    advanced: bool,
    regression: Option<Regression>,
}

impl Revisions {
    /// Takes notice of an event; of requests that follow one another, in their order.
    pub fn watch(&mut self, event: &Event<'_>) {
        match event {
            Event::Put { answer: Ok(revision), .. } => self.put_after(self.newest, *revision),
            Event::Get { answer: Ok(read), .. } => self.saw(read.revision, self.newest, self.newest),
            _ => {}
        }
    }

    /// Takes notice of a put that may have run beside others. `before`: what [`Self::newest`] was when it was sent.
    pub fn put_after(&mut self, before: i64, revision: i64) {
        self.saw(revision, before, before + 1);
    }

    fn saw(&mut self, revision: i64, before: i64, least: i64) {
        if revision < least && self.regression.is_none() {
            self.regression = Some(Regression { before, after: revision });
        }
        self.advanced |= before > 0 && revision > before;
        self.newest = self.newest.max(revision);
    }

    /// The newest revision seen so far; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Whether a request saw a newer revision than one before it.
    #[must_use]
    pub fn advanced(&self) -> bool {
        self.advanced
    }

    /// The first time that the order was broken.
    #[must_use]
    pub fn regression(&self) -> Option<Regression> {
        self.regression
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Read;

    fn seen(requests: &[(char, i64)]) -> Revisions {
        let mut revisions = Revisions::default();
        for (kind, revision) in requests {
            match kind {
                'p' => revisions.watch(&Event::Put { key: b"k", value: b"v", answer: &Ok(*revision) }),
                _ => {
                    let read = Read { revision: *revision, found: Vec::new() };
                    revisions.watch(&Event::Get { key: b"k", answer: &Ok(read) });
                }
            }
        }
        revisions
    }

    #[test]
    fn a_get_may_see_the_same_revision_and_a_put_may_not() {
        assert_eq!(seen(&[('p', 5), ('g', 5), ('g', 5), ('p', 6)]).regression(), None);
        let broken = |before, after| Some(Regression { before, after });
        assert_eq!(seen(&[('p', 5), ('g', 4)]).regression(), broken(5, 4));
        assert_eq!(seen(&[('p', 5), ('p', 5)]).regression(), broken(5, 5));
        assert_eq!(seen(&[('g', 9), ('g', 8), ('g', 1)]).regression(), broken(9, 8), "the first one counts");
    }

    #[test]
    fn puts_beside_each_other_are_in_order_if_each_is_newer_than_what_was_answered_before_it_was_sent() {
        let mut revisions = Revisions::default();
        // Both were sent when nothing had been answered.
        revisions.put_after(0, 6);
        revisions.put_after(0, 5);
        assert_eq!((revisions.newest(), revisions.regression()), (6, None));
        assert!(!revisions.advanced());
        revisions.put_after(6, 7);
        assert!(revisions.advanced() && revisions.regression().is_none());
        revisions.put_after(7, 7);
        assert_eq!(revisions.regression(), Some(Regression { before: 7, after: 7 }));
    }

    #[test]
    fn two_revisions_make_an_advance_and_one_does_not() {
        assert!(!seen(&[('p', 5)]).advanced());
        assert!(!seen(&[('g', 5), ('g', 5)]).advanced());
        assert!(seen(&[('g', 5), ('p', 6)]).advanced());
    }
}
