//! Draws plans. Each part of a plan has a stream of its own, so that a change in one leaves the others alone.
//! The arithmetic on draws is written out here: a library that changed its way of drawing would change all
//! plans.

use super::{Arrival, Candidate, Pick, Plan, PlanConfig, PlanError, Segment, Shape, Step, TerminalChoice};
use crate::kind::Kind;
use crate::template::Listed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// Segments kept in the plan itself: about eight for short runs, and a bound on the plan's size for long
/// ones.
const STORED_SEGMENTS: u32 = 48;
/// A run is cut into so many segments, unless that makes them shorter or longer than the next two.
const SEGMENTS_WANTED: u64 = 8;
/// Shorter, and a level of parallelism is gone before it is reached.
const SEGMENT_MIN_MS: u64 = 1_000;
/// Longer, and a long run varies too little.
const SEGMENT_MAX_MS: u64 = 10_000;
/// Pauses between starts, from busy to leisurely; each segment draws one of these paces. Their lower ends
/// bound how many commands a run can start.
const PACES_MS: [(u64, u64); 3] = [(20, 100), (50, 400), (200, 1_500)];
/// Pauses between anytime commands: often enough for a few in a run of ten seconds.
const ANYTIME_PAUSE_MS: (u64, u64) = (300, 3_000);

/// The parts of a plan, each the number of its stream.
#[derive(Debug, Clone, Copy)]
enum Part {
    First = 1,
    Shape = 2,
    Steps = 3,
    Arrivals = 4,
    Terminal = 5,
}

struct Draws(ChaCha8Rng);

impl Draws {
    fn of(seed: u64, part: Part, index: u32) -> Draws {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(((part as u64) << 32) | u64::from(index));
        Draws(rng)
    }

    /// From `low` to `high`, both included. The bias of the multiplication is below 2^-32 here.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = u128::from(high - low) + 1;
        low + ((u128::from(self.0.next_u64()) * span) >> 64) as u64
    }

    fn pick(&mut self, from: &[&Candidate]) -> Option<Pick> {
        let total: u64 = from.iter().map(|c| u64::from(c.weight)).sum();
        let mut left = self.between(0, total.checked_sub(1)?);
        let chosen = from.iter().find(|candidate| {
            let here = left < u64::from(candidate.weight);
            left = left.saturating_sub(u64::from(candidate.weight));
            here
        })?;
        let seed = self.0.next_u64() >> 11;
        Some(Pick { command: chosen.command.clone(), kind: chosen.kind, seed })
    }
}

impl Plan {
    /// Draws a plan for the commands of one template. The order of `listed` does not matter.
    pub fn draw(listed: &[Listed], config: &PlanConfig) -> Result<Plan, PlanError> {
        let commands = candidates(listed, config)?;
        let duration_ms = millis(config.duration);
        let mut plan = Plan {
            template: listed.first().map_or("", |l| template_of(&l.command)).to_owned(),
            seed: config.seed,
            duration_ms,
            segment_ms: (duration_ms / SEGMENTS_WANTED).clamp(SEGMENT_MIN_MS, SEGMENT_MAX_MS),
            drain_ms: millis(config.drain),
            max_parallel: config.max_parallel.get(),
            first: Draws::of(config.seed, Part::First, 0).pick(&only(&commands, |kind| kind == Kind::First)),
            shape: shape(config.seed, &commands)?,
            segments: Vec::new(),
            terminal: terminal(config, &commands)?,
            commands,
        };
        plan.segments = (0..plan.segment_count().min(STORED_SEGMENTS)).map(|i| segment(&plan, i)).collect();
        Ok(plan)
    }
}

/// One segment, from the seed and the segment's index alone.
pub(super) fn segment(plan: &Plan, index: u32) -> Segment {
    let mut draws = Draws::of(plan.seed, Part::Steps, index);
    let parallel = draws.between(1, u64::from(plan.max_parallel.max(1))) as u32;
    let (low, high) = PACES_MS[draws.between(0, PACES_MS.len() as u64 - 1) as usize];
    let mut steps = Vec::new();
    if plan.shape == Shape::Mixture {
        let drivers = only(&plan.commands, |kind| matches!(kind, Kind::ParallelDriver | Kind::SerialDriver));
        let mut until_ms = 0;
        while until_ms < plan.segment_ms {
            let pause_ms = draws.between(low, high);
            let Some(pick) = draws.pick(&drivers) else { break };
            until_ms += pause_ms;
            steps.push(Step { pause_ms, pick });
        }
    }
    Segment { parallel, steps, arrivals: arrivals(plan, index) }
}

fn arrivals(plan: &Plan, index: u32) -> Vec<Arrival> {
    let mut draws = Draws::of(plan.seed, Part::Arrivals, index);
    let anytime = only(&plan.commands, |kind| kind == Kind::Anytime);
    let mut arrivals = Vec::new();
    let mut at_ms = draws.between(0, ANYTIME_PAUSE_MS.0);
    while at_ms < plan.segment_ms {
        let Some(pick) = draws.pick(&anytime) else { break };
        arrivals.push(Arrival { at_ms, pick });
        at_ms += draws.between(ANYTIME_PAUSE_MS.0, ANYTIME_PAUSE_MS.1);
    }
    arrivals
}

/// A driver is drawn from all of them; where it is a singleton, it has the timeline for itself.
fn shape(seed: u64, commands: &[Candidate]) -> Result<Shape, PlanError> {
    let drawn = Draws::of(seed, Part::Shape, 0).pick(&only(commands, Kind::is_driver));
    match drawn {
        Some(pick) if pick.kind == Kind::SingletonDriver => Ok(Shape::Singleton(pick)),
        Some(_) => Ok(Shape::Mixture),
        None if only(commands, |kind| kind == Kind::Anytime).is_empty() => Err(PlanError::NothingToRun),
        None => Ok(Shape::AnytimeOnly),
    }
}

fn terminal(config: &PlanConfig, commands: &[Candidate]) -> Result<Vec<Pick>, PlanError> {
    let mut draws = Draws::of(config.seed, Part::Terminal, 0);
    let finally_first = draws.between(0, 1) == 1;
    let mut one = |kind| draws.pick(&only(commands, |k| k == kind));
    let (eventually, finally) = (one(Kind::Eventually), one(Kind::Finally));
    let required = |pick: Option<Pick>, kind: Kind| match pick {
        Some(pick) => Ok(vec![pick]),
        None => Err(PlanError::NoSuchTerminal { prefix: kind.prefix() }),
    };
    match config.terminal {
        TerminalChoice::Auto if finally_first => Ok(finally.into_iter().chain(eventually).collect()),
        TerminalChoice::Auto => Ok(eventually.into_iter().chain(finally).collect()),
        TerminalChoice::Eventually => required(eventually, Kind::Eventually),
        TerminalChoice::Finally => required(finally, Kind::Finally),
        TerminalChoice::None => Ok(Vec::new()),
    }
}

fn candidates(listed: &[Listed], config: &PlanConfig) -> Result<Vec<Candidate>, PlanError> {
    for name in config.weights.keys().chain(config.deadlines.keys()) {
        if !listed.iter().any(|l| file_of(&l.command) == name) {
            let known = listed.iter().map(|l| file_of(&l.command).to_owned()).collect();
            return Err(PlanError::UnknownCommand { name: name.clone(), known });
        }
    }
    let mut commands: Vec<_> = listed
        .iter()
        .map(|Listed { command, kind }| Candidate {
            command: command.clone(),
            kind: *kind,
            weight: config.weights.get(file_of(command)).copied().unwrap_or(1),
            deadline_ms: millis(config.deadlines.get(file_of(command)).copied().unwrap_or(config.deadline)),
        })
        .collect();
    commands.sort_by(|a, b| a.command.cmp(&b.command));
    Ok(commands)
}

fn only(commands: &[Candidate], wanted: impl Fn(Kind) -> bool) -> Vec<&Candidate> {
    commands.iter().filter(|c| c.weight > 0 && wanted(c.kind)).collect()
}

fn template_of(command: &str) -> &str {
    command.split_once('/').map_or("", |(template, _)| template)
}

fn file_of(command: &str) -> &str {
    command.split_once('/').map_or(command, |(_, file)| file)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
