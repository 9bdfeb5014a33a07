//! The replay: one walk through the revisions, with guesses where no answer says what happened.
//!
//! A revision that no answer claims is hidden: some operation with an unknown outcome took it, or a lease ended. Where
//! an answer shows what it wrote there is usually one that fits; otherwise a guess is made, and taken back when it
//! comes to a contradiction: only guesses that can have caused it are revisited. A contradiction that no guess can
//! have caused is proof.

mod attempt;
mod blame;
mod ended;
mod untold;
mod walk;

use rustc_hash::FxHashMap;

use self::blame::Blame;
pub(super) use self::ended::{Contradiction, Ended};
use self::walk::Walk;
use super::log::{Action, Fact, Keys, Kv, Log};
use super::order::{Entry, Order, Role};
use super::plan::Plan;
use super::store::{Mark, Store};
use super::supply::{Candidate, Scene, Supply};
use super::timelines::Timelines;

/// Guesses that are kept to be taken back. Older ones stand: what contradicts them then is not decided.
const GUESSES_KEPT: usize = 4_096;

/// Changes that these guesses mostly come to, at the most.
const CHANGES_KEPT: usize = 1 << 20;

/// Contradictions that are kept for the explanation.
const NOTED: usize = 32;

/// Contradictions further apart than so many revisions have nothing to do with each other.
const NEAR: i64 = 2_000;

/// Entries that are looked at ahead at once.
const WARM: usize = 64;

/// So far ahead of the replay: what is asked of a key's next entries is near, too.
const AHEAD: usize = 512;

/// Candidates of a guess, as far as they were needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Needed,
    Likely,
    All,
}

struct Guess {
    revision: i64,
    /// Where the replay goes on behind it.
    entry: usize,
    mark: Mark,
    candidates: Vec<Candidate>,
    next: usize,
    /// Which candidates are listed.
    listed: Listed,
    chosen: Candidate,
    /// Only candidates that concern some key of each of these are worth a try.
    only: Vec<Vec<Keys>>,
    /// Guesses that have a part in the failure of this one's candidates.
    blame: Blame,
}

pub(super) struct Search<'l, 'a> {
    log: &'l Log<'a>,
    order: &'l Order,
    pub(super) store: Store<'a>,
    supply: Supply<'a>,
    timelines: Option<Timelines>,
    /// What to try first.
    plan: Option<Plan>,
    guesses: Vec<Guess>,
    /// Guesses that were made and stand for good.
    settled: Vec<(i64, Candidate)>,
    budget: u64,
    noted: Vec<Contradiction<'a>>,
    /// What was seen of revisions that are no longer hidden.
    seen: Option<&'l FxHashMap<i64, Vec<Fact<'a>>>>,
    /// Hidden revisions may be anybody's.
    foreign: bool,
    /// An answer that is left out, to see whether it alone is wrong.
    without: Option<u32>,
    /// Everything answered before this entry was explained together.
    reach: usize,
    /// Entries before this one were looked at ahead.
    warmed: usize,
    /// Where it goes on when it got lost.
    walk: Option<Walk>,
}

type Step<T> = Result<T, Blame>;

impl<'l, 'a> Search<'l, 'a> {
    pub(super) fn new(
        log: &'l Log<'a>,
        order: &'l Order,
        supply: Supply<'a>,
        empty: bool,
        foreign: bool,
    ) -> Self {
        let mut store = Store::new(log.keys.len(), order.base, empty, foreign);
        store.reserve(order.entries.len().min(CHANGES_KEPT));
        let mut supply = supply;
        let timelines = supply.timelines.take();
        let budget = 20 * log.ops.len() as u64 + 2_000_000;
        Self {
            log,
            order,
            store,
            supply,
            timelines,
            plan: None,
            guesses: Vec::new(),
            settled: Vec::new(),
            budget,
            noted: Vec::new(),
            without: None,
            reach: 0,
            warmed: 0,
            walk: None,
            seen: None,
            foreign,
        }
    }

    /// Takes it that nothing was there in the beginning but what was shown of then.
    pub(super) fn with_what_was_shown(mut self) -> Self {
        let mut shown = vec![None; self.log.keys.len()];
        for kv in self.log.kvs.iter().filter(|kv| kv.modified <= self.order.base) {
            let last = &mut shown[kv.key as usize];
            let says_more =
                |last: &Kv<'_>| (kv.modified, kv.value.is_some()) > (last.modified, last.value.is_some());
            if last.as_ref().is_none_or(says_more) {
                *last = Some(*kv);
            }
        }
        (0..).zip(&shown).for_each(|(key, kv)| self.store.begin(key, kv.as_ref()));
        self
    }

    /// Asks of these revisions, which some write took, that they did what was seen.
    pub(super) fn seeing(mut self, seen: &'l FxHashMap<i64, Vec<Fact<'a>>>) -> Self {
        self.seen = (!seen.is_empty()).then_some(seen);
        self
    }

    /// Leaves out what operation `op` read.
    pub(super) fn without(mut self, op: u32) -> Self {
        self.without = Some(op);
        self
    }

    /// Plans ahead, which takes a while and leaves less to be taken back.
    pub(super) fn planned(mut self) -> Self {
        let plan = |timelines| Plan::new(self.log, self.order, timelines, &self.supply);
        self.plan = self.timelines.as_ref().map(plan);
        self
    }

    /// Walks at random where it gets lost, and gives up before long.
    pub(super) fn strolling(mut self) -> Self {
        self.budget = 5 * self.log.ops.len() as u64 + 2_000;
        self.walk = Some(Walk::new(self.budget, 0));
        self
    }

    /// Walks at random where it gets lost: one of so many `walks` that take up to a minute together.
    pub(super) fn walking(mut self, seed: u64, walks: u64) -> Self {
        self.budget = (50 * self.log.ops.len() as u64 + 50_000_000) / walks;
        self.walk = Some(Walk::new(self.budget, seed));
        self
    }

    /// Gives up before long: what has got lost seldom finds back.
    pub(super) fn brief(mut self) -> Self {
        self.budget = 5 * self.log.ops.len() as u64 + 300_000;
        self
    }

    /// Gives up soon: what has got lost seldom finds back.
    pub(super) fn hasty(mut self) -> Self {
        self.budget = 3 * self.log.ops.len() as u64 + 50_000;
        self
    }

    pub(super) fn run(mut self) -> Ended<'a> {
        // What was read of the past before the history began cannot be known.
        let mut entry = self.order.find(self.order.base);
        let mut hidden = 0;
        loop {
            if self.budget == 0 {
                return self.undecided("the search budget is spent");
            }
            self.budget -= 1;
            self.reach = self.reach.max(entry);
            if entry + AHEAD > self.warmed {
                self.warm(entry);
            }
            let next = self.supply.hidden.get(hidden).copied();
            let stepped = match (self.order.entries.get(entry), next) {
                (None, None) => return self.fits(),
                (Some(at), slot) if slot.is_none_or(|slot| at.revision < slot) => {
                    let at = *at;
                    self.answer(&at).map(|()| (entry + 1, hidden))
                }
                (_, Some(revision)) => self.guess(revision, entry).map(|()| (entry, hidden + 1)),
                (Some(_), None) => continue,
            };
            let answered = next.is_none_or(|slot| self.revision(entry) < slot);
            match stepped.or_else(|blame| self.take_back(blame, entry, answered)) {
                Ok(at) => (entry, hidden) = at,
                Err(ended) => return ended,
            }
        }
    }

    /// Has a look at what the entries ahead compare, all at once: it lies far apart in the file, and one after the other
    /// each would be waited for.
    fn warm(&mut self, entry: usize) {
        let from = self.warmed.max(entry);
        self.warmed = from + WARM;
        let entries = &self.order.entries;
        let next = &entries[from.min(entries.len())..self.warmed.min(entries.len())];
        let first =
            |entry: &Entry| self.log.values_of(entry.op).fold(0, |a, value| a ^ value.first().unwrap_or(&0));
        std::hint::black_box(next.iter().fold(0, |a, entry| a ^ first(entry)));
    }

    fn revision(&self, entry: usize) -> i64 {
        self.order.entries.get(entry).map_or(self.order.head, |entry| entry.revision)
    }

    fn fits(self) -> Ended<'a> {
        Ended::Fits { hidden: self.chosen(), assumed: self.store.assumed }
    }

    fn chosen(&self) -> Vec<(i64, Candidate)> {
        let guessed = self.guesses.iter().map(|guess| (guess.revision, guess.chosen));
        self.settled.iter().copied().chain(guessed).collect()
    }

    /// Replays something answered.
    fn answer(&mut self, entry: &Entry) -> Step<()> {
        if self.without == Some(entry.op) && entry.role() != Role::Write {
            return Ok(());
        }
        if let (Role::Read, Some((key, shown))) = (entry.role(), self.log.found(entry.op))
            && self.store.confirm(key, shown, entry.revision)
        {
            return Ok(());
        }
        let result = match entry.role() {
            Role::Old => self.store.check_range(self.log, &entry.action(self.log), entry.revision),
            Role::Silent => self.silent(entry),
            Role::Write | Role::Read => match self.log.action(entry.op) {
                Action::Held { key, by } => return self.held(entry, key, by),
                action => self.store.replay(self.log, &action, entry.revision),
            },
        };
        result.map_err(|mismatch| {
            let mut blame = self.blame(entry.revision, &mismatch);
            blame.first.clone_from(&mismatch.keys);
            self.note(Contradiction::Answer { entry: *entry, mismatch });
            blame
        })?;
        let seen =
            self.seen.filter(|_| entry.role() == Role::Write).and_then(|seen| seen.get(&entry.revision));
        seen.into_iter().flatten().try_for_each(|fact| self.sees(entry.revision, fact))
    }

    fn sees(&mut self, revision: i64, fact: &Fact<'a>) -> Step<()> {
        if self.store.shows(fact) {
            return Ok(());
        }
        let key = Keys::one(fact.key());
        self.note(Contradiction::Hidden { revision, shown: Some(*fact) });
        Err(Blame { first: vec![key], ..self.guesses_about(&[key]) })
    }

    /// Keeps the contradictions that were met on the way to the present one. What lies far behind was overcome.
    fn note(&mut self, contradiction: Contradiction<'a>) {
        let place = contradiction.revision();
        self.noted.retain(|noted| noted.revision() + NEAR >= place);
        self.noted.retain(|noted| !noted.same(&contradiction));
        if self.noted.len() == NOTED {
            self.noted.remove(0);
        }
        self.noted.push(contradiction);
    }

    /// Chooses what took a hidden revision.
    fn guess(&mut self, revision: i64, entry: usize) -> Step<()> {
        self.settle();
        let mut candidates = self.supply.likely(&self.scene(), &self.store, revision, entry, false);
        let listed = self.wander(revision, entry, &mut candidates);
        let mark = self.store.mark();
        let chosen = Candidate::Nothing;
        // What was answered here leaves nothing to do: what took the revision did something to each key concerned.
        let mut only = Vec::new();
        let mut blame = Blame::NOBODY;
        let here = self.order.entries[entry..].iter().take_while(|entry| entry.revision == revision);
        for entry in here.filter(|entry| entry.role() == Role::Silent) {
            if let Some(key) = self.store.to_change(self.log, &self.log.action(entry.op)) {
                only.push(vec![Keys::one(key)]);
                let about = self.guesses_about(&[Keys::one(key)]);
                blame.merge(&about);
            }
        }
        self.guesses.push(Guess { revision, entry, mark, candidates, next: 0, listed, chosen, only, blame });
        self.choose()
    }

    /// Tries the next candidates of the last guess.
    fn choose(&mut self) -> Step<()> {
        let this = self.guesses.len() - 1;
        loop {
            let guess = &mut self.guesses[this];
            let (revision, entry, mark) = (guess.revision, guess.entry, guess.mark);
            let Some(&candidate) = guess.candidates.get(guess.next) else {
                if !self.list_more(this) {
                    break;
                }
                continue;
            };
            guess.next += 1;
            if !guess.only.is_empty() {
                let keys = self.supply.keys(self.log, candidate);
                let concerns = |only: &Vec<Keys>| keys.iter().any(|a| only.iter().any(|b| a.overlaps(*b)));
                if !guess.only.iter().all(concerns) {
                    continue;
                }
            }
            guess.chosen = candidate;
            self.budget = self.budget.saturating_sub(1);
            match self.attempt(candidate, revision, entry, mark) {
                Ok(()) => {
                    self.supply.take(candidate, revision);
                    return Ok(());
                }
                Err(blame) => {
                    self.store.undo_to(mark);
                    self.guesses[this].blame.merge(&blame);
                }
            }
        }
        let revision = self.guesses[this].revision;
        let shown = self.supply.evidence.get(&revision).and_then(|facts| facts.first()).copied();
        self.note(Contradiction::Hidden { revision, shown });
        let blame = self.guesses.pop().map_or(Blame::NOBODY, |guess| guess.blame);
        Err(blame)
    }

    /// Lists more candidates of a guess in whose moment the store is, and says whether there may be any.
    fn list_more(&mut self, this: usize) -> bool {
        let Guess { revision, entry, listed, .. } = self.guesses[this];
        let (more, listed) = match listed {
            Listed::Needed => {
                (self.supply.likely(&self.scene(), &self.store, revision, entry, true), Listed::Likely)
            }
            Listed::Likely => {
                let only = self.guesses[this].only.first().map(Vec::as_slice);
                let (all, looked) = self.supply.all(self.log, self.order, &self.store, revision, only);
                let about = self.guesses_about(&looked);
                self.guesses[this].blame.merge(&about);
                (all, Listed::All)
            }
            Listed::All => return false,
        };
        let guess = &mut self.guesses[this];
        let more: Vec<Candidate> =
            more.into_iter().filter(|candidate| !guess.candidates.contains(candidate)).collect();
        guess.candidates.extend(more);
        guess.listed = listed;
        true
    }

    fn scene(&self) -> Scene<'_, 'a> {
        Scene {
            log: self.log,
            order: self.order,
            timelines: self.timelines.as_ref(),
            plan: self.plan.as_ref(),
        }
    }

    /// Takes back guesses until one of those to blame has another candidate.
    fn take_back(
        &mut self,
        mut blame: Blame,
        met: usize,
        answered: bool,
    ) -> Result<(usize, usize), Ended<'a>> {
        if let Some(at) = self.jump(&blame, met) {
            return Ok(at);
        }
        let mut direct = true;
        loop {
            let Some(guilty) = blame.latest(self.guesses.len()) else {
                if self.foreign && !(direct && answered) {
                    return Err(self.undecided("only writers that the history does not have explain it"));
                }
                if blame.settled {
                    return Err(self.undecided("a choice too long ago would have to be revisited"));
                }
                let mut noted = std::mem::take(&mut self.noted);
                if direct {
                    // No guess had a part in it: it stands alone.
                    noted.drain(..noted.len() - 1);
                }
                return Err(Ended::Contradiction { noted, reach: self.reach });
            };
            if self.budget == 0 {
                return Err(self.undecided("the search budget is spent"));
            }
            direct = false;
            for guess in self.guesses.drain(guilty + 1..) {
                self.supply.give_back(guess.chosen);
            }
            let chosen = self.guesses[guilty].chosen;
            let (keys, concerned) = (self.supply.keys(self.log, chosen), blame.keys_at(guilty));
            let concerns = keys.iter().any(|a| concerned.iter().any(|b| a.overlaps(*b)));
            let part = blame.users.contains(&guilty) || concerns;
            let guess = &mut self.guesses[guilty];
            if !part {
                // Another candidate that leaves these keys alone fails in the same way.
                guess.only.push(concerned);
            }
            guess.blame.merge(&blame);
            let (mark, revision, chosen, entry) = (guess.mark, guess.revision, guess.chosen, guess.entry);
            self.supply.give_back(chosen);
            self.store.undo_to(mark);
            if self.guesses[guilty].listed == Listed::Needed {
                self.list_more(guilty);
            }
            let guess = &mut self.guesses[guilty];
            let mut rest = guess.candidates.split_off(guess.next);
            rest.sort_by_cached_key(|candidate| {
                let keys = self.supply.keys(self.log, *candidate);
                !keys.iter().any(|a| blame.first.iter().any(|b| a.overlaps(*b)))
            });
            guess.candidates.extend(rest);
            match self.choose() {
                Ok(()) => {
                    let hidden = self.supply.hidden.partition_point(|slot| *slot <= revision);
                    return Ok((entry, hidden));
                }
                Err(next) => blame = next,
            }
        }
    }

    fn undecided(&self, reason: &'static str) -> Ended<'a> {
        let revision = self.guesses.last().map_or(self.order.base, |guess| guess.revision);
        Ended::Undecided { revision, reason, reach: self.reach }
    }

    /// Lets the oldest guesses stand when there are too many: memory is for the neighbourhood, not for the past.
    fn settle(&mut self) {
        if self.guesses.len() < GUESSES_KEPT {
            return;
        }
        let stand = GUESSES_KEPT / 2;
        let old = self.guesses.drain(..stand);
        self.settled.extend(old.map(|guess| (guess.revision, guess.chosen)));
        self.guesses.iter_mut().for_each(|guess| guess.blame.settle(stand));
        if let Some(oldest) = self.guesses.first() {
            self.store.forget_before(oldest.mark);
        }
    }
}
