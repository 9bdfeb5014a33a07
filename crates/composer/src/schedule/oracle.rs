//! The rules of the seven kinds once more, as plain predicates over what happened, written without a look
//! at the state machine. Each rule says in one sentence what no timeline may show.

use crate::kind::Kind;
use crate::record::{Ending, Killer};
use crate::schedule::{Launch, MAX_ANYTIME};
use std::collections::{BTreeMap, BTreeSet};

/// Something that truly happened, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    /// Faults may begin.
    FaultsOn,
    /// Nothing may be started for the drive any more.
    DriveOver,
    /// All faults are undone.
    Healed,
    Cancelled,
    Started(Launch),
    Kill(u32, Killer),
    Ended(u32, Ending),
    /// The schedule says that it is through.
    Done,
}

/// What the rules ask about the moment before a fact.
#[derive(Default)]
struct Moment {
    running: BTreeMap<u32, Launch>,
    started: Vec<Launch>,
    endings: Vec<Ending>,
    killed: BTreeSet<u32>,
    stillborn: BTreeSet<u32>,
    faults_on: bool,
    drive_over: bool,
    healed: bool,
    cancelled: bool,
}

impl Moment {
    fn runs(&self, wanted: impl Fn(Kind) -> bool) -> usize {
        self.running.values().filter(|l| wanted(l.kind)).count()
    }

    fn was_started(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        self.started.iter().any(|l| wanted(l.kind))
    }

    fn after(mut self, fact: &Fact) -> Moment {
        match fact {
            Fact::FaultsOn => self.faults_on = true,
            Fact::DriveOver => self.drive_over = true,
            Fact::Healed => self.healed = true,
            Fact::Cancelled => self.cancelled = true,
            Fact::Started(launch) => {
                self.started.push(launch.clone());
                self.running.insert(launch.n, launch.clone());
            }
            Fact::Ended(n, ending) => {
                self.running.remove(n);
                if matches!(ending, Ending::NotStarted { .. }) {
                    self.stillborn.insert(*n);
                }
                self.endings.push(ending.clone());
            }
            Fact::Kill(n, _) => {
                self.killed.insert(*n);
            }
            Fact::Done => {}
        }
        self
    }
}

type Broken = fn(&Moment, &Fact, u32) -> bool;

/// Name and predicate: whether this fact at this moment breaks the rule.
const RULES: [(&str, Broken); 16] = [
    ("first_ comes before everything, once", |m, f, _| {
        starts(f, |k| k == Kind::First) && (!m.started.is_empty() || m.faults_on)
    }),
    ("nothing runs beside first_", |m, f, _| starts(f, |_| true) && m.runs(|k| k == Kind::First) > 0),
    ("drivers and anytime commands start during the drive only", |m, f, _| {
        starts(f, |k| k.is_driver() || k == Kind::Anytime) && (!m.faults_on || m.drive_over)
    }),
    ("no driver runs beside a serial driver", |m, f, _| {
        starts(f, Kind::is_driver) && m.runs(|k| k == Kind::SerialDriver) > 0
            || starts(f, |k| k == Kind::SerialDriver) && m.runs(Kind::is_driver) > 0
    }),
    ("a singleton is the only driver of its timeline", |m, f, _| {
        starts(f, Kind::is_driver) && m.was_started(|k| k == Kind::SingletonDriver)
            || starts(f, |k| k == Kind::SingletonDriver) && m.was_started(Kind::is_driver)
    }),
    ("no more parallel drivers than configured", |m, f, max_parallel| {
        starts(f, |k| k == Kind::ParallelDriver)
            && m.runs(|k| k == Kind::ParallelDriver) >= max_parallel as usize
    }),
    ("anytime commands are bounded", |m, f, _| {
        starts(f, |k| k == Kind::Anytime) && m.runs(|k| k == Kind::Anytime) >= MAX_ANYTIME
    }),
    ("a terminal command runs alone", |m, f, _| {
        starts(f, Kind::is_terminal) && !m.running.is_empty()
            || starts(f, |_| true) && m.runs(Kind::is_terminal) > 0
    }),
    ("one terminal command, and nothing after it", |m, f, _| {
        starts(f, |_| true) && m.was_started(Kind::is_terminal)
    }),
    ("terminal commands start after faults are healed", |m, f, _| starts(f, Kind::is_terminal) && !m.healed),
    ("eventually_ needs a started driver", |m, f, _| {
        let alive = |l: &Launch| l.kind.is_driver() && !m.stillborn.contains(&l.n);
        starts(f, |k| k == Kind::Eventually) && !m.started.iter().any(alive)
    }),
    ("finally_ needs every command to have ended by itself", |m, f, _| {
        starts(f, |k| k == Kind::Finally) && !m.endings.iter().all(Ending::by_itself)
    }),
    ("nothing starts after a cancel", |m, f, _| starts(f, |_| true) && m.cancelled),
    (
        "only what runs is killed, and once",
        |m, f, _| matches!(f, Fact::Kill(n, _) if !m.running.contains_key(n) || m.killed.contains(n)),
    ),
    ("kills have their reason", |m, f, _| match f {
        Fact::Kill(_, Killer::Cancel) => !m.cancelled,
        Fact::Kill(_, Killer::Eventually | Killer::End) => !m.healed,
        Fact::Kill(_, Killer::Deadline | Killer::Fault) => true,
        _ => false,
    }),
    ("nothing runs when it is done", |m, f, _| *f == Fact::Done && !m.running.is_empty()),
];

fn starts(fact: &Fact, wanted: impl Fn(Kind) -> bool) -> bool {
    matches!(fact, Fact::Started(launch) if wanted(launch.kind))
}

/// The names of all rules.
pub(super) fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name)
}

/// The names of the rules that these facts break, in the order of [`rules`].
pub(super) fn broken(facts: &[Fact], max_parallel: u32) -> Vec<&'static str> {
    let mut found = [false; RULES.len()];
    facts.iter().fold(Moment::default(), |moment, fact| {
        for (found, (_, is_broken)) in found.iter_mut().zip(&RULES) {
            *found |= is_broken(&moment, fact, max_parallel);
        }
        moment.after(fact)
    });
    rules().zip(found).filter(|(_, found)| *found).map(|(name, _)| name).collect()
}
