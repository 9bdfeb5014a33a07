//! The depth-first engine: one way of explaining the operations, followed until it fails, then the next.
//!
//! A valid history often has a way that is found at once where the breadth-first engine would carry very many. It leaves out
//! by the rules that [`super::frontier`] proves, except the one about commuting operations; of the configurations
//! that it has been in, it remembers enough never to enter one again that is the same or dominated.

use super::antichain::{Antichain, Configuration};
use super::bits::Bits;
use super::foresight::Foresight;
use super::frontier::Ran;
use super::rules::{GaveUp, Meter, Rules};
use super::step::{Open, Stepper};
use super::timeline::{Event, NONE, Timeline};
use super::trace::Trace;
use crate::model::{EntryOf, Model};

/// A configuration on the way, and which of its continuations comes next.
struct Frame<K, U> {
    at: Configuration<K, U>,
    next: usize,
    /// Unknown operations taken since the last return.
    spent: u32,
    trace: u32,
}

/// One run over one history.
pub(super) struct Depth<'a, M: Model, K, U> {
    timeline: &'a Timeline,
    stepper: Stepper<'a, M>,
    rules: Rules,
    pub(super) trace: Trace,
    stack: Vec<Frame<K, U>>,
    been: Antichain<K, U>,
    /// The event that comes next; what follows is the state of the timeline before it.
    event: usize,
    open: Open<K>,
    called: usize,
    /// The furthest event met.
    furthest: usize,
}

impl<'a, M: Model, K: Bits, U: Bits> Depth<'a, M, K, U> {
    pub(super) fn new(
        model: &'a M,
        entries: &'a [EntryOf<M>],
        timeline: &'a Timeline,
        foresight: &'a Foresight,
        rules: Rules,
        trace: Trace,
    ) -> Self {
        let none = K::none(timeline.places);
        Self {
            timeline,
            stepper: Stepper::new(model, entries, timeline, foresight, rules),
            rules,
            trace,
            stack: Vec::new(),
            been: Antichain::new(rules.dominance),
            event: 0,
            open: Open { placed: vec![NONE; timeline.places], reads: none.clone(), writes: none },
            called: 0,
            furthest: 0,
        }
    }

    /// Searches, with at most `limit` unknown operations taken at one return. Gives the way's trace where it found one;
    /// says `Dead` only if the limit left nothing out.
    pub(super) fn run(&mut self, limit: u32, meter: &mut Meter<'_>) -> (Ran, u32) {
        self.seek(0);
        self.stack.clear();
        self.been.clear();
        let first = Configuration {
            known: K::none(self.timeline.places),
            used: U::none(self.timeline.unknown.len()),
            state: 0,
            event: 0,
        };
        if let Some(trace) = self.enter(first, 0, NONE) {
            return (Ran::Valid, trace);
        }
        let mut cut = false;
        while let Some(top) = self.stack.last_mut() {
            let child = top.next;
            top.next += 1;
            let event = top.at.event as usize;
            self.seek(event);
            if child > self.timeline.places + self.called {
                self.stack.pop();
                continue;
            }
            if let Err(why) = meter.step(self.been.nodes.len() + self.stepper.space.len()) {
                return (Ran::GaveUp { event: self.furthest, why }, NONE);
            }
            match self.child(child, limit, &mut cut) {
                Some(trace) => return (Ran::Valid, trace),
                None => continue,
            }
        }
        if cut {
            return (Ran::GaveUp { event: self.furthest, why: GaveUp::Patience }, NONE);
        }
        (Ran::Dead, NONE)
    }

    /// Tries one continuation of the top: first the operation that has to be taken, then the other open ones, then the
    /// unknown ones. Gives a trace if that was the end.
    fn child(&mut self, child: usize, limit: u32, cut: &mut bool) -> Option<u32> {
        let top = self.stack.last().expect("the caller saw it");
        let (at, spent, before) = (top.at.clone(), top.spent, top.trace);
        let Event::Return(forced) = self.timeline.events[self.event] else { return None };
        let forced_place = self.timeline.items[forced as usize].place as usize;
        let (number, spent) = if child <= self.timeline.places {
            let place = if child == 0 { forced_place } else { child - 1 };
            let again = child > 0 && place == forced_place;
            if again || at.known.has(place) || !self.open.writes.has(place) {
                return None;
            }
            (self.open.placed[place], spent)
        } else {
            let number = self.timeline.unknown[child - 1 - self.timeline.places];
            if !self.allowed(&at, number) {
                return None;
            }
            (number, spent + 1)
        };
        let items = &self.timeline.items;
        if self.rules.independence && items[number as usize].part != items[forced as usize].part {
            return None;
        }
        let mut next = self.take(&at, number)?;
        if spent > limit {
            *cut = true;
            return None;
        }
        let trace = if self.trace.on() { self.traced(&at, &next, number, before) } else { NONE };
        if next.known.has(forced_place) {
            return self.enter(next, 0, trace);
        }
        next.event = at.event;
        if self.been.insert(next.clone(), (NONE, NONE, 0, NONE)).is_some() {
            self.stack.push(Frame { at: next, next: 0, spent, trace });
        }
        None
    }

    /// Goes on from the next event to the first return of an operation that is not taken yet. Gives a trace if there is none.
    fn enter(&mut self, mut at: Configuration<K, U>, spent: u32, mut trace: u32) -> Option<u32> {
        while let Some(&event) = self.timeline.events.get(self.event) {
            match event {
                Event::Call(number) => {
                    self.forward(event);
                    let item = self.timeline.items[number as usize];
                    let at_once = item.read_only && self.rules.reads_at_once;
                    if at_once && self.stepper.space.step(at.state, item.entry).is_some() {
                        at.known.set(item.place as usize);
                        trace = self.trace.extend(trace, number);
                    }
                }
                Event::Return(number) => {
                    let place = self.timeline.items[number as usize].place as usize;
                    if !at.known.has(place) {
                        at.event = u32::try_from(self.event).expect("fewer than 2^32 events");
                        self.furthest = self.furthest.max(self.event);
                        if self.been.insert(at.clone(), (NONE, NONE, 0, NONE)).is_some() {
                            self.stack.push(Frame { at, next: 0, spent, trace });
                        }
                        return None;
                    }
                    at.known.unset(place);
                    self.forward(event);
                }
            }
            self.event += 1;
        }
        Some(trace)
    }

    /// The rules of symmetry and exchange.
    fn allowed(&mut self, at: &Configuration<K, U>, number: u32) -> bool {
        let item = self.timeline.items[number as usize];
        if at.used.has(item.place as usize) {
            return false;
        }
        if self.rules.symmetry && item.elder != NONE && !at.used.has(item.elder as usize) {
            return false;
        }
        let writes = self.open.writes.clone();
        let mut alike =
            writes.minus(&at.known).map(|place| self.timeline.items[self.open.placed[place] as usize]);
        !self.rules.exchange
            || !alike.any(|open| {
                open.effect == item.effect && self.stepper.space.step(at.state, open.entry).is_some()
            })
    }

    fn take(&mut self, from: &Configuration<K, U>, number: u32) -> Option<Configuration<K, U>> {
        self.stepper.take(from, number, &self.open, self.event)
    }

    fn traced(
        &mut self,
        from: &Configuration<K, U>,
        next: &Configuration<K, U>,
        number: u32,
        trace: u32,
    ) -> u32 {
        let mut trace = self.trace.extend(trace, number);
        for place in next.known.minus(&from.known) {
            if self.open.placed[place] != number {
                trace = self.trace.extend(trace, self.open.placed[place]);
            }
        }
        trace
    }

    /// Moves back to before the event.
    fn seek(&mut self, event: usize) {
        while self.event > event {
            self.event -= 1;
            match self.timeline.events[self.event] {
                Event::Call(number) => self.finish(number),
                Event::Return(number) => self.begin(number),
            }
        }
    }

    fn forward(&mut self, event: Event) {
        match event {
            Event::Call(number) => self.begin(number),
            Event::Return(number) => self.finish(number),
        }
    }

    fn begin(&mut self, number: u32) {
        let item = &self.timeline.items[number as usize];
        let place = item.place as usize;
        if !item.known {
            self.called += 1;
        } else {
            self.open.placed[place] = number;
            if item.read_only && self.rules.reads_at_once {
                self.open.reads.set(place);
            } else {
                self.open.writes.set(place);
            }
        }
    }

    fn finish(&mut self, number: u32) {
        let item = &self.timeline.items[number as usize];
        if item.known {
            let place = item.place as usize;
            self.open.placed[place] = NONE;
            self.open.reads.unset(place);
            self.open.writes.unset(place);
        } else {
            self.called -= 1;
        }
    }
}
