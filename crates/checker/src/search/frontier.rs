//! The breadth-first engine: all ways in which the operations so far can be explained, carried from return to return.
//!
//! # What is left out, and why that is safe
//!
//! Call a configuration *good* if some order of the remaining operations completes it: every operation with a reply is
//! taken between its call and its return, from a state in which the model gives that reply. The history is linearizable
//! exactly if the configuration before the first event is good. The engine keeps a set of configurations; each rule below
//! leaves out a configuration B only if some configuration A, which it keeps or leaves out by a rule in turn, is good
//! whenever B is. In each rule A has taken fewer operations than B, or as many but fewer unknown ones, and there are
//! finitely many: so the chain of "in turn" ends at a configuration that is kept. Hence the set holds a good one as long
//! as there is one, and the verdict is exact.
//!
//! - **Lazy.** Operations are taken only at a return whose operation x is not taken yet, and none after x. Take an order that
//!   completes a configuration; what it takes after x, and what it takes before x's return without x being missing, is
//!   open after that return as well (it has not returned, or x's return would not be next), so it can be taken then.
//! - **Reads at once.** Let x leave the state as it is wherever its reply is right, and be right now. If an order takes x later,
//!   take it now instead: neither here nor there does it change a state, so everything else stays legal. This turns a
//!   configuration into one with fewer obligations; both stand for each other.
//! - **Dominance** is proved at [`super::antichain::Antichain`].
//! - **Useful.** B takes an unknown operation that leaves the state as it is. A is the same without it, by dominance.
//! - **Symmetry.** Let u and v be unknown, of one effect, both called, u before v. In an order that takes v and not u, u can
//!   stand for v; in one that takes both, they can change places: the states are the same, and neither has a reply or a
//!   return. So of one effect only the oldest unused one is tried. (B uses v, A uses u; to make "fewer" hold, count an
//!   unknown operation by its age.)
//! - **Exchange.** Let u be unknown and p an open operation with a reply, not taken, of one effect with u, and p's reply right
//!   now. B takes u, A takes p. An order that completes B takes p later, at a state where p does what u would do: let u
//!   stand there. p is taken before its return, and u has none.
//! - **Foresight** is proved at [`super::foresight`]: what it leaves out is not good, so no A is needed. There too: which states are made one.
//! - **Independence.** Operations on different parts commute in every state (the promise of [`Model::partition`]). Take an order that
//!   completes a configuration and takes, before x, operations on other parts than x's. Move these, in their order, to
//!   right after x: each of the operations they pass works on another part, so no reply and no final state changes, and they are
//!   open until after the return of x. So before x only operations on its part are taken.
//! - **Commute.** At the return of x, let B come from C by y and then x, where x's reply is right in C as well, and from C taking
//!   x and then y leads to B's state with all reads of B taken. A is C with x. If B is good, A is: take y first, which is
//!   still open after the return of x, as it is another operation and has not returned.

use super::antichain::{Antichain, Configuration};
use super::bits::Bits;
use super::foresight::Foresight;
use super::rules::{GaveUp, Meter, Rules};
use super::step::{Open, Stepper};
use super::timeline::{Event, NONE, Timeline};
use super::trace::Trace;
use crate::model::{EntryOf, Model};

/// What a whole run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// There is a way to explain everything.
    Valid,
    /// There is none.
    Dead,
    /// Not decided; it came to this event.
    GaveUp { event: usize, why: GaveUp },
}

/// What going through one event came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Advanced {
    /// The limit on unknown operations left something out.
    pub(super) cut: bool,
    /// No configuration is left.
    pub(super) dead: bool,
}

/// See [`Frontier::snapshot`].
#[derive(Debug)]
pub(super) struct Snapshot<K, U> {
    pub(super) event: usize,
    pub(super) front: Vec<(Configuration<K, U>, u32)>,
    open: Open<K>,
    called: usize,
}

/// One run over one history.
pub(super) struct Frontier<'a, M: Model, K, U> {
    timeline: &'a Timeline,
    stepper: Stepper<'a, M>,
    rules: Rules,
    pub(super) trace: Trace,
    /// The event that comes next.
    pub(super) event: usize,
    /// Before the next event.
    pub(super) front: Antichain<K, U>,
    /// Met at this return, before the returning operation was taken; and after.
    seen: Antichain<K, U>,
    after: Antichain<K, U>,
    stack: Vec<u32>,
    open: Open<K>,
    /// Unknown operations that were called.
    called: usize,
    /// Tests of the rule about commuting operations, and how many of them left something out.
    commuted: (u32, u32),
}

impl<'a, M: Model, K: Bits, U: Bits> Frontier<'a, M, K, U> {
    pub(super) fn new(
        model: &'a M,
        entries: &'a [EntryOf<M>],
        timeline: &'a Timeline,
        foresight: &'a Foresight,
        rules: Rules,
        trace: Trace,
    ) -> Self {
        let mut front = Antichain::new(rules.dominance);
        let none = K::none(timeline.places);
        let first =
            Configuration { known: none.clone(), used: U::none(timeline.unknown.len()), state: 0, event: 0 };
        front.insert(first, (NONE, NONE, 0, NONE));
        Self {
            timeline,
            stepper: Stepper::new(model, entries, timeline, foresight, rules),
            rules,
            trace,
            event: 0,
            front,
            seen: Antichain::new(rules.dominance),
            after: Antichain::new(rules.dominance),
            stack: Vec::new(),
            open: Open { placed: vec![NONE; timeline.places], reads: none.clone(), writes: none },
            called: 0,
            commuted: (0, 0),
        }
    }

    /// Goes through all events; exact.
    pub(super) fn run(&mut self, meter: &mut Meter<'_>) -> Ran {
        while self.event < self.timeline.events.len() {
            match self.advance(u32::MAX, meter) {
                Err(why) => return Ran::GaveUp { event: self.event, why },
                Ok(Advanced { dead: true, .. }) => return Ran::Dead,
                Ok(_) => {}
            }
        }
        Ran::Valid
    }

    /// Goes through the next event, taking at most `limit` unknown operations if it is a return. If nothing is left, the front
    /// stays as it was before the event, and so does the event.
    pub(super) fn advance(&mut self, limit: u32, meter: &mut Meter<'_>) -> Result<Advanced, GaveUp> {
        let mut advanced = Advanced { cut: false, dead: false };
        match self.timeline.events[self.event] {
            Event::Call(number) => self.call(number),
            Event::Return(number) => {
                advanced.cut = self.force(number, limit, meter)?;
                if self.front.nodes.is_empty() {
                    // What was there before the return tells how far an explanation went.
                    std::mem::swap(&mut self.front, &mut self.after);
                    advanced.dead = true;
                    return Ok(advanced);
                }
                self.retire(number);
            }
        }
        self.event += 1;
        Ok(advanced)
    }

    /// Leaves out all but the `width` configurations that used the fewest unknown operations; for a trial. Says whether there
    /// were more.
    pub(super) fn thin(&mut self, width: usize) -> bool {
        let mut alive: Vec<(u32, usize)> = Vec::new();
        for (index, node) in self.front.nodes.iter().enumerate().filter(|(_, node)| node.alive) {
            alive.push((node.at.used.words().iter().map(|word| word.count_ones()).sum(), index));
        }
        if alive.len() <= width {
            return false;
        }
        alive.sort_unstable();
        for &(_, index) in &alive[width..] {
            self.front.nodes[index].alive = false;
        }
        true
    }

    /// All that is needed to come back to before the next event.
    pub(super) fn snapshot(&self) -> Snapshot<K, U> {
        let front = self.front.alive().map(|node| (node.at.clone(), node.trace)).collect();
        Snapshot { event: self.event, front, open: self.open.clone(), called: self.called }
    }

    /// Comes back.
    pub(super) fn restore(&mut self, snapshot: &Snapshot<K, U>) {
        self.event = snapshot.event;
        self.open = snapshot.open.clone();
        self.called = snapshot.called;
        self.front.clear();
        for (at, trace) in &snapshot.front {
            self.front.insert(at.clone(), (NONE, NONE, 0, *trace));
        }
    }

    fn call(&mut self, number: u32) {
        let item = &self.timeline.items[number as usize];
        if !item.known {
            self.called += 1;
            return;
        }
        let place = item.place as usize;
        self.open.placed[place] = number;
        if !(item.read_only && self.rules.reads_at_once) {
            self.open.writes.set(place);
            return;
        }
        self.open.reads.set(place);
        for node in self.front.nodes.iter_mut().filter(|node| node.alive) {
            if self.stepper.space.step(node.at.state, item.entry).is_some() {
                node.at.known.set(place);
                node.trace = self.trace.extend(node.trace, number);
            }
        }
    }

    /// Makes the front of after the return of `number`; what was the front is left in `after`. Says whether the limit on
    /// unknown operations left something out.
    fn force(&mut self, number: u32, limit: u32, meter: &mut Meter<'_>) -> Result<bool, GaveUp> {
        let place = self.timeline.items[number as usize].place as usize;
        if self.rules.lazy && self.front.alive().all(|node| node.at.known.has(place)) {
            // All have it: dropping its bit from all keeps them apart.
            for node in &mut self.front.nodes {
                node.at.known.unset(place);
            }
            meter.step(self.front.nodes.len())?;
            return Ok(false);
        }
        self.seen.clear();
        self.after.clear();
        self.stack.clear();
        for node in self.front.nodes.iter().filter(|node| node.alive) {
            let taken = node.at.known.has(place);
            if taken {
                let mut at = node.at.clone();
                at.known.unset(place);
                self.after.insert(at, (NONE, NONE, 0, node.trace));
            }
            if (!taken || !self.rules.lazy)
                && let Some(number) = self.seen.insert(node.at.clone(), (NONE, NONE, 0, node.trace))
            {
                self.stack.push(number);
            }
        }
        let mut cut = false;
        while let Some(top) = self.stack.pop() {
            if self.seen.nodes[top as usize].alive {
                meter.step(self.seen.nodes.len() + self.after.nodes.len() + self.stepper.space.len())?;
                cut |= self.expand(top, number, limit);
            }
        }
        std::mem::swap(&mut self.front, &mut self.after);
        Ok(cut)
    }

    /// Takes every operation that `top` can take next. Says whether the limit left one out.
    fn expand(&mut self, top: u32, forced: u32, limit: u32) -> bool {
        let node = &self.seen.nodes[top as usize];
        let (at, spent, trace) = (node.at.clone(), node.spent, node.trace);
        // Effects that an operation with a reply offers here (for the rule of exchange).
        let mut offered: Vec<u32> = Vec::new();
        let part = self.timeline.items[forced as usize].part;
        let writes = self.open.writes.clone();
        for place in writes.minus(&at.known) {
            let number = self.open.placed[place];
            if self.rules.independence && self.timeline.items[number as usize].part != part {
                continue;
            }
            if let Some(next) = self.take(&at, number) {
                if self.rules.exchange && self.called > 0 {
                    offered.push(self.timeline.items[number as usize].effect);
                }
                if number == forced && self.rules.commute && self.commutes(top, forced, &next) {
                    continue;
                }
                self.reach(next, forced, (top, number, spent, trace));
            }
        }
        let mut cut = false;
        for place in 0..self.called {
            if limit == 0 {
                return true;
            }
            if at.used.has(place) {
                continue;
            }
            let number = self.timeline.unknown[place];
            let item = self.timeline.items[number as usize];
            if self.rules.independence && item.part != part {
                continue;
            }
            let elder_waits = item.elder != NONE && !at.used.has(item.elder as usize);
            if (self.rules.symmetry && elder_waits) || offered.contains(&item.effect) {
                continue;
            }
            let Some(next) = self.take(&at, number) else { continue };
            // On trial, the last one must be of use at once: it makes a read right, or the returning operation.
            let last = spent + 1 == limit && next.known == at.known && !self.helps(&at, &next, forced);
            if spent >= limit || last {
                cut = true;
                continue;
            }
            self.reach(next, forced, (top, number, spent + 1, trace));
        }
        cut
    }

    /// Whether `forced` is right after this and was not before.
    fn helps(&mut self, before: &Configuration<K, U>, after: &Configuration<K, U>, forced: u32) -> bool {
        let entry = self.timeline.items[forced as usize].entry;
        let space = &mut self.stepper.space;
        space.step(before.state, entry).is_none() && space.step(after.state, entry).is_some()
    }

    /// Puts a new configuration where it belongs.
    fn reach(&mut self, next: Configuration<K, U>, forced: u32, how: (u32, u32, u32, u32)) {
        let (top, number, spent, trace) = how;
        let place = self.timeline.items[forced as usize].place as usize;
        let taken = next.known.has(place);
        let trace = if self.trace.on() { self.traced(top, &next, number, trace) } else { NONE };
        if taken {
            let mut at = next.clone();
            at.known.unset(place);
            self.after.insert(at, (NONE, NONE, 0, trace));
        }
        if (!taken || !self.rules.lazy)
            && let Some(number) = self.seen.insert(next, (top, number, spent, trace))
        {
            self.stack.push(number);
        }
    }

    /// The order of `top`, then `number`, then the reads that this made right.
    fn traced(&mut self, top: u32, next: &Configuration<K, U>, number: u32, trace: u32) -> u32 {
        let before = &self.seen.nodes[top as usize].at;
        let mut trace = self.trace.extend(trace, number);
        for place in next.known.minus(&before.known) {
            if self.open.placed[place] != number {
                trace = self.trace.extend(trace, self.open.placed[place]);
            }
        }
        trace
    }

    fn take(&mut self, from: &Configuration<K, U>, number: u32) -> Option<Configuration<K, U>> {
        self.stepper.take(from, number, &self.open, self.event)
    }

    /// Whether `next`, which is `top` with `forced`, can be left out because the operation before could as well come after.
    fn commutes(&mut self, top: u32, forced: u32, next: &Configuration<K, U>) -> bool {
        let node = &self.seen.nodes[top as usize];
        // Where it never holds, as between writes of a register, it is not worth asking for long.
        if node.parent == NONE || (self.commuted.0 > 512 && self.commuted.1 == 0) {
            return false;
        }
        self.commuted.0 += 1;
        let before = self.seen.nodes[node.parent as usize].at.clone();
        let by = node.by;
        let Some(first) = self.take(&before, forced) else { return false };
        let Some(then) = self.take(&first, by) else { return false };
        let same = then.state == next.state && then.used == next.used && next.known.is_subset(&then.known);
        self.commuted.1 += u32::from(same);
        same
    }

    fn retire(&mut self, number: u32) {
        let place = self.timeline.items[number as usize].place as usize;
        self.open.placed[place] = NONE;
        self.open.reads.unset(place);
        self.open.writes.unset(place);
    }
}
