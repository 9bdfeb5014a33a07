//! What a run is: suite, chart, template and flags, parsed once into values that can be printed whole.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use cluster::{Chart, Endpoints, Version};
use composer::{Kind, Plan, PlanConfig, Template, TerminalChoice};
use history::clock;

use crate::cli::{RunArgs, Terminal};
use crate::exit::UsageError;
use crate::home::{self, Home};
use crate::suite::{self, Suite};

/// Seeds that nobody chose are below this, so that they are easy to read out and type.
const DRAWN_SEEDS: u64 = 1_000_000;

/// `first_`, `eventually_` and `finally_` commands wait for the system to be whole; a minute is usual, and then they work.
const WAITING_DEADLINE: Duration = Duration::from_secs(180);

/// Everything that is decided before something happens.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) suite: Suite,
    pub(crate) chart: Chart,
    pub(crate) template: Template,
    pub(crate) plan: Plan,
    pub(crate) faults: chaos::Plan,
    pub(crate) target: Target,
    /// Whether drivers end with the first broken promise.
    pub(crate) until_violation: bool,
    pub(crate) strict: bool,
    pub(crate) keep: bool,
    pub(crate) all: bool,
    pub(crate) runs: PathBuf,
    /// What to type to repeat it.
    pub(crate) command_line: String,
}

/// What the run works on.
#[derive(Debug)]
pub(crate) enum Target {
    /// Members that are started for it.
    Start { members: usize, bin: Option<PathBuf>, version: Option<Version> },
    /// Members that run already.
    Attach(Endpoints),
}

impl Config {
    pub(crate) fn new(args: &RunArgs, home: &Home) -> anyhow::Result<Self> {
        let mut suite = suite::load(&home.suites(), &args.suite)?;
        let profile = profile(args, &suite)?;
        suite.be_under(&profile.name);
        let chart = cluster::chart::load(&home.charts(), &suite.chart)?;
        let target = target(args, &suite, &chart)?;
        let template = Template::discover(&home.template(&suite.template)?)?;
        let seed = args.seed.unwrap_or_else(|| clock::wall().0 / 1_000 % DRAWN_SEEDS);
        let plan = plan(args, &suite, &template, seed)?;
        let faults = faults(args, &suite, &profile, &chart, &target, seed)?;
        let runs = std::path::absolute(&args.runs)?;
        let command_line = command_line(args, seed);
        Ok(Self {
            suite,
            chart,
            template,
            plan,
            faults,
            target,
            until_violation: args.until_violation,
            strict: args.strict,
            keep: args.keep,
            all: args.all,
            runs,
            command_line,
        })
    }
}

fn target(args: &RunArgs, suite: &Suite, chart: &Chart) -> anyhow::Result<Target> {
    if args.endpoints.as_ref().is_some_and(|list| list.contains("https://")) {
        return Err(
            UsageError("--endpoints: https is not supported yet; give http://host:port".to_owned()).into()
        );
    }
    if let Some(list) = &args.endpoints {
        let endpoints =
            list.parse::<Endpoints>().map_err(|error| UsageError(format!("--endpoints: {error}")))?;
        return Ok(Target::Attach(endpoints));
    }
    let members = args.members.unwrap_or(suite.members);
    let spec = &chart.process;
    if !spec.sizes.contains(&members) {
        let sizes: Vec<String> = spec.sizes.iter().map(usize::to_string).collect();
        let (sizes, why) = (sizes.join(", "), &spec.sizes_because);
        return Err(UsageError(format!("--members is {members}; it can be {sizes}: {why}")).into());
    }
    let version = args.version.as_deref().map(str::parse).transpose();
    let version = version.map_err(|error| UsageError(format!("--version: {error}")))?;
    Ok(Target::Start { members, bin: args.bin.clone(), version })
}

fn plan(args: &RunArgs, suite: &Suite, template: &Template, seed: u64) -> anyhow::Result<Plan> {
    let seconds = args.seconds.unwrap_or(suite.seconds);
    let mut config = PlanConfig::new(seed, Duration::from_secs(seconds));
    config.max_parallel = NonZeroU32::new(args.parallel.unwrap_or(suite.parallel)).unwrap_or(NonZeroU32::MIN);
    config.weights.clone_from(&suite.weights);
    for command in &template.commands {
        if matches!(command.kind, Kind::First | Kind::Eventually | Kind::Finally) {
            let file = command.name.rsplit('/').next().unwrap_or(&command.name);
            config.deadlines.insert(file.to_owned(), WAITING_DEADLINE);
        }
    }
    config.terminal = match args.terminal {
        None => TerminalChoice::Auto,
        Some(Terminal::Eventually) => TerminalChoice::Eventually,
        Some(Terminal::Finally) => TerminalChoice::Finally,
        Some(Terminal::None) => TerminalChoice::None,
    };
    Ok(Plan::draw(&template.listing(), &config)?)
}

/// The profile that is asked for, or the suite's.
fn profile(args: &RunArgs, suite: &Suite) -> anyhow::Result<chaos::Profile> {
    for name in suite.profiles.keys() {
        chaos::Profile::shipped(name).with_context(|| format!("suite {}: profiles", suite.name))?;
    }
    // A system that is not ours is disturbed only when that is asked for.
    let usual = if args.attach { "none" } else { suite.profile.as_str() };
    let name = args.profile.as_deref().unwrap_or(usual);
    Ok(chaos::Profile::shipped(name).map_err(|error| UsageError(error.to_string()))?)
}

fn faults(
    args: &RunArgs,
    suite: &Suite,
    profile: &chaos::Profile,
    chart: &Chart,
    target: &Target,
    seed: u64,
) -> anyhow::Result<chaos::Plan> {
    let here = match target {
        Target::Start { members, .. } => chaos::Environment::of_processes(chart, *members)?,
        Target::Attach(endpoints) => chaos::Environment::attached(chart, endpoints),
    };
    let seconds = args.seconds.unwrap_or(suite.seconds);
    let plan = chaos::Plan::draw(profile, &suite.monkeys, seed, Duration::from_secs(seconds), &here);
    Ok(plan.map_err(|error| UsageError(format!("suite {}: {error}", suite.name)))?)
}

/// The command line as typed, with the seed that it was given or that was drawn for it.
fn command_line(args: &RunArgs, seed: u64) -> String {
    let typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut words: Vec<String> = std::iter::once(home::own_name()).chain(typed).collect();
    if args.seed.is_none() {
        words.push(format!("--seed {seed}"));
    }
    words.join(" ")
}
