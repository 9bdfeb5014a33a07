//! The track record: what came of each seed, `docs/track-record.jsonl`, and the page that is made from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use report::known::Known;

use super::outcome::Outcome;
use super::plan::{CAMPAIGNS, Campaign, Expects};
use crate::step;

const RECORD: &str = "docs/track-record.jsonl";
const PAGE: &str = "docs/track-record.md";

const INTRODUCTION: &str = "\
# Track record

What `dt` found in released versions of etcd, and that it finds nothing where nothing is known. Every figure was measured by
`cargo xtask campaign`, which also writes this page from [track-record.jsonl](track-record.jsonl). To repeat a part of it:

```bash
cargo xtask campaign lost-write --seeds 1-3
```

A seed decides the plan: commands, faults and their times. What the machine makes of it differs, so another time it may take
longer or shorter to find something. Time counts from the first driver to the end of the first command, or of the first look
at the history so far, that saw a promise broken.
";

/// The latest outcome of each seed of each campaign.
type Record = BTreeMap<(String, u64), Outcome>;

/// Adds an outcome in place of an older one of the same seed, and makes the page anew.
pub(super) fn add(outcome: Outcome) -> anyhow::Result<()> {
    let mut record = parse(&fs::read_to_string(path(RECORD)).unwrap_or_default())?;
    record.insert((outcome.campaign.clone(), outcome.seed), outcome);
    let mut lines = String::new();
    for outcome in record.values() {
        lines.push_str(&serde_json::to_string(outcome)?);
        lines.push('\n');
    }
    fs::write(path(RECORD), lines).with_context(|| format!("cannot write {RECORD}"))?;
    fs::write(path(PAGE), page(&record)).with_context(|| format!("cannot write {PAGE}"))
}

/// What is wrong with the page, if anything is.
pub(crate) fn finding() -> Option<String> {
    let read = |name| fs::read_to_string(path(name)).unwrap_or_default();
    match parse(&read(RECORD)) {
        Err(error) => Some(format!("{RECORD}: {error:#}")),
        Ok(record) if !record.is_empty() && page(&record) != read(PAGE) => {
            Some(format!("{PAGE} is not what {RECORD} comes to: run a campaign, do not edit it"))
        }
        Ok(_) => None,
    }
}

fn path(name: &str) -> PathBuf {
    step::root().join(name)
}

fn parse(text: &str) -> anyhow::Result<Record> {
    let outcome = |(n, line)| {
        let outcome: Outcome =
            serde_json::from_str(line).with_context(|| format!("line {} is no outcome", n + 1))?;
        Ok(((outcome.campaign.clone(), outcome.seed), outcome))
    };
    text.lines().enumerate().map(outcome).collect()
}

fn page(record: &Record) -> String {
    // It is read by a test, so it can be read.
    let table = Known::of("etcd").unwrap_or_default();
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n## Bugs found\n\n| bug | versions | command | found | time to the first violation |\n|---|---|---|---|---|\n");
    for campaign in CAMPAIGNS {
        let Some((title, versions)) = bug(campaign, &table) else { continue };
        let outcomes = of(campaign, record);
        let (command, found) = (command(campaign), expected(&outcomes));
        let _ = writeln!(text, "| {title} | {versions} | {command} | {found} | {} |", times(&outcomes));
    }
    text.push_str("\n## No false alarms\n\n| command | valid |\n|---|---|\n");
    for campaign in CAMPAIGNS {
        if let Expects::Valid(_) | Expects::Clean = campaign.expects {
            let _ = writeln!(text, "| {} | {} |", command(campaign), expected(&of(campaign, record)));
        }
    }
    for campaign in CAMPAIGNS {
        section(&mut text, campaign, &of(campaign, record));
    }
    text
}

/// What is looked for, and which versions have it.
fn bug(campaign: &Campaign, table: &[Known]) -> Option<(String, String)> {
    match campaign.expects {
        Expects::Found(bug) => Some((bug.title().to_owned(), bug.versions().to_owned())),
        Expects::Known(id) => {
            let Known { named, affected, .. } = table.iter().find(|known| known.named.id == id)?;
            let versions: Vec<String> = affected.iter().map(ToString::to_string).collect();
            Some((format!("{} ([etcd {id}]({}))", named.title, named.link), versions.join(", ")))
        }
        Expects::Valid(_) | Expects::Clean => None,
    }
}

fn of<'r>(campaign: &Campaign, record: &'r Record) -> Vec<&'r Outcome> {
    record.values().filter(|outcome| outcome.campaign == campaign.name).collect()
}

fn command(campaign: &Campaign) -> String {
    let expect = match campaign.expects {
        Expects::Known(id) => format!(" --expect {id}"),
        _ => String::new(),
    };
    format!("`./dt run {}{expect}`", campaign.arguments)
}

fn expected(outcomes: &[&Outcome]) -> String {
    let count = outcomes.iter().filter(|outcome| outcome.as_expected).count();
    format!("{count} of {} seeds", outcomes.len())
}

/// Of the seeds that found something: median, least and most.
fn times(outcomes: &[&Outcome]) -> String {
    let mut all: Vec<f64> = outcomes
        .iter()
        .filter(|outcome| outcome.as_expected)
        .filter_map(|outcome| outcome.first_violation_s)
        .collect();
    all.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (all.first(), all.last()) else { return "not measured".to_owned() };
    let median = f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2]);
    format!("median {median:.0} s ({least:.0} to {most:.0} s)")
}

fn section(text: &mut String, campaign: &Campaign, outcomes: &[&Outcome]) {
    let _ = write!(text, "\n## {}\n\n{} {}\n\n", campaign.name, campaign.about, loads(outcomes));
    let found = matches!(campaign.expects, Expects::Found(_) | Expects::Known(_));
    text.push_str(if found {
        "| seed | exit | first violation | what it looks like | faults with an effect |\n|---|---|---|---|---|\n"
    } else {
        "| seed | exit | verdict | faults |\n|---|---|---|---|\n"
    });
    for outcome in outcomes {
        let Outcome { seed, exit, .. } = outcome;
        let sentence = cell(&outcome.sentence);
        if found {
            let first = outcome
                .first_violation_s
                .map_or_else(|| "none".to_owned(), |seconds| format!("{seconds:.1} s"));
            let faults: Vec<String> =
                outcome.faults.iter().map(|(label, count)| format!("{count} {label}")).collect();
            let faults = faults.join(", ");
            let _ = writeln!(text, "| {seed} | {exit} | {first} | {sentence} | {faults} |");
        } else {
            let _ = writeln!(text, "| {seed} | {exit} | {sentence} | {} |", cell(&outcome.disturbed));
        }
    }
}

fn loads(outcomes: &[&Outcome]) -> String {
    let all = outcomes.iter().map(|outcome| outcome.load);
    let (least, most) =
        all.fold((f64::MAX, 0.0_f64), |(least, most), load| (least.min(load), most.max(load)));
    if outcomes.is_empty() {
        return "It was not run yet.".to_owned();
    }
    format!("The machine's load before each run was {least:.1} to {most:.1} by other work on its processors.")
}

/// Text as one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(campaign: &str, seed: u64, first_violation_s: Option<f64>) -> Outcome {
        Outcome {
            campaign: campaign.to_owned(),
            seed,
            exit: 1,
            as_expected: first_violation_s.is_some(),
            first_violation_s,
            sentence: "a | b".to_owned(),
            faults: [("kill".to_owned(), 3)].into(),
            disturbed: "3 faults".to_owned(),
            load: 1.5,
        }
    }

    #[test]
    fn the_page_tells_how_often_and_how_fast() {
        let all = [
            outcome("lost-write", 1, Some(10.0)),
            outcome("lost-write", 2, None),
            outcome("lost-write", 10, Some(30.0)),
            outcome("default", 1, None),
        ];
        let record: Record =
            all.into_iter().map(|outcome| ((outcome.campaign.clone(), outcome.seed), outcome)).collect();
        let page = page(&record);
        assert!(page.contains("| 2 of 3 seeds | median 20 s (10 to 30 s) |"), "{page}");
        assert!(page.contains("| 10 | 1 | 30.0 s | a \\| b | 3 kill |"), "{page}");
        assert!(page.contains("| `./dt run etcd --version 3.5.30 -t 60` | 0 of 1 seeds |"), "{page}");
        assert!(page.contains("It was not run yet."), "{page}");
        let lines: Vec<String> =
            record.values().map(|outcome| serde_json::to_string(outcome).unwrap()).collect();
        assert_eq!(parse(&lines.join("\n")).unwrap(), record);
        assert!(parse("{}").unwrap_err().to_string().contains("line 1"));
    }
}
