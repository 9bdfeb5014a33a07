//! Developer tasks, the one front door: `cargo xtask test`, `check`, `ci`, `bench`.
//!
//! It must not hold anything that a user of `dt` needs.

mod antithesis;
mod attack;
mod bench;
mod campaign;
mod check;
mod chromium;
mod docker;
mod properties;
mod python;
mod step;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of etcd-traffic.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every test, with a real etcd (fetched if this machine has none).
    Test {
        /// Passed on to the test runner, such as a test's name.
        filter: Vec<String>,
    },
    /// Formatting, lints, the rules of ARCHITECTURE.md, the documents.
    Check,
    /// Only the rules of ARCHITECTURE.md and the documents.
    Tidy,
    /// What CI runs: check, then test.
    Ci,
    /// Compare the checker's engines with a brute-force oracle on generated histories.
    Attack {
        /// How many histories.
        #[arg(long, default_value_t = 1_000_000)]
        count: u64,
    },
    /// Runs of many seeds against known versions; writes docs/track-record.md. Some take an hour.
    Campaign(campaign::CampaignArgs),
    /// Write docs/properties.md from the sources and from xtask/src/properties.yaml.
    Properties,
    /// The campaigns that look for known defects, each by a suite of its own, and for false alarms of these suites.
    Sensitivity(campaign::CampaignArgs),
    /// Build and push images, and launch a run on the platform.
    Antithesis {
        #[command(subcommand)]
        action: antithesis::Action,
    },
    /// Measure; prints figures and asserts nothing.
    Bench {
        /// What to measure; all of it when left out.
        which: Option<bench::Which>,
    },
}

fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Test { filter } => test::run(&filter),
        Task::Check => check::run(),
        Task::Tidy => tidy::run(),
        Task::Ci => check::run().and_then(|()| test::run(&[])),
        Task::Attack { count } => attack::run(count),
        Task::Campaign(args) => campaign::run(&args),
        Task::Properties => properties::write(),
        Task::Sensitivity(args) => campaign::sensitivity(&args),
        Task::Antithesis { action } => antithesis::run(&action),
        Task::Bench { which } => bench::run(which),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            step::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
