//! What one run came to, from its exit code, `verdict.json` and `events.jsonl`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::{Bug, Campaign, Expects};

/// The property that members who went apart break.
const CONVERGENCE: &str =
    "All members have the same revision and the same key-space hash once the cluster is quiet";
/// More than a reader of a table wants.
const SENTENCE_CHARS: usize = 400;

/// One line of `track-record.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) campaign: String,
    pub(super) seed: u64,
    pub(super) exit: i32,
    /// Whether it is what the campaign is about.
    pub(super) as_expected: bool,
    /// From the first driver to the end of the first command, or of the first look at the history, that saw a promise
    /// broken.
    pub(super) first_violation_s: Option<f64>,
    /// The verdict, or what was lost.
    pub(super) sentence: String,
    /// How many faults of each kind had an effect.
    pub(super) faults: BTreeMap<String, u64>,
    /// The note about them, with operations that were not answered meanwhile.
    pub(super) disturbed: String,
    /// The machine's load before: other work makes everything slower.
    pub(super) load: f64,
}

impl Outcome {
    pub(super) fn read(
        campaign: &Campaign,
        seed: u64,
        exit: i32,
        load: f64,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        // A run that failed as a tool has none.
        let verdict = fs::read_to_string(dir.join("verdict.json")).unwrap_or_default();
        let verdict: Value = serde_json::from_str(&verdict).unwrap_or_default();
        let events = fs::read_to_string(dir.join("events.jsonl")).context("the run has no events.jsonl")?;
        let mut outcome = Self::of(campaign, seed, exit, &verdict, first_violation(&events));
        outcome.load = load;
        Ok(outcome)
    }

    fn of(
        campaign: &Campaign,
        seed: u64,
        exit: i32,
        verdict: &Value,
        first_violation_s: Option<f64>,
    ) -> Self {
        let faults = faults(verdict);
        let disturbed =
            notes(verdict).find(|note| note.contains(" faults were applied, ")).unwrap_or_default();
        let (as_expected, sentence) = match campaign.expects {
            Expects::Found(bug) => {
                let found = named(bug, verdict);
                (exit == 1 && found.is_some(), found)
            }
            // Found by name and nothing else, says the exit code.
            Expects::Known(_) => (exit == 0 && verdict["verdict"] == "invalid", None),
            Expects::Clean => (exit == 0, None),
            Expects::Valid(kinds) => {
                let met = kinds.iter().all(|kind| faults.get(*kind).is_some_and(|count| *count > 0));
                (exit == 0 && met && unanswered(verdict) > 0, None)
            }
        };
        let sentence = sentence.unwrap_or_else(|| verdict["sentence"].as_str().unwrap_or("none").to_owned());
        Self {
            campaign: campaign.name.to_owned(),
            seed,
            exit,
            as_expected,
            first_violation_s,
            sentence: sentence.chars().take(SENTENCE_CHARS).collect(),
            faults,
            disturbed: disturbed.to_owned(),
            load: 0.0,
        }
    }
}

fn first_violation(events: &str) -> Option<f64> {
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut seen = events.filter(|event| event["event"] == "violated" || event["event"] == "disproved");
    Some(seen.next()?["after_ms"].as_f64()? / 1_000.0)
}

fn properties(verdict: &Value) -> impl Iterator<Item = &Value> {
    verdict["properties"].as_array().into_iter().flatten()
}

fn notes(verdict: &Value) -> impl Iterator<Item = &str> {
    verdict["notes"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn counterexamples(verdict: &Value) -> impl Iterator<Item = &Value> {
    properties(verdict)
        .filter(|property| property["status"] == "failing")
        .flat_map(|property| property["counterexamples"].as_array().into_iter().flatten())
        .map(|example| &example["details"])
}

fn faults(verdict: &Value) -> BTreeMap<String, u64> {
    let kinds = properties(verdict).filter(|property| property["group"] == "faults");
    let of = |property: &Value| {
        let label = property["name"].as_str()?.strip_prefix("Faults have an effect: ")?;
        Some((label.to_owned(), property["passed"].as_u64()?))
    };
    kinds.filter_map(of).collect()
}

/// Operations that failed or stayed unknown during faults, as far as examples tell: those that disturbed most are kept.
fn unanswered(verdict: &Value) -> u64 {
    let kinds = properties(verdict).filter(|property| property["group"] == "faults");
    let examples = kinds.flat_map(|property| property["examples"].as_array().into_iter().flatten());
    let counts = examples.map(|example| &example["details"]["operations"]);
    counts
        .map(|counts| counts["failed"].as_u64().unwrap_or(0) + counts["unknown"].as_u64().unwrap_or(0))
        .sum()
}

/// The bug in words, where the verdict names it.
fn named(bug: Bug, verdict: &Value) -> Option<String> {
    match bug {
        Bug::LostWrite => {
            let mut mismatches = counterexamples(verdict).map(|details| &details["mismatch"]);
            let lost = mismatches.find(|mismatch| mismatch["kind"] == "lost")?;
            let (key, expected) = (lost["key"].as_str()?, &lost["expected"]);
            let (value, revision) = (expected["value"].as_str()?, &expected["revision"]);
            Some(format!("the put of {key} = {value} was acknowledged with revision {revision}, and is gone"))
        }
        Bug::Diverged => {
            let convergence = properties(verdict).find(|property| property["name"] == CONVERGENCE)?;
            let divergence = &convergence["counterexamples"][0]["details"]["divergence"];
            let of = |member: &Value| {
                let (name, revision) = (member["member"].as_str()?, &member["revision"]);
                let hash =
                    member["hash"].as_u64().map_or_else(String::new, |hash| format!(" hash {hash:08x}"));
                Some(format!("{name} revision {revision}{hash}"))
            };
            let members: Vec<String> = divergence["members"].as_array()?.iter().filter_map(of).collect();
            Some(format!("once quiet: {}", members.join(", ")))
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.as_expected { "as expected" } else { "NOT AS EXPECTED" };
        write!(f, "seed {}: exit {}, {word}", self.seed, self.exit)?;
        if let Some(seconds) = self.first_violation_s {
            write!(f, ", first violation after {seconds:.1} s")?;
        }
        write!(f, ": {}", self.sentence)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::campaign::plan::CAMPAIGNS;

    fn outcome(name: &str, exit: i32, properties: &Value) -> Outcome {
        let campaign = CAMPAIGNS.iter().find(|campaign| campaign.name == name).unwrap();
        let notes = ["another", "9 faults were applied, 9 of them with an effect seen: 9 kill"];
        let verdict = json!({"sentence": "s", "properties": properties, "notes": notes});
        Outcome::of(campaign, 7, exit, &verdict, Some(1.5))
    }

    #[test]
    fn a_bug_counts_as_found_only_when_it_is_named() {
        let mismatch = |kind: &str| {
            let expected = json!({"value": "v", "revision": 9});
            let details = json!({"mismatch": {"kind": kind, "key": "k", "expected": expected}});
            json!([{"name": "n", "group": "always", "status": "failing", "counterexamples": [{"details": details}]}])
        };
        let found = outcome("lost-write", 1, &mismatch("lost"));
        assert!(found.as_expected);
        assert_eq!(found.sentence, "the put of k = v was acknowledged with revision 9, and is gone");
        assert!(!outcome("lost-write", 1, &mismatch("older")).as_expected);
        assert!(!outcome("lost-write", 2, &mismatch("lost")).as_expected);
        assert!(!outcome("diverged", 1, &mismatch("lost")).as_expected);

        let member = |revision: u64| json!({"member": "m", "revision": revision, "hash": 1});
        let details = json!({"divergence": {"members": [member(5), member(6)]}});
        let apart =
            json!([{"name": CONVERGENCE, "status": "failing", "counterexamples": [{"details": details}]}]);
        let found = outcome("diverged", 1, &apart);
        assert!(found.as_expected);
        assert_eq!(found.sentence, "once quiet: m revision 5 hash 00000001, m revision 6 hash 00000001");
    }

    #[test]
    fn a_known_defect_is_found_where_dt_says_so_and_the_verdict_is_invalid() {
        let campaign = CAMPAIGNS.iter().find(|campaign| campaign.name == "18667").unwrap();
        let of = |exit, verdict: &str| {
            Outcome::of(campaign, 1, exit, &json!({"verdict": verdict, "sentence": "s"}), None).as_expected
        };
        assert!(of(0, "invalid"));
        assert!(!of(1, "invalid") && !of(0, "valid") && !of(3, "none"));
    }

    #[test]
    fn a_valid_run_must_have_been_disturbed() {
        let kind = |label: &str, passed: u64, failed: u64| {
            let details = json!({"operations": {"ok": 1, "failed": failed, "unknown": 0}});
            json!({"name": format!("Faults have an effect: {label}"), "group": "faults", "status": "passing",
                "passed": passed, "examples": [{"details": details}]})
        };
        let fine = outcome("brutal-1", 0, &json!([kind("kill", 5, 2), kind("pause", 1, 0)]));
        assert!(fine.as_expected);
        assert_eq!((fine.faults["kill"], fine.disturbed.starts_with("9 faults")), (5, true));
        assert!(!outcome("brutal-1", 0, &json!([kind("kill", 5, 0), kind("pause", 1, 0)])).as_expected);
        assert!(!outcome("brutal-1", 0, &json!([kind("kill", 5, 2)])).as_expected);
        assert!(!outcome("brutal-1", 1, &json!([kind("kill", 5, 2), kind("pause", 1, 0)])).as_expected);
        for seen in ["violated", "disproved"] {
            let events =
                format!("{{\"event\":\"ended\"}}\ntorn\n{{\"event\":\"{seen}\",\"after_ms\":2500}}\n");
            assert_eq!(first_violation(&events), Some(2.5));
        }
    }
}
