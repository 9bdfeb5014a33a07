//! Campaigns: the same run with many seeds, against a version that is known to lose data, or one that must not. What came
//! of them is kept in `docs/track-record.jsonl`, and told in `docs/track-record.md`.

mod outcome;
mod plan;
mod track_record;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::step;
use outcome::Outcome;
use plan::{CAMPAIGNS, Campaign, Expects};
pub(crate) use track_record::finding;

#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {
    /// Which; all of them when left out.
    names: Vec<String>,
    /// The first and the last seed.
    #[arg(long, value_name = "FIRST-LAST", default_value = "1-10", value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// Where runs go. It must be on a disk: memory forgets nothing when a process is killed.
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// This dt instead of one that is built from here.
    #[arg(long, value_name = "FILE")]
    dt: Option<PathBuf>,
    /// Keep what members stored, too.
    #[arg(long)]
    keep: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |word: &str| word.parse::<u64>().map_err(|_| format!("`{word}` is no seed; try 1-10"));
    let range = number(first)?..=number(last)?;
    if range.is_empty() { Err("the first seed is above the last".to_owned()) } else { Ok(range) }
}

/// Runs those campaigns that look for known defects by suites of their own, and for false alarms of these.
pub(crate) fn sensitivity(args: &CampaignArgs) -> anyhow::Result<()> {
    let all = CAMPAIGNS.iter().filter(|campaign| campaign.is_of_sensitivity());
    let chosen = if args.names.is_empty() { all.collect() } else { chosen(&args.names)? };
    run_all(args, chosen)
}

/// Runs the campaigns, and writes down what came of each seed as soon as it is known.
pub(crate) fn run(args: &CampaignArgs) -> anyhow::Result<()> {
    run_all(args, chosen(&args.names)?)
}

fn run_all(args: &CampaignArgs, chosen: Vec<&'static Campaign>) -> anyhow::Result<()> {
    let runs = args.runs.clone().unwrap_or_else(|| step::target().join("campaign"));
    std::fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    must_be_on_disk(&runs)?;
    if args.dt.is_none() {
        step::run(step::cargo(&["build", "--release", "--locked"]))?;
    }
    let dt = args.dt.clone().unwrap_or_else(|| step::target().join("release/dt"));
    let mut missed = Vec::new();
    for campaign in chosen {
        for seed in args.seeds.clone() {
            let outcome = one(&dt, campaign, seed, &runs)?;
            step::say(&format!("campaign {}: {outcome}", campaign.name));
            if outcome.as_expected && !args.keep {
                forget_data(&runs.join(campaign.name).join("latest/members"))?;
            }
            if !outcome.as_expected {
                missed.push(format!("{} seed {seed}", campaign.name));
            }
            track_record::add(outcome)?;
        }
    }
    if !missed.is_empty() {
        bail!("not as expected: {}", missed.join(", "));
    }
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Campaign>> {
    if names.is_empty() {
        return Ok(CAMPAIGNS.iter().collect());
    }
    let found = |name: &String| {
        let all = CAMPAIGNS.iter().map(|campaign| campaign.name).collect::<Vec<_>>().join(", ");
        let campaign = CAMPAIGNS.iter().find(|campaign| campaign.name == name);
        campaign.with_context(|| format!("no campaign is called `{name}`; there are {all}"))
    };
    names.iter().map(found).collect()
}

/// What is written to memory is not lost when a process is killed before it has synced, and bugs hide.
fn must_be_on_disk(runs: &Path) -> anyhow::Result<()> {
    let mut stat = Command::new("stat");
    let kind = step::output({
        stat.args(["--file-system", "--format=%T"]).arg(runs);
        stat
    })?;
    if kind.trim() == "tmpfs" {
        bail!("{} is in memory (tmpfs): name a directory on a disk with --runs DIR", runs.display());
    }
    Ok(())
}

/// One run, in a directory of its campaign.
fn one(dt: &Path, campaign: &Campaign, seed: u64, runs: &Path) -> anyhow::Result<Outcome> {
    let load = std::fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
    let load = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    let mut dt = Command::new(dt);
    dt.arg("run").args(campaign.arguments.split(' ')).arg(format!("--seed={seed}"));
    if let Expects::Known(id) = campaign.expects {
        dt.arg(format!("--expect={id}"));
    }
    dt.arg("--runs").arg(runs.join(campaign.name)).current_dir(step::root()).stdout(Stdio::null());
    let status = dt.status().context("cannot run dt")?;
    let code = status.code().with_context(|| format!("dt was ended by a signal ({status})"))?;
    let dir = runs.join(campaign.name).join("latest");
    let dir = std::fs::canonicalize(&dir).with_context(|| format!("there is no {}", dir.display()))?;
    Outcome::read(campaign, seed, code, load, &dir)
}

/// What members stored is some hundred megabytes for each seed; who looks into one runs it again. Logs stay.
fn forget_data(members: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(members).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_one_or_a_range() {
        assert_eq!(seeds("3").unwrap(), 3..=3);
        assert_eq!(seeds("1-10").unwrap(), 1..=10);
        assert!(seeds("10-1").unwrap_err().contains("above"));
        assert!(seeds("ten").unwrap_err().contains("1-10"));
    }

    #[test]
    fn an_unknown_campaign_is_refused_with_those_there_are() {
        let error = chosen(&["lost".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("lost-write"), "{error}");
        assert_eq!(chosen(&[]).unwrap().len(), CAMPAIGNS.len());
    }
}
