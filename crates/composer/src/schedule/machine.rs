//! The state machine itself: which event does what in which phase, and what may start beside what.

use super::pace::Pace;
use super::{Action, Conclusion, Event, Launch, MAX_ANYTIME, NoTerminal, Phase};
use crate::kind::Kind;
use crate::plan::{Pick, Plan, Shape};
use crate::record::{Ending, Killer};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

#[derive(Debug)]
struct Running {
    kind: Kind,
    killed: bool,
}

/// One timeline. Feed it events in the order in which they happen; do all it says before the next one.
#[derive(Debug)]
pub struct Schedule {
    plan: Plan,
    phase: Phase,
    started: u32,
    running: BTreeMap<u32, Running>,
    drivers_started: u32,
    all_by_themselves: bool,
    pace: Pace,
    /// The time of the last event. What was due by then has been looked at.
    last: Duration,
    /// When the drive began; before that, irrelevant.
    drive_from: Duration,
    drain_until: Duration,
    /// Terminal commands that are still possible, best first.
    wanted: VecDeque<Pick>,
    refused: NoTerminal,
    conclusion: Option<Conclusion>,
    actions: Vec<Action>,
}

impl Schedule {
    /// The timeline of this plan, before its beginning.
    pub fn new(plan: Plan) -> Schedule {
        Schedule {
            wanted: plan.terminal.iter().cloned().collect(),
            plan,
            phase: Phase::New,
            started: 0,
            running: BTreeMap::new(),
            drivers_started: 0,
            all_by_themselves: true,
            pace: Pace::default(),
            last: Duration::ZERO,
            drive_from: Duration::ZERO,
            drain_until: Duration::ZERO,
            refused: NoTerminal::NotPlanned,
            conclusion: None,
            actions: Vec::new(),
        }
    }

    /// Where the timeline is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it ended; `None` before [`Phase::Done`].
    pub fn conclusion(&self) -> Option<&Conclusion> {
        self.conclusion.as_ref()
    }

    /// Takes one event at a time `now`, counted from any fixed moment, and says what is to be done. Events
    /// that do not fit the phase, and ends of commands that do not run, change nothing.
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.last = now;
        match (event, self.phase) {
            (Event::Begin, Phase::New) => {
                self.enter(Phase::First);
                if let Some(first) = self.plan.first.clone() {
                    self.start(first);
                }
            }
            (Event::Drive, Phase::Ready) => {
                self.enter(Phase::Drive);
                self.drive_from = now;
                match &self.plan.shape {
                    Shape::Singleton(pick) if self.plan.duration_ms > 0 => self.start(pick.clone()),
                    Shape::Singleton(_) | Shape::Mixture | Shape::AnytimeOnly => {}
                }
            }
            (Event::EndDrive, Phase::Drive) => self.enter(Phase::Driven),
            (Event::Healed, Phase::Driven) => {
                self.enter(Phase::Drain);
                self.drain_until = now.saturating_add(Duration::from_millis(self.plan.drain_ms));
            }
            (Event::Cancel, phase) if phase != Phase::Done => {
                self.enter(Phase::Stopping);
                self.kill_all(Killer::Cancel);
            }
            (Event::Ended { n, ending }, _) => self.ended(n, &ending),
            _ => {}
        }
        self.proceed(now);
        std::mem::take(&mut self.actions)
    }

    /// When to send [`Event::Tick`] if nothing else happens before; `None` if time alone changes nothing.
    /// It may have passed already when the caller asks.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Drive => {
                let end = Duration::from_millis(self.plan.duration_ms);
                let next = self.pace.wake(&self.plan, self.last.saturating_sub(self.drive_from));
                Some(self.drive_from.saturating_add(next.min(end)))
            }
            Phase::Drain if !self.running.values().all(|r| r.killed) => Some(self.drain_until),
            _ => None,
        }
    }

    fn proceed(&mut self, now: Duration) {
        match self.phase {
            Phase::First if self.running.is_empty() => self.enter(Phase::Ready),
            Phase::Drive => self.drive(now.saturating_sub(self.drive_from)),
            Phase::Drain => self.drain(now),
            Phase::Terminal if self.running.is_empty() => self.enter(Phase::Done),
            Phase::Stopping if self.running.is_empty() => self.conclude(Conclusion::Cancelled),
            _ => {}
        }
    }

    fn ended(&mut self, n: u32, ending: &Ending) {
        let Some(Running { kind, .. }) = self.running.remove(&n) else { return };
        let came_to_life = !matches!(ending, Ending::NotStarted { .. });
        if kind.is_driver() && !came_to_life {
            self.drivers_started -= 1;
        }
        self.all_by_themselves &= ending.by_itself();
        if self.phase == Phase::First && !(came_to_life && ending.by_itself()) {
            self.conclude(Conclusion::FirstIncomplete);
        }
    }

    fn drive(&mut self, elapsed: Duration) {
        let singleton_ended = matches!(self.plan.shape, Shape::Singleton(_)) && self.drivers() == 0;
        if singleton_ended || elapsed >= Duration::from_millis(self.plan.duration_ms) {
            self.enter(Phase::Driven);
            return;
        }
        self.pace.advance(&self.plan, elapsed);
        while let Some(pick) = self.pace.take_arrival(elapsed) {
            if self.running_of(|kind| kind == Kind::Anytime) < MAX_ANYTIME {
                self.start(pick);
            }
        }
        while self.pace.due_driver(elapsed).is_some_and(|pick| self.may_drive(pick.kind)) {
            if let Some(pick) = self.pace.take_driver(elapsed) {
                self.start(pick);
            }
        }
    }

    /// Whether a driver of this kind may start beside what runs.
    fn may_drive(&self, kind: Kind) -> bool {
        let serial = self.running_of(|kind| kind == Kind::SerialDriver);
        match kind {
            Kind::ParallelDriver => serial == 0 && self.drivers() < self.pace.parallel(),
            Kind::SerialDriver => self.drivers() == 0,
            // Plans never put anything else among the steps; a plan edited by hand might.
            _ => false,
        }
    }

    fn drain(&mut self, now: Duration) {
        while let Some(wanted) = self.wanted.front() {
            match wanted.kind {
                Kind::Eventually if self.drivers_started > 0 => {
                    self.kill_all(Killer::Eventually);
                    if self.running.is_empty() {
                        self.end_with_wanted();
                    }
                    return;
                }
                Kind::Eventually => self.refused = NoTerminal::NoDriverStarted,
                Kind::Finally if self.all_by_themselves => {
                    if self.running.is_empty() {
                        self.end_with_wanted();
                        return;
                    } else if now < self.drain_until {
                        return;
                    }
                    self.refused = NoTerminal::NotAllEnded;
                }
                _ => self.refused = NoTerminal::NotAllEnded,
            }
            self.wanted.pop_front();
        }
        if self.running.is_empty() {
            self.conclude(Conclusion::NoTerminal(self.refused));
        } else if now >= self.drain_until {
            self.kill_all(Killer::End);
        }
    }

    fn end_with_wanted(&mut self) {
        let Some(pick) = self.wanted.pop_front() else { return };
        self.enter(Phase::Terminal);
        self.start(pick);
        if let Some(Action::Start(launch)) = self.actions.last() {
            self.conclusion = Some(Conclusion::Terminal(launch.clone()));
        }
    }

    fn conclude(&mut self, conclusion: Conclusion) {
        self.conclusion = Some(conclusion);
        self.enter(Phase::Done);
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.actions.push(Action::Enter(phase));
        }
    }

    fn start(&mut self, pick: Pick) {
        self.started += 1;
        self.drivers_started += u32::from(pick.kind.is_driver());
        let Pick { command, kind, seed } = pick;
        self.running.insert(self.started, Running { kind, killed: false });
        self.actions.push(Action::Start(Launch { n: self.started, command, kind, seed }));
    }

    fn kill_all(&mut self, by: Killer) {
        for (n, running) in self.running.iter_mut().filter(|(_, r)| !r.killed) {
            running.killed = true;
            self.actions.push(Action::Kill { n: *n, by });
        }
    }

    fn drivers(&self) -> usize {
        self.running_of(Kind::is_driver)
    }

    fn running_of(&self, wanted: impl Fn(Kind) -> bool) -> usize {
        self.running.values().filter(|r| wanted(r.kind)).count()
    }
}
