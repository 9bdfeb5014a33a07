//! Both engines on one history: first a short run of one, then both at once, and the first answer counts.
//!
//! Either answer is exact, so which engine wins changes nothing but the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::bits::{Bits, Wide};
use super::depth::Depth;
use super::foresight::Foresight;
use super::frontier::{Frontier, Ran};
use super::hasty;
use super::rules::{Budget, GaveUp, Meter, Tactic};
use super::timeline::{Event, NONE, Timeline};
use super::trace::Trace;
use crate::model::{EntryOf, Model};
use crate::options::Options;

/// So many steps are taken before a second thread is worth its start (about a millisecond).
const INLINE_STEPS: u64 = 20_000;

/// Steps of the first hasty attempts, and for each event; later ones take four times as many each.
const HASTY_STEPS: (u64, u64) = (200_000, 200);

/// What a search came to. Entries are named by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// With an order, if one was asked for.
    Valid { order: Vec<u32> },
    /// Nothing explains all replies.
    Invalid,
    /// It ran out of this, after so many returns.
    Unknown { why: &'static str, reached: usize },
}

/// Decides within the budget, on two threads if it takes longer.
pub(crate) fn decide<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    options: &Options<'_>,
    witness: bool,
) -> Decided {
    let mut blurred;
    let mut entries = entries;
    if options.rules.blur {
        blurred = entries.to_vec();
        model.blur(&mut blurred);
        entries = &blurred;
    }
    let timeline = Timeline::new(model, entries);
    let search = Search {
        model,
        entries,
        timeline: &timeline,
        foresight: Foresight::new(model, entries, &timeline),
        options,
        witness,
    };
    search.with_width()
}

/// Decides on this thread, by the exact breadth-first engine only.
pub(crate) fn decide_inline<M: Model>(
    model: &M,
    entries: &[EntryOf<M>],
    options: &Options<'_>,
) -> (Decided, u64, Vec<u32>) {
    let timeline = Timeline::new(model, entries);
    let search = Search {
        model,
        entries,
        timeline: &timeline,
        foresight: Foresight::new(model, entries, &timeline),
        options,
        witness: true,
    };
    search.prefix()
}

struct Search<'a, M: Model> {
    model: &'a M,
    entries: &'a [EntryOf<M>],
    timeline: &'a Timeline,
    foresight: Foresight,
    options: &'a Options<'a>,
    witness: bool,
}

impl<M: Model> Search<'_, M> {
    /// Picks the narrowest sets that fit; there is always one.
    fn with_width(&self) -> Decided {
        let run = match (self.timeline.places, self.timeline.unknown.len()) {
            _ if self.options.rules.wide => Self::run::<Wide, Wide>,
            (0..=64, 0) => Self::run::<[u64; 1], [u64; 0]>,
            (0..=64, 1..=64) => Self::run::<[u64; 1], [u64; 1]>,
            (0..=64, 65..=256) => Self::run::<[u64; 1], [u64; 4]>,
            _ => Self::run::<Wide, Wide>,
        };
        let (ran, order) = run(self);
        self.decided(ran, &order)
    }

    fn run<K: Bits, U: Bits>(&self) -> (Ran, Vec<u32>) {
        let Options { budget, cancelled, rules, .. } = *self.options;
        match rules.tactic {
            Tactic::Breadth => return self.breadth::<K, U>(None, budget, cancelled),
            Tactic::Depth => return self.depth::<K, U>(u32::MAX, budget, cancelled),
            Tactic::Hasty => return self.hasty::<K, U>(cancelled),
            Tactic::RaceAtOnce => return self.race::<K, U>(),
            Tactic::Race => {}
        }
        let short = Budget { steps: budget.steps.min(INLINE_STEPS), ..budget };
        let result = self.breadth::<K, U>(None, short, cancelled);
        let more = matches!(result.0, Ran::GaveUp { why: GaveUp::Steps, .. }) && short != budget;
        if more { self.race::<K, U>() } else { result }
    }

    fn race<K: Bits, U: Bits>(&self) -> (Ran, Vec<u32>) {
        let found = AtomicBool::new(false);
        let cancelled = || found.load(Ordering::Relaxed) || (self.options.cancelled)();
        let exact = |result: &(Ran, Vec<u32>)| !matches!(result.0, Ran::GaveUp { .. });
        let (breadth, hasty) = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let result = self.hasty::<K, U>(&cancelled);
                found.fetch_or(exact(&result), Ordering::Relaxed);
                result
            });
            let breadth = self.breadth::<K, U>(None, self.options.budget, &cancelled);
            found.fetch_or(exact(&breadth), Ordering::Relaxed);
            (breadth, other.join().expect("a search does not panic"))
        });
        if exact(&hasty) && !exact(&breadth) { hasty } else { breadth }
    }

    /// `always`: on trial, with so many unknown operations at one return.
    fn breadth<K: Bits, U: Bits>(
        &self,
        always: Option<u32>,
        budget: Budget,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> (Ran, Vec<u32>) {
        let trace = if self.witness { Trace::kept() } else { Trace::off() };
        let mut meter = Meter::new(budget, cancelled);
        let mut front = Frontier::<M, K, U>::new(
            self.model,
            self.entries,
            self.timeline,
            &self.foresight,
            self.options.rules,
            trace,
        );
        let ran = match always {
            None => front.run(&mut meter),
            Some(always) => hasty::run(&mut front, self.timeline, always, &mut meter),
        };
        let longest =
            front.front.alive().map(|node| node.trace).max_by_key(|&trace| front.trace.length(trace));
        (ran, front.trace.order(longest.unwrap_or(NONE)))
    }

    fn depth<K: Bits, U: Bits>(
        &self,
        limit: u32,
        budget: Budget,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> (Ran, Vec<u32>) {
        let trace = if self.witness { Trace::kept() } else { Trace::off() };
        let mut meter = Meter::new(budget, cancelled);
        let mut depth = Depth::<M, K, U>::new(
            self.model,
            self.entries,
            self.timeline,
            &self.foresight,
            self.options.rules,
            trace,
        );
        let (ran, trace) = depth.run(limit, &mut meter);
        (ran, depth.trace.order(trace))
    }

    /// Tries to find an explanation by leaving out most, then less; by turns depth first and breadth first.
    fn hasty<K: Bits, U: Bits>(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> (Ran, Vec<u32>) {
        let mut result = (Ran::GaveUp { event: 0, why: GaveUp::Steps }, Vec::new());
        let (mut left, mut steps) =
            (self.options.budget.steps, HASTY_STEPS.0 + HASTY_STEPS.1 * self.timeline.events.len() as u64);
        for limit in [0, 1, 2, 4, 8, u32::MAX] {
            let trial = Budget { steps: steps.min(left), ..self.options.budget };
            if !self.timeline.unknown.is_empty() && limit < u32::MAX {
                result = self.breadth::<K, U>(Some(limit), trial, cancelled);
                if ended(&result.0) {
                    return result;
                }
            }
            let trial = if limit == u32::MAX { Budget { steps: left, ..trial } } else { trial };
            result = self.depth::<K, U>(limit.saturating_add(1), trial, cancelled);
            if ended(&result.0) {
                return result;
            }
            left = left.saturating_sub(steps * 2);
            steps = steps.saturating_mul(4);
            if left == 0 {
                break;
            }
        }
        result
    }

    fn decided(&self, ran: Ran, order: &[u32]) -> Decided {
        match ran {
            Ran::Valid => Decided::Valid { order: self.indices(order) },
            Ran::Dead => Decided::Invalid,
            Ran::GaveUp { event, why } => {
                let returned = |event: &&Event| matches!(event, Event::Return(_));
                let reached = self.timeline.events[..event].iter().filter(returned).count();
                let why = match why {
                    GaveUp::Steps => "the budget of steps is used up",
                    GaveUp::Held => "the budget of memory is used up",
                    GaveUp::Cancelled => "it was ended before it was decided",
                    GaveUp::Patience => "only a part of the ways was tried",
                };
                Decided::Unknown { why, reached }
            }
        }
    }

    /// The exact engine on this thread: what it decides, its steps, and the longest order it found up to its end.
    fn prefix(&self) -> (Decided, u64, Vec<u32>) {
        let run = match (self.timeline.places, self.timeline.unknown.len()) {
            (0..=64, 0) => Self::measured::<[u64; 1], [u64; 0]>,
            (0..=64, 1..=64) => Self::measured::<[u64; 1], [u64; 1]>,
            (0..=64, 65..=256) => Self::measured::<[u64; 1], [u64; 4]>,
            _ => Self::measured::<Wide, Wide>,
        };
        run(self)
    }

    fn measured<K: Bits, U: Bits>(&self) -> (Decided, u64, Vec<u32>) {
        let mut meter = Meter::new(self.options.budget, self.options.cancelled);
        let mut front = Frontier::<M, K, U>::new(
            self.model,
            self.entries,
            self.timeline,
            &self.foresight,
            self.options.rules,
            Trace::kept(),
        );
        let ran = front.run(&mut meter);
        let longest =
            front.front.alive().map(|node| node.trace).max_by_key(|&trace| front.trace.length(trace));
        let order = front.trace.order(longest.unwrap_or(NONE));
        let order = self.indices(&order);
        (self.decided(ran, &[]), meter.steps, order)
    }

    fn indices(&self, order: &[u32]) -> Vec<u32> {
        order.iter().map(|&number| self.timeline.items[number as usize].entry).collect()
    }
}

fn ended(ran: &Ran) -> bool {
    !matches!(ran, Ran::GaveUp { why: GaveUp::Steps | GaveUp::Patience | GaveUp::Held, .. })
}
