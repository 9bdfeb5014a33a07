//! The verdict of a run: properties, the history's verdict and the state of the record, taken together.
//!
//! The rule is one and short: a broken property makes a run invalid; otherwise what was not decided makes it unknown;
//! otherwise a run that could not have failed is vacuous; only the rest is valid.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::{self, Known, Named};
use crate::{Group, Property, Status};

/// What a run comes to, in the order in which it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every property held, and they were put to the test.
    Valid,
    /// A property is broken.
    Invalid,
    /// Nothing is broken, and something is not decided.
    Unknown,
    /// Nothing is broken, and nothing could have been.
    Vacuous,
}

/// Something a reader of the verdict must know that is no property: damage of the record, an interruption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Note(pub String);

/// What a run is judged by.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was tested, such as `etcd 3.5.30 (3 members)`.
    pub subject: String,
    /// All properties.
    pub properties: Vec<Property>,
    /// Whether a property that was not exercised fails.
    pub strict: bool,
    /// How many operations the history has.
    pub operations: usize,
    /// What the checker says where the history is not valid.
    pub violation: Option<checker::Violation>,
    /// Why no verdict can be valid: the checker's reason, or that the run did not come to its end.
    pub undecided: Option<(Outcome, String)>,
    /// Known defects that the version has, and for which the run has had what they need.
    pub possible: Vec<Known>,
    /// What else a reader must know.
    pub notes: Vec<Note>,
}

impl Evidence {
    /// The evidence of several timelines as that of one test: what one of them did not exercise, another may have.
    #[must_use]
    pub fn together(timelines: Vec<Self>) -> Self {
        let count = timelines.len();
        let mut subjects: Vec<String> = Vec::new();
        let mut properties: BTreeMap<(Group, String), Property> = BTreeMap::new();
        let (mut undecided, mut vacuous) = (Vec::new(), Vec::new());
        let mut all = Self {
            subject: String::new(),
            properties: Vec::new(),
            strict: false,
            operations: 0,
            violation: None,
            undecided: None,
            possible: Vec::new(),
            notes: Vec::new(),
        };
        for timeline in timelines {
            if !subjects.contains(&timeline.subject) {
                subjects.push(timeline.subject);
            }
            for property in timeline.properties {
                match properties.entry((property.group, property.name.clone())) {
                    Entry::Vacant(place) => {
                        place.insert(property);
                    }
                    Entry::Occupied(mut known) => known.get_mut().join(property),
                }
            }
            all.strict |= timeline.strict;
            all.operations += timeline.operations;
            all.violation = all.violation.or(timeline.violation);
            match timeline.undecided {
                Some((Outcome::Vacuous, reason)) => vacuous.push((Outcome::Vacuous, reason)),
                other => undecided.extend(other),
            }
            let new = |known: &Known| all.possible.iter().all(|other| other.named.id != known.named.id);
            let new: Vec<Known> = timeline.possible.into_iter().filter(new).collect();
            all.possible.extend(new);
        }
        all.subject = format!("{} in {}", subjects.join(" and "), counted(count, "timeline", "timelines"));
        all.properties = properties.into_values().collect();
        // Where one was put to the test, that others were not is no reason to call it all vacuous.
        let vacuous = if vacuous.len() == count { vacuous } else { Vec::new() };
        all.undecided = undecided.into_iter().chain(vacuous).next();
        all
    }
}

/// The judged run: what `verdict.json` holds and the terminal shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "verdict.json")]
pub struct Summary {
    /// The verdict.
    pub verdict: Outcome,
    /// The verdict and its reason in one sentence.
    pub sentence: String,
    /// What was tested.
    pub subject: String,
    /// How many operations the history has.
    pub operations: usize,
    /// All properties, failing ones first.
    pub properties: Vec<Property>,
    /// Known defects that failing properties look like. A known violation is one all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Named>,
    /// What else a reader must know.
    pub notes: Vec<Note>,
}

/// Judges a run.
#[must_use]
pub fn judge(mut evidence: Evidence) -> Summary {
    if evidence.strict {
        for property in &mut evidence.properties {
            if property.status == Status::NotExercised {
                property.status = Status::Failing;
            }
        }
    }
    let known = known::name(&mut evidence.properties, &evidence.possible);
    evidence.properties.sort_by(|a, b| (a.status, a.group, &a.name).cmp(&(b.status, b.group, &b.name)));
    let (verdict, mut sentence) = decide(&evidence);
    sentence.push_str(&looks_like(&evidence.properties, &known));
    Summary {
        verdict,
        sentence,
        subject: evidence.subject,
        operations: evidence.operations,
        properties: evidence.properties,
        known,
        notes: evidence.notes,
    }
}

fn decide(evidence: &Evidence) -> (Outcome, String) {
    let subject = &evidence.subject;
    let failing: Vec<&Property> = with_status(&evidence.properties, Status::Failing);
    if !failing.is_empty() && failing.iter().all(|property| property.failed == 0) {
        let count = counted(failing.len(), "property was", "properties were");
        return (
            Outcome::Invalid,
            format!("{subject}: {count} not exercised, which a strict run forbids; nothing was broken"),
        );
    }
    if let Some(first) = failing.first() {
        let reason = match (&evidence.violation, first.group) {
            (Some(violation), _) => violation.sentence.clone(),
            (None, group) => format!("\"{}\" ({group}) failed", first.name),
        };
        let more = match failing.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more failing)"),
        };
        return (Outcome::Invalid, format!("{subject} broke a promise: {reason}{more}"));
    }
    let operations = evidence.operations;
    if let Some((outcome, reason)) = &evidence.undecided {
        let start = match outcome {
            Outcome::Vacuous => "nothing was put to the test",
            _ => "not decided",
        };
        return (*outcome, format!("{subject}, {operations} operations: {start}: {reason}"));
    }
    let undecided = with_status(&evidence.properties, Status::Unknown);
    if let Some(first) = undecided.first() {
        return (
            Outcome::Unknown,
            format!("{subject}, {operations} operations: not decided: \"{}\"", first.name),
        );
    }
    let held = with_status(&evidence.properties, Status::Passing).len();
    let idle = with_status(&evidence.properties, Status::NotExercised).len();
    let idle = if idle == 0 { String::new() } else { format!("; {idle} not exercised") };
    let held = counted(held, "property held", "properties held");
    // Commands that are not ours need not record what they do.
    let within = if operations == 0 { String::new() } else { format!(" in {operations} operations") };
    let sentence = format!("{subject} kept its promises{within}: {held}{idle}");
    (Outcome::Valid, sentence)
}

/// What is known of what failed, and how much of it is not.
fn looks_like(properties: &[Property], known: &[Named]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    let names = names.join(" or ");
    let failing = with_status(properties, Status::Failing);
    match failing.iter().filter(|property| property.known.is_empty()).count() {
        0 => format!("; this looks like {names}"),
        others => {
            let count = failing.len();
            format!(
                "; {others} of {count} failing properties look like nothing known, the others like {names}"
            )
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn with_status(properties: &[Property], status: Status) -> Vec<&Property> {
    let mut found: Vec<&Property> = properties.iter().filter(|property| property.status == status).collect();
    // What the store lost comes first, then what became of its members, which may be the cause of the rest.
    found.sort_by_key(|property| match property.group {
        Group::History => (0, Group::History),
        Group::System => (1, Group::System),
        other => (2, other),
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(statuses: &[Status]) -> Evidence {
        let properties = statuses.iter().enumerate().map(|(n, status)| {
            let mut property = Property::new(&format!("p{n}"), Group::Always, "x");
            property.status = *status;
            property.failed = u64::from(*status == Status::Failing);
            property
        });
        Evidence {
            subject: "etcd".to_owned(),
            properties: properties.collect(),
            strict: false,
            operations: 10,
            violation: None,
            undecided: None,
            possible: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_broken_property_decides_over_everything_else() {
        let mut broken = evidence(&[Status::Passing, Status::Unknown, Status::Failing]);
        broken.undecided = Some((Outcome::Vacuous, "no reads".to_owned()));
        let summary = judge(broken);
        assert_eq!(summary.verdict, Outcome::Invalid);
        assert_eq!(summary.sentence, "etcd broke a promise: \"p2\" (always) failed");
        assert_eq!(summary.properties[0].name, "p2", "failing ones come first");
    }

    #[test]
    fn a_known_defect_is_named_and_the_run_stays_invalid() {
        let table = Known::of("etcd").unwrap();
        let known = |id: &str| table.iter().find(|known| known.named.id == id).unwrap().clone();
        let mut broken = evidence(&[Status::Failing, Status::Passing]);
        broken.possible = vec![known("15220"), known("18667")];
        broken.properties[0].name.clone_from(&known("15220").shows[1]);
        let summary = judge(broken.clone());
        assert_eq!(summary.verdict, Outcome::Invalid);
        let end = "; this looks like 15220 (a progress notification runs ahead of events; mended in 3.4.25 and 3.5.8)";
        assert!(summary.sentence.contains(end), "{}", summary.sentence);
        broken.properties[1].status = Status::Failing;
        broken.properties[1].failed = 1;
        let sentence = judge(broken).sentence;
        assert!(
            sentence.contains("; 1 of 2 failing properties look like nothing known, the others like 15220 ("),
            "{sentence}"
        );
    }

    #[test]
    fn what_is_undecided_or_empty_is_never_valid() {
        let mut unknown = evidence(&[Status::Passing]);
        unknown.undecided = Some((Outcome::Unknown, "out of budget".to_owned()));
        assert_eq!(judge(unknown).verdict, Outcome::Unknown);
        let mut vacuous = evidence(&[Status::Passing]);
        vacuous.undecided = Some((Outcome::Vacuous, "no reads".to_owned()));
        assert_eq!(judge(vacuous).verdict, Outcome::Vacuous);
        assert_eq!(judge(evidence(&[Status::Unknown])).verdict, Outcome::Unknown);
    }

    #[test]
    fn timelines_are_judged_together_by_all_that_they_exercised() {
        use Status::{Failing, NotExercised, Passing};
        let judged = |timelines: Vec<Evidence>| judge(Evidence::together(timelines));
        let half = || vec![evidence(&[Passing, NotExercised]), evidence(&[NotExercised, Passing])];
        let summary = judged(half());
        let sentence = "etcd in 2 timelines kept its promises in 20 operations: 2 properties held";
        assert_eq!((summary.verdict, summary.sentence.as_str()), (Outcome::Valid, sentence));
        let mut strict = half();
        strict[0].strict = true;
        assert_eq!(judged(strict).verdict, Outcome::Valid, "nothing was left out by all of them");
        let broken = judged(vec![evidence(&[Passing]), evidence(&[Failing]), evidence(&[Passing])]);
        assert_eq!(broken.verdict, Outcome::Invalid);
        assert_eq!((broken.properties[0].status, broken.properties[0].failed), (Failing, 1));
        let undecided = |outcome, reason: &str| Evidence {
            undecided: Some((outcome, reason.to_owned())),
            ..evidence(&[Passing])
        };
        let mut timelines = half();
        timelines.push(undecided(Outcome::Vacuous, "no reads"));
        assert_eq!(judged(timelines.clone()).verdict, Outcome::Valid);
        timelines.push(undecided(Outcome::Unknown, "interrupted"));
        assert_eq!(judged(timelines).verdict, Outcome::Unknown);
        assert_eq!(judged(vec![undecided(Outcome::Vacuous, "no reads")]).verdict, Outcome::Vacuous);
    }

    #[test]
    fn what_was_not_exercised_fails_only_a_strict_run() {
        let summary = judge(evidence(&[Status::Passing, Status::NotExercised]));
        assert_eq!(summary.verdict, Outcome::Valid);
        assert_eq!(
            summary.sentence,
            "etcd kept its promises in 10 operations: 1 property held; 1 not exercised"
        );
        let mut strict = evidence(&[Status::Passing, Status::NotExercised]);
        strict.strict = true;
        let summary = judge(strict);
        assert_eq!(summary.verdict, Outcome::Invalid);
        assert_eq!(
            summary.sentence,
            "etcd: 1 property was not exercised, which a strict run forbids; nothing was broken"
        );
    }
}
