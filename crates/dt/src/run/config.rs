//! What a run is: suite, chart, template and flags, parsed once into values that can be printed whole.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cluster::{Chart, Endpoints, Version};
use composer::{Kind, Plan, PlanConfig, Template, TerminalChoice};
use history::clock;

use super::contained::{self, Contained};
use super::system;
use crate::check;
use crate::cli::{Backend, RunArgs, Terminal};
use crate::exit::UsageError;
use crate::home::{self, Home};
use crate::suite::{self, Suite};

/// Every second run of at least this length ends in calm, as some promises are about what happens once nothing disturbs any
/// more: keys of leases go within half a minute, and a majority answers within ten seconds. The others are disturbed to
/// their end, as what comes back then is looked at, too.
const CALM_FROM: Duration = Duration::from_secs(100);
/// For so long.
const CALM: Duration = Duration::from_secs(40);

/// Seeds that nobody chose are below this, so that they are easy to read out and type.
const DRAWN_SEEDS: u64 = 1_000_000;

/// `first_`, `eventually_` and `finally_` commands wait for the system to be whole; a minute is usual, and then they work.
const WAITING_DEADLINE: Duration = Duration::from_secs(180);

/// Everything that is decided before something happens.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) suite: Suite,
    /// `None` for a system of which nothing is known but where it is.
    pub(crate) chart: Option<Chart>,
    pub(crate) template: Template,
    /// Whether the commands are not the suite's own.
    pub(crate) foreign: bool,
    pub(crate) plan: Plan,
    pub(crate) faults: chaos::Plan,
    pub(crate) target: Target,
    /// Whether drivers end with the first broken promise.
    pub(crate) until_violation: bool,
    pub(crate) strict: bool,
    /// The known defect that the run is to find.
    pub(crate) expect: Option<String>,
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
    /// Containers that are started for it.
    Compose(Box<Contained>),
}

impl Config {
    pub(crate) async fn new(args: &RunArgs) -> anyhow::Result<Self> {
        let (mut suite, chart, template, contained) = if contained::is_asked_for(args) {
            refuse_what_containers_decide(args)?;
            let contained::Parts { suite, chart, template, contained } = contained::parts(args).await?;
            (suite, chart, template, Some(Box::new(contained)))
        } else {
            let (suite, chart, template) = parts(args)?;
            (suite, chart, template, None)
        };
        let system = chart.as_ref().map_or("", |chart| chart.name.as_str());
        check::is_known(system, args.expect.as_deref())?;
        let profile = profile(args, &suite)?;
        suite.be_under(&profile.name);
        let target = match contained {
            Some(contained) => Target::Compose(contained),
            None => target(args, &suite, chart.as_ref())?,
        };
        let seed = args.seed.unwrap_or_else(|| clock::wall().0 / 1_000 % DRAWN_SEEDS);
        let plan = plan(args, &suite, &template, seed)?;
        let faults = faults(&plan, &suite, &profile, chart.as_ref(), &target)?;
        let runs = std::path::absolute(&args.runs)?;
        let command_line = command_line(args, seed);
        Ok(Self {
            suite,
            chart,
            template,
            foreign: args.template.is_some() || args.compose.is_some(),
            plan,
            faults,
            target,
            until_violation: args.until_violation,
            // Of several timelines, what they come to together is held against these.
            strict: args.strict && args.timelines == 1,
            expect: args.expect.clone().filter(|_| args.timelines == 1),
            keep: args.keep,
            all: args.all,
            runs,
            command_line,
        })
    }
}

impl Config {
    /// The variable in which commands find the members.
    pub(crate) fn variable(&self) -> String {
        self.chart.as_ref().map_or(system::ENDPOINTS, |chart| &chart.address.environment).to_owned()
    }

    /// What members are given to run with, beside what the chart says.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let chart = self.chart.as_ref().filter(|_| self.faults.swift_members);
        let mut variables =
            chart.map(|chart| chart.process.environment_when_swift.clone()).unwrap_or_default();
        variables.extend(self.suite.environment.clone());
        variables
    }

    /// What is tested, in one word.
    pub(crate) fn tested(&self) -> &str {
        self.chart.as_ref().map_or("the system", |chart| &chart.name)
    }
}

/// The suite, its chart and its commands, or what takes their place for a template that is somebody's own.
fn parts(args: &RunArgs) -> anyhow::Result<(Suite, Option<Chart>, Template)> {
    let own = args.template.as_ref().map(|dir| own_template(dir)).transpose()?;
    let Some(name) = &args.suite else {
        let template = own.context("neither a suite nor a template was given")?;
        return Ok((Suite::of_template(&template.name), None, template));
    };
    let home = Home::find()?;
    let mut suite = suite::load(&home.suites(), name)?;
    let chart = cluster::chart::load(&home.charts(), &suite.chart)?;
    let template = match own {
        Some(template) => {
            // The suite's weights are those of other commands.
            suite.weights.retain(|file, _| template.command(&format!("{}/{file}", template.name)).is_some());
            suite.others = 1;
            suite.profiles.clear();
            template
        }
        None => Template::discover(&home.template(&suite.template)?)?,
    };
    Ok((suite, Some(chart), template))
}

/// Somebody's own commands; a directory that is not there or has none is the typist's mistake.
fn own_template(dir: &Path) -> anyhow::Result<Template> {
    let mistake = |words: String| UsageError(format!("--template: {words}"));
    if !dir.is_dir() {
        let hint = "name the directory that has the commands in it, such as test/v1/main";
        return Err(mistake(format!("{} is no directory; {hint}", dir.display())).into());
    }
    Ok(Template::discover(dir).map_err(|error| mistake(format!("{:#}", anyhow::Error::from(error))))?)
}

/// Words about members make no sense where a compose file says everything about them.
fn refuse_what_containers_decide(args: &RunArgs) -> anyhow::Result<()> {
    let refused = |word: &str| {
        let words = format!("{word} does not go with containers: the compose file says what members are");
        Err(UsageError(words).into())
    };
    match args {
        RunArgs { bin: Some(_), .. } => refused("--bin"),
        RunArgs { members: Some(_), .. } => refused("--members"),
        RunArgs { compose: Some(_), backend: Some(Backend::Process), .. } => {
            Err(UsageError("--compose asks for containers, --backend for processes".to_owned()).into())
        }
        _ => Ok(()),
    }
}

fn target(args: &RunArgs, suite: &Suite, chart: Option<&Chart>) -> anyhow::Result<Target> {
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
    let Some(chart) = chart else {
        let words = "a template alone says nothing of what is to be tested: give --endpoints, or a suite whose system is \
                     started for it, such as `dt run etcd --template DIR`";
        return Err(UsageError(words.to_owned()).into());
    };
    let members = args.members.unwrap_or(suite.members);
    let spec = &chart.process;
    if !spec.sizes.contains(&members) {
        let sizes: Vec<String> = spec.sizes.iter().map(usize::to_string).collect();
        let (sizes, why) = (sizes.join(", "), &spec.sizes_because);
        return Err(UsageError(format!("--members is {members}; it can be {sizes}: {why}")).into());
    }
    if let Some(bin) = args.bin.as_ref().filter(|bin| !bin.is_file()) {
        let words = format!("--bin: {} is no file: name the program of a member", bin.display());
        return Err(UsageError(words).into());
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
        let file = command.name.rsplit('/').next().unwrap_or(&command.name);
        if matches!(command.kind, Kind::First | Kind::Eventually | Kind::Finally) {
            config.deadlines.insert(file.to_owned(), WAITING_DEADLINE);
        } else {
            config.weights.entry(file.to_owned()).or_insert(suite.others);
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
    let usual = if args.endpoints.is_some() { "none" } else { suite.profile.as_str() };
    let name = args.profile.as_deref().unwrap_or(usual);
    Ok(chaos::Profile::shipped(name).map_err(|error| UsageError(error.to_string()))?)
}

/// How long a run has faults. Where it does not end in calm, they outlast its drivers, so that some are in effect when the
/// last commands begin and heal them.
fn disturbed(plan: &Plan) -> Duration {
    let whole = Duration::from_millis(plan.duration_ms);
    if plan.seed % 2 == 1 && whole >= CALM_FROM {
        whole - CALM
    } else {
        whole + Duration::from_millis(plan.drain_ms)
    }
}

fn faults(
    plan: &Plan,
    suite: &Suite,
    profile: &chaos::Profile,
    chart: Option<&Chart>,
    target: &Target,
) -> anyhow::Result<chaos::Plan> {
    let here = match (target, chart) {
        (Target::Start { members, .. }, Some(chart)) => chaos::Environment::of_processes(chart, *members)?,
        (Target::Attach(endpoints), _) => chaos::Environment::attached(chart, endpoints),
        (Target::Compose(contained), chart) => contained.environment(chart),
        (Target::Start { .. }, None) => bail!("nothing can be started without a chart"),
    };
    let faults = chaos::Plan::draw(profile, &suite.monkeys, plan.seed, disturbed(plan), &here);
    Ok(faults.map_err(|error| UsageError(format!("suite {}: {error}", suite.name)))?)
}

/// The command line as typed, with the seed that it was given or that was drawn for it, and without the place that a
/// service keeps its runs in.
fn command_line(args: &RunArgs, seed: u64) -> String {
    let typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut typed = typed.filter(|word| !word.starts_with("--runs="));
    let mut words = vec![home::own_name()];
    while let Some(word) = typed.next() {
        // One of several timelines is repeated alone, with its own seed.
        match word.as_str() {
            "--timelines" | "--seed" if args.timelines > 1 => drop(typed.next()),
            _ if args.timelines > 1
                && ["--timelines=", "--seed="].iter().any(|flag| word.starts_with(flag)) => {}
            _ => words.push(word),
        }
    }
    if args.seed.is_none() || args.timelines > 1 {
        words.push(format!("--seed {seed}"));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use composer::Listed;

    use super::*;

    #[test]
    fn faults_outlast_the_drivers_of_a_run_that_does_not_end_in_calm() {
        let plan = |seconds, seed| {
            let listed =
                Listed { command: "main/parallel_driver_put".to_owned(), kind: Kind::ParallelDriver };
            Plan::draw(&[listed], &PlanConfig::new(seed, Duration::from_secs(seconds))).unwrap()
        };
        for (seconds, seed) in [(20, 1), (20, 2), (120, 2)] {
            let plan = plan(seconds, seed);
            assert_eq!(disturbed(&plan), Duration::from_millis(plan.duration_ms + plan.drain_ms));
        }
        assert_eq!(disturbed(&plan(120, 1)), Duration::from_secs(80));
    }
}
