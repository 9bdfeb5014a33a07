//! The command line as people type it. Words only; what they mean is in the module of each command.

use std::net::SocketAddr;
use std::path::PathBuf;

use checker::formats::{Format, ModelName};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  dt run etcd -t 30                      start a three-member etcd, test it for 30 seconds, give a verdict
  dt run etcd -t 30 --seed 7             the same plan as every other run with seed 7
  dt run etcd --plan --seed 7            print that plan and do nothing
  dt run etcd --version 3.5.1            another version, fetched if it is not there
  dt run etcd -d --endpoints a=http://127.0.0.1:2379
                                         a cluster that is already running; nothing is installed or stopped
  dt run etcd --profile none             without faults; see `dt list profiles`
  dt run --template test/v1/mine --endpoints a=http://127.0.0.1:2379
                                         your own test commands, in any language, against what is running
  dt run etcd --template test/v1/mine    the same against an etcd that is started for it, under faults
  dt run etcd --backend compose          the same in containers, where commands run inside the clients
  dt run --compose PATH/docker-compose.yaml
                                         anybody's project: the test commands in its containers, under faults
  dt check runs/latest                   the verdict again, from the files alone
  dt run etcd --timelines 5              five timelines with seeds that follow each other, and one verdict
  dt check history.edn                   the verdict of a history that Jepsen recorded
  dt list suites                         what can be run
  dt list known                          known defects, which a verdict names where they explain what it found
  dt run old-transactions --version 3.5.30 --expect 18667
                                         a run that is to find one of them: 0 when it does, and nothing else
  dt run etcd -t 30 --server http://127.0.0.1:8470
                                         the same, run by a service and followed here
  dt serve                               a page on http://127.0.0.1:8470 that starts runs and shows them live
  dt lint                                what in this project would cost a run on the platform

Exit codes: 0 valid, 1 a property failed, 2 unknown or vacuous, 3 the tool itself failed or was interrupted, 64 wrong usage";

/// Test a distributed store under faults, at the desk, by the rules of Test Composer.
#[derive(Debug, Parser)]
#[command(name = "dt", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a suite: start the system, compose the test commands, check what happened.
    Run(Box<RunArgs>),
    /// Judge a run again from its files.
    Check(CheckArgs),
    /// Find in a project's files what would cost a whole run on the platform.
    Lint(LintArgs),
    /// End what crashed runs left behind: members, commands, faults.
    Heal {
        /// A run's directory, or the directory of all runs.
        #[arg(default_value = "runs")]
        dir: PathBuf,
        /// Have it done by this service; then name one of its runs.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Show which charts, suites, fault profiles or runs there are.
    List(ListArgs),
    /// Get a system's program without starting it, and print where it is.
    Fetch {
        /// The chart, such as etcd.
        chart: String,
        /// Which version; the first that can be had of those that the chart prefers when left out.
        #[arg(long)]
        version: Option<String>,
    },
    /// Serve a page that starts runs, shows them live and keeps past ones, with an API.
    Serve(ServeArgs),
    /// Say what this machine has and lacks for a run.
    Doctor,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Of what.
    pub(crate) what: Listable,
    /// Where run directories are.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// What this service has.
    #[arg(long, value_name = "URL", conflicts_with = "runs")]
    pub(crate) server: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listable {
    /// Systems that can be started.
    #[value(alias = "chart")]
    Charts,
    /// What can be run against them.
    #[value(alias = "suite")]
    Suites,
    /// What can disturb them.
    #[value(alias = "profile")]
    Profiles,
    /// Known defects of etcd, and which versions have them.
    Known,
    /// What was run, the newest first.
    #[value(alias = "run")]
    Runs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// The suite, such as etcd.
    #[arg(required_unless_present_any = ["template", "compose"])]
    pub(crate) suite: Option<String>,
    /// A directory of test commands in any language, in place of the suite's; in containers, a template's name.
    #[arg(long, value_name = "DIR")]
    pub(crate) template: Option<PathBuf>,
    /// Where members run; processes when left out.
    #[arg(long, value_enum, conflicts_with_all = ["attach", "endpoints"])]
    pub(crate) backend: Option<Backend>,
    /// A compose file in place of the suite's: its containers are started, and the commands in them run; implies
    /// --backend compose.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["attach", "endpoints", "bin"])]
    pub(crate) compose: Option<PathBuf>,
    /// How long drivers are started, in seconds; the suite's own when left out.
    #[arg(short = 't', long = "seconds", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: Option<u64>,
    /// Where all draws of the plan come from; drawn from the time when left out.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// So many timelines, one after the other, with seeds that follow each other, and one verdict about them all.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "plan", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) timelines: u64,
    /// Which version of the system; the first that can be had of those that the chart prefers when left out.
    #[arg(long, conflicts_with_all = ["attach", "endpoints", "bin"])]
    pub(crate) version: Option<String>,
    /// This program instead of a version.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["attach", "endpoints"])]
    pub(crate) bin: Option<PathBuf>,
    /// 1, 3 or 5; the suite's own when left out.
    #[arg(long, conflicts_with_all = ["attach", "endpoints"])]
    pub(crate) members: Option<usize>,
    /// Print the plan and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Use a system that is already running; nothing is installed, started or stopped.
    #[arg(short = 'd', long, requires = "endpoints")]
    pub(crate) attach: bool,
    /// Where it is: `name=url,name=url`, or only URLs; implies --attach.
    #[arg(long, value_name = "LIST")]
    pub(crate) endpoints: Option<String>,
    /// At most so many drivers beside each other.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) parallel: Option<u32>,
    /// Which faults disturb it: none, resilient, high_availability or brutal; the suite's own when left out.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// How the timeline ends; drawn from the seed when left out.
    #[arg(long, value_enum)]
    pub(crate) terminal: Option<Terminal>,
    /// Stop testing as soon as a command has seen a promise broken; the last command still runs.
    #[arg(long)]
    pub(crate) until_violation: bool,
    /// Count what the run did not exercise as failed.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The known defect that the run is to find, such as 18667: exit code 0 when it finds that and nothing else, else 1.
    #[arg(long, value_name = "KNOWN", conflicts_with = "server")]
    pub(crate) expect: Option<String>,
    /// Show every property on a line of its own.
    #[arg(long)]
    pub(crate) all: bool,
    /// Keep the members' data of a valid run, too; that of other runs always stays.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where run directories are made.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Have it run by this service, and follow it here; a token is taken from `DT_TOKEN`.
    #[arg(long, value_name = "URL", conflicts_with_all = ["template", "compose", "backend", "bin", "plan", "attach", "endpoints", "keep", "runs", "timelines"])]
    pub(crate) server: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// As processes on loopback.
    Process,
    /// In containers that docker compose starts.
    Compose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Terminal {
    /// Kill what runs, then check that the system recovers.
    Eventually,
    /// Let everything end, then check.
    Finally,
    /// Stop without a last command.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen. Beyond loopback a token is asked for.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    pub(crate) listen: SocketAddr,
    /// A name by which browsers may call the service, beside its address; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// What every request must show, 16 characters or more; `DT_TOKEN` when left out.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Where run directories are.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// A project's directory, or that of one template.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// List the rules, and do nothing.
    #[arg(long)]
    pub(crate) rules: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A run's directory, or several to be judged together; a directory of history files, or files that another tool
    /// recorded.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How files of another tool are written: jepsen-log, jepsen-edn, porcupine-kv or etcd-report; told from them when
    /// left out.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// What operations of another tool are of: register, cas-register, key-value, append, bank, mutex or etcd; told from
    /// them when left out.
    #[arg(long)]
    pub(crate) model: Option<ModelName>,
    /// How long undecided files are searched, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) search_seconds: u64,
    /// Count what the run did not exercise as failed.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The known defect that is to be found, such as 18667: exit code 0 when that is and nothing else, else 1.
    #[arg(long, value_name = "KNOWN")]
    pub(crate) expect: Option<String>,
    /// Show every property on a line of its own.
    #[arg(long)]
    pub(crate) all: bool,
    /// Print verdict.json instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Say how long judging and making the report took.
    #[arg(long)]
    pub(crate) timings: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_in_the_documents_can_be_typed() {
        let documents = [include_str!("../../../README.md"), EXAMPLES];
        let mut seen = 0;
        for line in documents.iter().flat_map(|text| text.lines()) {
            let words = line.trim().trim_start_matches("./");
            // Two spaces or a `#` begin the explanation.
            let words = words.split("  ").next().unwrap_or(words).split('#').next().unwrap_or(words);
            if words.starts_with("dt ") {
                seen += 1;
                let parsed = Cli::try_parse_from(words.split_whitespace());
                let help = parsed.as_ref().is_err_and(|error| !error.use_stderr());
                assert!(parsed.is_ok() || help, "{words}: {}", parsed.unwrap_err());
            }
        }
        assert!(seen >= 12, "only {seen} commands found");
    }
}
