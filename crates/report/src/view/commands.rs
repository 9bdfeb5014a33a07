//! Commands: who ran when, how each ended, and who was killed by what.

use serde::Serialize;

use super::numbers;
use super::timeline::Clock;
use crate::material::{CommandRun, Ending, Material};

/// Bars that are drawn of one command; in its strip more could not be told apart.
const BARS_MAX: usize = 400;
/// Executions that did not end with zero, in words.
const WRONG_MAX: usize = 50;

/// All commands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Commands {
    /// By command, in the order of first starts.
    pub rows: Vec<CommandRow>,
    /// Executions that did not end with exit code 0: number, command, when, how, and its class.
    pub others: Vec<(u64, String, String, String, Ending)>,
    /// Further ones.
    pub others_left_out: usize,
}

/// One command with all of its executions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandRow {
    /// `template/file`.
    pub command: String,
    /// Such as `parallel driver`.
    pub kind: String,
    /// Executions.
    pub runs: String,
    /// Of these, with exit code 0; wrong; killed; open.
    pub ended: [usize; 4],
    /// The median and the longest time that it took.
    pub took: (String, String),
    /// In its strip.
    pub bars: Vec<Bar>,
    /// Executions for which there was no room in the strip.
    pub left_out: usize,
}

/// One execution in a strip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// Where it begins, from 0 to 1.
    pub from: f64,
    /// Where it ends.
    pub until: f64,
    /// Its row in the strip: copies run beside each other.
    pub row: usize,
    /// How it ended.
    pub class: Ending,
    /// All about it.
    pub about: String,
}

pub(super) fn commands(material: &Material, clock: &Clock) -> Commands {
    let mut names: Vec<&str> = Vec::new();
    for run in &material.commands {
        if !names.contains(&run.command.as_str()) {
            names.push(&run.command);
        }
    }
    let others =
        || material.commands.iter().filter(|run| matches!(run.class, Ending::Wrong | Ending::Killed));
    // What is wrong comes before what was killed on purpose.
    let mut listed: Vec<&CommandRun> = others().collect();
    listed.sort_by_key(|run| (run.class, run.n));
    let told = |run: &&CommandRun| {
        let at = run.ended.unwrap_or(run.started);
        (run.n, run.command.clone(), numbers::moment_s(clock.s(at)), run.ending.clone(), run.class)
    };
    Commands {
        rows: names.iter().map(|name| row(name, material, clock)).collect(),
        others: listed.iter().take(WRONG_MAX).map(told).collect(),
        others_left_out: listed.len().saturating_sub(WRONG_MAX),
    }
}

fn row(name: &str, material: &Material, clock: &Clock) -> CommandRow {
    let runs: Vec<&CommandRun> = material.commands.iter().filter(|run| run.command == name).collect();
    let mut ended = [0; 4];
    runs.iter().for_each(|run| ended[run.class as usize] += 1);
    let mut took: Vec<f64> =
        runs.iter().filter_map(|run| Some(run.ended?.since(run.started).as_secs_f64())).collect();
    took.sort_by(f64::total_cmp);
    let told = |at: Option<&f64>| at.map_or("–".to_owned(), |took| numbers::duration_s(*took));
    // Of many, those that did not end well are drawn first.
    let mut drawn = runs.clone();
    drawn.sort_by_key(|run| (run.class == Ending::Zero, run.n));
    drawn.truncate(BARS_MAX);
    drawn.sort_by_key(|run| (run.started, run.n));
    CommandRow {
        command: name.to_owned(),
        kind: runs.first().map_or(String::new(), |run| run.kind.replace('_', " ")),
        runs: numbers::count(runs.len() as u64),
        ended,
        took: (told(took.get(took.len() / 2)), told(took.last())),
        bars: bars(&drawn, clock),
        left_out: runs.len() - drawn.len(),
    }
}

fn bars(runs: &[&CommandRun], clock: &Clock) -> Vec<Bar> {
    let mut rows: Vec<f64> = Vec::new();
    let mut bars = Vec::new();
    for run in runs {
        let from = clock.share(run.started);
        let until = run.ended.map_or(1.0, |ended| clock.share(ended));
        let free = rows.iter().position(|end| *end <= from);
        let row = free.unwrap_or_else(|| {
            rows.push(0.0);
            rows.len() - 1
        });
        rows[row] = until;
        let took = run.ended.map_or(String::new(), |ended| {
            format!(", {}", numbers::duration_s(ended.since(run.started).as_secs_f64()))
        });
        let at = numbers::moment_s(clock.s(run.started));
        let about = format!("#{} {} from {at}{took}: {}", run.n, run.command, run.ending);
        bars.push(Bar { from, until, row, class: run.class, about });
    }
    bars
}
