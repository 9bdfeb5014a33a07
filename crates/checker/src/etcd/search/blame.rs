//! Who may be guilty of a contradiction: the guesses that it rests on, and what about them matters.

use super::super::log::{Action, Keys, UNTOLD_LEASE};
use super::super::store::{Mismatch, Problem};
use super::Search;

/// Why something failed: guesses made so far, all from `from` on and some before, and what about them matters.
#[derive(Clone, Debug)]
pub(super) struct Blame {
    pub(super) from: usize,
    pub(super) some: Vec<usize>,
    /// What was guessed about these keys matters, each from a guess on.
    pub(super) keys: Vec<(Keys, usize)>,
    /// The keys of the contradiction that was met first: what concerns them is tried first.
    pub(super) first: Vec<Keys>,
    /// That these guesses used their operations matters.
    pub(super) users: Vec<usize>,
    /// Guesses that stand for good are among them.
    pub(super) settled: bool,
}

impl Blame {
    pub(super) const NOBODY: Self = Self {
        from: usize::MAX,
        some: Vec::new(),
        keys: Vec::new(),
        first: Vec::new(),
        users: Vec::new(),
        settled: false,
    };

    pub(super) fn about(keys: Keys, from: usize, settled: bool) -> Self {
        Self { from, keys: vec![(keys, from)], settled, ..Self::NOBODY }
    }

    pub(super) fn user(guess: usize) -> Self {
        Self { some: vec![guess], users: vec![guess], ..Self::NOBODY }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.from = self.from.min(other.from);
        self.settled |= other.settled;
        if self.first.is_empty() {
            self.first.clone_from(&other.first);
        }
        merge(&mut self.some, &other.some);
        merge(&mut self.users, &other.users);
        self.some.retain(|&guess| guess < self.from);
        for &(keys, from) in &other.keys {
            match self.keys.iter_mut().find(|(known, _)| *known == keys) {
                Some((_, known)) => *known = from.min(*known),
                None => self.keys.push((keys, from)),
            }
        }
    }

    /// The latest of them among the first `made` guesses.
    pub(super) fn latest(&self, made: usize) -> Option<usize> {
        if self.from < made { Some(made - 1) } else { self.some.iter().copied().rfind(|&guess| guess < made) }
    }

    /// One of them among the first `made` guesses, so many `back` from the latest, counted round.
    pub(super) fn before(&self, made: usize, back: usize) -> Option<usize> {
        let all = made.saturating_sub(self.from);
        let some = self.some.partition_point(|&guess| guess < made.min(self.from));
        match back % (all + some).max(1) {
            back if back < all => Some(made - 1 - back),
            back => Some(self.some[some.checked_sub(1 + back - all)?]),
        }
    }

    /// The first `stand` guesses stand for good.
    pub(super) fn settle(&mut self, stand: usize) {
        self.settled |= self.from < stand || self.some.iter().any(|&guess| guess < stand);
        let shifted = |from: usize| if from == usize::MAX { from } else { from.saturating_sub(stand) };
        self.from = shifted(self.from);
        self.keys.iter_mut().for_each(|(_, from)| *from = shifted(*from));
        for guesses in [&mut self.some, &mut self.users] {
            guesses.retain(|&guess| guess >= stand);
            guesses.iter_mut().for_each(|guess| *guess -= stand);
        }
    }

    /// The keys about which it matters what a guess says.
    pub(super) fn keys_at(&self, guess: usize) -> Vec<Keys> {
        self.keys.iter().filter(|(_, from)| *from <= guess).map(|(keys, _)| *keys).collect()
    }
}

impl<'a> Search<'_, 'a> {
    /// The guesses that may have a part in a mismatch.
    pub(super) fn blame(&self, at: i64, mismatch: &Mismatch<'a>) -> Blame {
        let Mismatch { problem, cell, keys } = mismatch;
        let key = problem.key();
        let written = self.order.write_at(cell.modified).map(|op| self.log.action(op));
        let put = written.and_then(|action| self.log.put_of(&action, key));
        let Some(Action::Put { value, keep_lease, .. }) = put else { return self.guesses_about(keys) };
        match problem {
            // Whatever was guessed, the key was there behind that write.
            Problem::Missing(_) => {
                let since = self.store.certain_at(key).max(cell.modified);
                self.guesses_since(Keys::one(key), since)
            }
            // What an answered write wrote is no guess, and what came before it is gone.
            Problem::Differs(kv) if kv.modified < cell.modified || kv.modified > at => Blame::NOBODY,
            Problem::Differs(kv) if kv.modified == cell.modified => {
                let value = value.is_some() && kv.value.is_some_and(|shown| Some(shown) != value);
                let lease = !keep_lease && kv.lease != cell.lease && kv.lease != UNTOLD_LEASE;
                if value || lease { Blame::NOBODY } else { self.guesses_about(keys) }
            }
            Problem::Differs(kv) if self.order.write_at(kv.modified).is_some() => Blame::NOBODY,
            _ => self.guesses_about(keys),
        }
    }

    /// The guesses about keys that were made behind a revision.
    pub(super) fn guesses_since(&self, keys: Keys, revision: i64) -> Blame {
        let from = self.guesses.partition_point(|guess| guess.revision <= revision);
        let settled = from == 0 && self.settled.last().is_some_and(|(settled, _)| *settled > revision);
        Blame::about(keys, from, settled)
    }

    pub(super) fn guesses_about(&self, keys: &[Keys]) -> Blame {
        let mut blame = Blame::NOBODY;
        for &keys in keys {
            // Of a key that no guess can change, all is certain.
            let certain = self.supply.open(keys).map(|key| self.store.certain_at(key)).min();
            if let Some(certain) = certain {
                blame.merge(&self.guesses_since(keys, certain));
            }
        }
        blame
    }
}

fn merge(into: &mut Vec<usize>, from: &[usize]) {
    for &guess in from {
        if let Err(at) = into.binary_search(&guess) {
            into.insert(at, guess);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Blame;

    #[test]
    fn those_to_blame_are_counted_back_and_round() {
        let blame = Blame { from: 7, some: vec![2, 4], ..Blame::NOBODY };
        let back: Vec<_> = (0..6).map(|back| blame.before(9, back)).collect();
        assert_eq!(back, [8, 7, 4, 2, 8, 7].map(Some));
        assert_eq!(blame.before(3, 0), Some(2));
        assert_eq!(blame.before(2, 1), None);
        assert_eq!(Blame::NOBODY.before(9, 0), None);
    }
}
