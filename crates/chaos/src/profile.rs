//! Profiles and monkeys: which faults there are, how often and how long, as data. The shipped ones are in
//! `profiles.yaml`; a suite's own monkeys have the same form. Nothing is drawn here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::{Direction, Disruption, Exec, Kind, LinkFault};
use crate::shape::Shape;
use crate::target::Target;

const SHIPPED: &str = include_str!("profiles.yaml");

/// A set of monkeys with their bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name; for a shipped one, its key in `profiles.yaml`.
    #[serde(default)]
    pub name: String,
    /// One sentence, for lists.
    pub about: String,
    /// At most so many faults at the same time.
    #[serde(default = "one")]
    pub overlap: u32,
    /// Stretches without any fault, long enough for the system to recover in.
    pub quiet: Option<QuietWindows>,
    /// Whether members shall miss a leader sooner than usual, so that more faults fit into the time: see
    /// the chart's `environment_when_swift`.
    #[serde(default)]
    pub swift_members: bool,
    /// What disturbs.
    #[serde(default)]
    pub monkeys: Vec<Monkey>,
}

/// Stretches without any fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietWindows {
    /// From the end of one to the begin of the next.
    pub every_ms: Range,
    /// How long each is.
    pub lasts_ms: Range,
}

/// Something that applies one kind of fault at some rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monkey {
    /// What it is called; made from its fault when left out.
    pub name: Option<String>,
    /// What it does.
    pub fault: Deed,
    /// To whom. For links, who is set apart.
    #[serde(default)]
    pub on: Target,
    /// From the end of one of its faults to its next try.
    pub every_ms: Range,
    /// When its first try is, in each half minute of a plan; within the longest pause when left out.
    pub first_ms: Option<Range>,
    /// How long a fault of its lasts.
    #[serde(default)]
    pub lasts_ms: Range,
    /// How likely a try becomes a fault.
    #[serde(default = "certain")]
    pub probability: f64,
    /// Twice the weight is half the pause between tries.
    #[serde(default = "one")]
    pub weight: u32,
    /// While its fault lasts, there is no other.
    #[serde(default)]
    pub exclusive: bool,
    /// After its fault, the plan stands still until every member is ready.
    #[serde(default)]
    pub await_recovery: bool,
}

/// What a monkey does. Where it has a choice, one is drawn each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// See [`Kind::Kill`]; the fault lasts until the member is started again.
    Kill,
    /// See [`Kind::KillAtReply`].
    KillAtReply,
    /// See [`Kind::Stop`].
    Stop,
    /// See [`Kind::Pause`].
    Pause,
    /// See [`Kind::Throttle`].
    Throttle {
        /// How long it stands still each time.
        stopped_ms: u64,
        /// How long it runs each time.
        running_ms: u64,
    },
    /// See [`Kind::Wipe`].
    Wipe,
    /// See [`Kind::Links`].
    Links {
        /// Which links.
        shape: Vec<Shape>,
        /// In which direction.
        direction: Vec<Direction>,
        /// How.
        disruption: Vec<Disruption>,
        /// Whether links to clients are disturbed too.
        #[serde(default)]
        clients: bool,
    },
    /// See [`Kind::MoveLeader`].
    MoveLeader,
    /// See [`Kind::Defragment`].
    Defragment,
    /// See [`Kind::Compact`].
    Compact {
        /// How many revisions stay.
        keep: u64,
    },
    /// See [`Kind::Snapshot`].
    Snapshot,
    /// See [`Kind::Exec`].
    Exec(Exec),
}

/// From the first number to the second, both included. In YAML: `[200, 500]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Range {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
}

impl From<(u64, u64)> for Range {
    fn from((low, high): (u64, u64)) -> Self {
        Self { low, high }
    }
}

impl From<Range> for (u64, u64) {
    fn from(range: Range) -> Self {
        (range.low, range.high)
    }
}

fn one() -> u32 {
    1
}

fn certain() -> f64 {
    1.0
}

/// Why there is no such profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No profile has that name.
    #[error("no profile is called `{name}`{}; there are {}",
        hint.as_ref().map_or(String::new(), |hint| format!(" (did you mean `{hint}`?)")), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        hint: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The shipped file is broken.
    #[error("profiles.yaml cannot be read: {0}")]
    Broken(String),
}

impl Profile {
    /// A shipped profile: `none`, `resilient`, `high_availability` or `brutal`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn shipped(name: &str) -> Result<Self, ProfileError> {
        let mut all = shipped()?;
        if let Some(profile) = all.remove(name) {
            return Ok(Self { name: name.to_owned(), ..profile });
        }
        let hint = cluster::nearest::nearest(name, all.keys().map(String::as_str)).map(str::to_owned);
        Err(ProfileError::Unknown { name: name.to_owned(), hint, known: all.into_keys().collect() })
    }

    /// The names of all shipped profiles with what each says about itself.
    ///
    /// # Errors
    /// When the shipped file is broken.
    pub fn list() -> Result<Vec<(String, String)>, ProfileError> {
        Ok(shipped()?.into_iter().map(|(name, profile)| (name, profile.about)).collect())
    }
}

fn shipped() -> Result<BTreeMap<String, Profile>, ProfileError> {
    serde_saphyr::from_str(SHIPPED).map_err(|error| ProfileError::Broken(error.to_string()))
}

impl Monkey {
    /// What it is called.
    #[must_use]
    pub fn called(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.kinds().first().map_or("monkey", Kind::label).to_owned())
    }

    /// Everything that it may do.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        match &self.fault {
            Deed::Kill => vec![Kind::Kill],
            Deed::KillAtReply => vec![Kind::KillAtReply],
            Deed::Stop => vec![Kind::Stop],
            Deed::Pause => vec![Kind::Pause],
            &Deed::Throttle { stopped_ms, running_ms } => vec![Kind::Throttle { stopped_ms, running_ms }],
            Deed::Wipe => vec![Kind::Wipe],
            Deed::MoveLeader => vec![Kind::MoveLeader],
            Deed::Defragment => vec![Kind::Defragment],
            &Deed::Compact { keep } => vec![Kind::Compact { keep }],
            Deed::Snapshot => vec![Kind::Snapshot],
            Deed::Exec(exec) => vec![Kind::Exec(exec.clone())],
            Deed::Links { shape, direction, disruption, clients } => {
                let mut kinds = Vec::new();
                for &disruption in disruption {
                    for &shape in shape {
                        for &direction in direction {
                            let clients = *clients;
                            kinds.push(Kind::Links(LinkFault { shape, direction, disruption, clients }));
                        }
                    }
                }
                kinds
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_profiles_are_those_of_the_platform_and_one_more() {
        let names: Vec<_> = Profile::list().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["brutal", "high_availability", "none", "resilient"]);
        assert!(Profile::shipped("none").unwrap().monkeys.is_empty());
        let error = Profile::shipped("brutl").unwrap_err().to_string();
        assert!(error.contains("did you mean `brutal`?"), "{error}");
    }

    #[test]
    fn a_monkey_is_written_as_people_would() {
        let text = "
fault: {links: {shape: [alone, ring], direction: [in, out], disruption: [cut, {delay: {mean_ms: 9, jitter_ms: 1}}]}}
on: leader
every_ms: [1000, 2000]
lasts_ms: [100, 200]
probability: 0.5
";
        let monkey: Monkey = serde_saphyr::from_str(text).unwrap();
        assert_eq!(monkey.on, Target::Leader);
        assert_eq!((monkey.every_ms.low, monkey.lasts_ms.high), (1000, 200));
        assert_eq!(monkey.kinds().len(), 8, "every combination is one thing it may do");
        assert_eq!(monkey.called(), "one-way cut");

        let text = "{fault: {exec: {command: [./upgrade.sh, now], deadline_ms: 500}}, every_ms: [1, 2], on: {named: [etcd1]}}";
        let monkey: Monkey = serde_saphyr::from_str(text).unwrap();
        assert_eq!(monkey.on, Target::Named(vec!["etcd1".into()]));
        let Deed::Exec(exec) = &monkey.fault else { panic!() };
        assert_eq!((exec.command.len(), exec.deadline_ms, monkey.weight), (2, 500, 1));
        assert!(serde_saphyr::from_str::<Monkey>("{fault: kill, every_ms: [1, 2], sometimes: 3}").is_err());
    }
}
