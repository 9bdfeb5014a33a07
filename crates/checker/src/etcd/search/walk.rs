//! Where a search gets lost, it walks: some guess that may be to blame is made in another way, and what comes behind it is
//! chosen as it was before, as far as it still can be.
//!
//! A search that takes back the last guess first stays where it got lost, when the mistake is hundreds of guesses old and
//! more than one of them has to change at once. Solvers of satisfiability know both halves of the way out: a step at
//! random from what is contradicted (Selman, Kautz, Cohen 1994), and choices that are kept over a jump (Pipatsrisawat,
//! Darwiche 2007). Nothing is lost by a jump: each guess that was taken back is made again, with all of its candidates.
//! The generator has fixed seeds, so the verdict is a function of the history.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rustc_hash::FxHashMap;

use super::super::log::{Keys, Log};
use super::super::supply::Candidate;
use super::{Blame, Guess, Listed, Search};

/// After so many steps that did not lead further, what was chosen lately is forgotten, and the other way to walk is taken.
const STALE: u64 = 2_000_000;

/// So many guesses are lately.
const LATELY: usize = 64;

/// A drift begins anew after so many jumps.
const DRIFT: u32 = 50;

/// So many contradictions are met in order before the next jump, fewer where few guesses were made.
const MET: usize = 6;

/// So many guesses, at which there is little to be gone through in order.
const FEW: usize = 8;

/// Of so many candidates drawn the one that was asked last is taken: most of what is unknown took effect at once, or never.
const DRAWN: usize = 3;

/// A jump goes back by up to two to the power of this, of the guesses that may be to blame.
const FAR: u64 = 6;

/// A guess that is to be another.
struct Change {
    /// What it was.
    from: Candidate,
    /// The keys of the contradiction.
    keys: Vec<Keys>,
}

pub(super) struct Walk {
    draws: ChaCha8Rng,
    /// The furthest entry at which something did not fit.
    reach: usize,
    /// The budget when it got there first.
    since: u64,
    /// What was chosen when it got there last.
    best: FxHashMap<i64, Candidate>,
    /// What was chosen last, in a drift: what leads less far for now may lead further with another change.
    last: Option<FxHashMap<i64, Candidate>>,
    jumps: u32,
    /// Contradictions met since the last jump.
    met: usize,
    change: Option<Change>,
    /// Otherwise two of so many guesses are made at random.
    stray: Option<u64>,
}

impl Walk {
    pub(super) fn new(budget: u64, seed: u64) -> Self {
        Self {
            draws: ChaCha8Rng::seed_from_u64(seed),
            reach: 0,
            since: budget,
            best: FxHashMap::default(),
            last: None,
            jumps: 0,
            met: 0,
            change: None,
            stray: None,
        }
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    /// One of these candidates, rather one that was asked late, or a lease that may be over.
    fn one_of(&mut self, log: &Log<'_>, of: &[Candidate]) -> Option<Candidate> {
        let asked = |at: &usize| match of[*at] {
            Candidate::Op(op) => log.ops[op as usize].invoked,
            _ => u64::MAX,
        };
        let drawn = (0..DRAWN.min(of.len())).map(|_| self.below(of.len() as u64) as usize);
        drawn.max_by_key(asked).map(|at| of[at])
    }
}

impl Search<'_, '_> {
    /// Puts at the front of a guess's `candidates` what the walk is to try first, and says which are listed then.
    pub(super) fn wander(&mut self, revision: i64, entry: usize, candidates: &mut Vec<Candidate>) -> Listed {
        let Some(mut walk) = self.walk.take() else { return Listed::Needed };
        let before = walk.last.as_ref().unwrap_or(&walk.best).get(&revision);
        if let Some(&before) = before {
            first(candidates, before);
            // What an earlier revision has now leaves a choice.
            if self.supply.used(before).is_some()
                && walk.below(2) == 0
                && let Some(other) = walk.one_of(self.log, &candidates[1..])
            {
                first(candidates, other);
            }
        }
        let change = walk.change.take();
        let mut listed = Listed::Needed;
        if change.is_some() || walk.stray.is_some_and(|of| walk.below(of) < 2) {
            self.stray(&mut walk, change.as_ref(), (revision, entry), candidates);
            listed = Listed::Likely;
        }
        self.walk = Some(walk);
        listed
    }

    /// Puts another candidate first, one at random of all that are likely and sometimes of all there are.
    fn stray(
        &self,
        walk: &mut Walk,
        change: Option<&Change>,
        (revision, entry): (i64, usize),
        candidates: &mut Vec<Candidate>,
    ) {
        let mut more = self.supply.likely(&self.scene(), &self.store, revision, entry, true);
        if walk.below(16) == 0 {
            more.extend(self.supply.all(self.log, self.order, &self.store, revision, None).0);
        }
        for candidate in more {
            if self.supply.used(candidate).is_none() && !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
        let others =
            || candidates.iter().copied().filter(|other| change.is_none_or(|change| change.from != *other));
        let about: Vec<Candidate> = others()
            .filter(|candidate| {
                let keys = self.supply.keys(self.log, *candidate);
                let wanted = change.into_iter().flat_map(|change| &change.keys);
                wanted.into_iter().any(|a| keys.iter().any(|b| a.overlaps(*b)))
            })
            .collect();
        let other = match walk.below(3) {
            0 => None,
            _ => walk.one_of(self.log, &about),
        };
        let any = |walk: &mut Walk| walk.one_of(self.log, &others().collect::<Vec<_>>());
        if let Some(other) = other.or_else(|| any(walk)) {
            first(candidates, other);
        }
    }

    /// Jumps back, where enough contradictions were met since the last time; the last of them at entry `met`. Says where
    /// the replay goes on.
    pub(super) fn jump(&mut self, blame: &Blame, met: usize) -> Option<(usize, usize)> {
        let (made, budget) = (self.guesses.len(), self.budget);
        let chosen = || self.guesses.iter().map(|guess| (guess.revision, guess.chosen));
        let walk = self.walk.as_mut()?;
        if met >= walk.reach {
            walk.best.extend(chosen());
        }
        if met > walk.reach {
            (walk.reach, walk.since, walk.met) = (met, budget, 0);
        }
        walk.met += 1;
        let last = blame.latest(made)?;
        if walk.met <= MET.min(made / FEW) || budget == 0 {
            return None;
        }
        walk.met = 0;
        walk.jumps += 1;
        match &mut walk.last {
            Some(last) if walk.jumps.is_multiple_of(DRIFT) => last.clone_from(&walk.best),
            Some(last) => last.extend(chosen()),
            None => {}
        }
        let far = 2 << walk.below(FAR);
        walk.stray = Some(far + 1);
        let to = if walk.since > budget + STALE {
            walk.since = budget;
            let to = made.saturating_sub(LATELY);
            let lately = self.guesses[to].revision;
            walk.best.retain(|revision, _| *revision < lately);
            walk.last = walk.last.is_none().then(|| walk.best.clone());
            to
        } else if walk.below(5) > 0 {
            let back = walk.below(far) as usize;
            let to = blame.before(made, back).unwrap_or(last);
            walk.change = Some(Change { from: self.guesses[to].chosen, keys: blame.first.clone() });
            walk.stray = None;
            to
        } else {
            made.saturating_sub(far as usize)
        };
        let Guess { revision, entry, mark, .. } = self.guesses[to];
        for guess in self.guesses.drain(to..) {
            self.supply.give_back(guess.chosen);
        }
        self.store.undo_to(mark);
        Some((entry, self.supply.hidden.partition_point(|slot| *slot < revision)))
    }
}

fn first(candidates: &mut Vec<Candidate>, candidate: Candidate) {
    candidates.retain(|other| *other != candidate);
    candidates.insert(0, candidate);
}
