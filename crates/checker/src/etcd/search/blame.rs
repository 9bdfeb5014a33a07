//! Who may be guilty of a contradiction: the guesses that it rests on, and what about them matters.

use super::Keys;

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

fn merge(into: &mut Vec<usize>, from: &[usize]) {
    for &guess in from {
        if let Err(at) = into.binary_search(&guess) {
            into.insert(at, guess);
        }
    }
}
