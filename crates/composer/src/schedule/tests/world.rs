//! A world without processes: it carries out what the schedule says, and keeps the facts. It can lie to the
//! schedule, which is as good as a schedule that ignores a rule.

use super::super::oracle::Fact;
use super::*;

/// What a generated timeline is made of.
#[derive(Debug, Clone)]
pub(super) enum Move {
    /// Milliseconds pass, with a tick whenever the schedule asked for one.
    Pass(u64),
    /// One of the running commands ends.
    End(prop::sample::Index, Ending),
    /// The caller, or a mistake of the caller.
    Request(Event),
}

/// How the world deceives the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lie {
    None,
    /// Says at once that each started command of a kind that `first_`, serial and the like must wait for
    /// has ended.
    EndsTooSoon(Kind),
    /// Every end looks like a success.
    EndsWell,
    /// Says that faults are healed while they are not.
    HealedTooSoon,
    /// Obeys a kill by not killing, and says that it did.
    KillsNothing,
}

pub(super) struct World {
    pub(super) schedule: Schedule,
    pub(super) now: Duration,
    pub(super) facts: Vec<Fact>,
    pub(super) alive: Vec<Launch>,
    lie: Lie,
}

impl World {
    pub(super) fn new(plan: Plan, lie: Lie) -> World {
        let schedule = Schedule::new(plan);
        World { schedule, now: Duration::ZERO, facts: Vec::new(), alive: Vec::new(), lie }
    }

    /// Sends an event and carries out what it causes, until nothing more follows.
    pub(super) fn send(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let counts = |phase| self.schedule.phase() == phase;
            match &event {
                Event::Drive if counts(Phase::Ready) => self.facts.push(Fact::FaultsOn),
                Event::Healed if counts(Phase::Driven) && self.lie != Lie::HealedTooSoon => {
                    self.facts.push(Fact::Healed);
                }
                Event::Cancel if !counts(Phase::Done) => self.facts.push(Fact::Cancelled),
                _ => {}
            }
            for action in self.schedule.on(self.now, event) {
                events.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Start(launch) => {
                let Launch { n, kind, .. } = launch;
                self.facts.push(Fact::Started(launch.clone()));
                self.alive.push(launch);
                let ended = || Event::Ended { n, ending: Ending::Exited { code: 0 } };
                (self.lie == Lie::EndsTooSoon(kind)).then(ended)
            }
            Action::Kill { n, by } => {
                self.facts.push(Fact::Kill(n, by));
                let ended = || Event::Ended { n, ending: Ending::Killed { by } };
                (self.lie == Lie::KillsNothing).then(ended)
            }
            Action::Enter(Phase::Driven) => {
                self.facts.push(Fact::DriveOver);
                None
            }
            Action::Enter(Phase::Done) => {
                self.facts.push(Fact::Done);
                None
            }
            Action::Enter(_) => None,
        }
    }

    /// The command at this place among the living ends; one that was killed ends as killed.
    pub(super) fn end(&mut self, place: usize, ending: &Ending) {
        let n = self.alive.remove(place).n;
        let killed = self.facts.iter().find_map(|fact| match fact {
            Fact::Kill(killed, by) if *killed == n => Some(Ending::Killed { by: *by }),
            _ => None,
        });
        let ending = killed.unwrap_or_else(|| ending.clone());
        self.facts.push(Fact::Ended(n, ending.clone()));
        let told = if self.lie == Lie::EndsWell { Ending::Exited { code: 0 } } else { ending };
        self.send(Event::Ended { n, ending: told });
    }

    /// All that run now end, in the order of their starts; what this starts lives on.
    pub(super) fn end_all(&mut self, ending: &Ending) {
        for n in self.alive.iter().map(|l| l.n).collect::<Vec<_>>() {
            if let Some(place) = self.alive.iter().position(|l| l.n == n) {
                self.end(place, ending);
            }
        }
    }

    /// Time passes, with ticks where the schedule wants them.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(wake) = self.schedule.wake_at().filter(|wake| *wake <= until) {
            assert!(wake > self.now, "a wake in the past would never end");
            self.now = wake;
            self.send(Event::Tick);
        }
        self.now = until;
    }

    /// A drive in which no command ever ends, ticked when `next` says so.
    pub(super) fn driven(plan: Plan, next: impl Fn(&World) -> Option<Duration>) -> World {
        let mut world = World::new(plan, Lie::None);
        world.send(Event::Begin);
        world.end_all(&Ending::Exited { code: 0 });
        world.send(Event::Drive);
        while world.schedule.phase() == Phase::Drive {
            world.now = next(&world).unwrap();
            world.send(Event::Tick);
        }
        world
    }

    fn make(&mut self, step: &Move) {
        match step {
            Move::Pass(ms) => self.pass(Duration::from_millis(*ms)),
            Move::End(_, _) if self.alive.is_empty() => {}
            Move::End(which, ending) => self.end(which.index(self.alive.len()), ending),
            // An end that nobody caused is a mistake of the caller only if no such command lives.
            Move::Request(Event::Ended { n, .. }) if self.alive.iter().any(|l| l.n == *n) => {}
            Move::Request(event) => self.send(event.clone()),
        }
    }
}

/// A timeline: the moves in between, and around them what a sensible caller does, up to the end.
pub(super) fn run(plan: Plan, moves: &[Move], lie: Lie) -> World {
    let mut world = World::new(plan, lie);
    let well = Ending::Exited { code: 0 };
    let (early, late) = moves.split_at(moves.len() / 8);
    world.send(Event::Begin);
    early.iter().for_each(|step| world.make(step));
    if world.schedule.phase() == Phase::First {
        world.end_all(&well);
    }
    world.send(Event::Drive);
    late.iter().for_each(|step| world.make(step));
    world.send(Event::EndDrive);
    world.send(Event::Healed);
    // Killed ones or those waited for, the terminal command, and one round to spare.
    for _ in 0..3 {
        world.end_all(&well);
    }
    world
}
