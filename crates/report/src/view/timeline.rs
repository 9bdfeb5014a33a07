//! What happened over time: the plots, with what disturbed the members at the same moments.

use history::Nanos;
use serde::Serialize;

use super::{numbers, recovery};
use crate::material::{FaultRun, Material, Metric, Unit};
use crate::observe::{CALLS, Column};

/// Bands and bars that are drawn; more would be a solid block.
const BANDS_MAX: usize = 400;
/// Calls that get lines of their own.
const CALLS_DRAWN: usize = 3;
/// Below so many replies in a column a 99th percentile says nothing.
const REPLIES_LEAST: u64 = 5;
/// Moments of a metric that are drawn.
const POINTS_MAX: usize = 400;

/// Times relative to the run's beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    from: Nanos,
    until: Nanos,
}

impl Clock {
    pub(super) fn of(material: &Material) -> Self {
        let observed = material.observed.span;
        let commands = material.commands.iter().map(|run| run.started);
        let first = commands.chain(observed.map(|span| span.0)).min();
        let from = material.run.as_ref().map(|run| run.began).filter(|began| began.0 > 0).or(first);
        // Of what has not begun yet there is nothing to measure.
        let from = from.or(material.until).unwrap_or_default().min(first.unwrap_or(Nanos::MAX));
        let ends = material.commands.iter().filter_map(|run| run.ended);
        let ends =
            ends.chain(observed.map(|span| span.1)).chain(material.faults.iter().filter_map(|f| f.until));
        let until = ends.chain(material.until).max().unwrap_or(from).max(from);
        Self { from, until }
    }

    pub(super) fn length_s(&self) -> f64 {
        self.until.since(self.from).as_secs_f64()
    }

    /// Seconds after the beginning; 0 for what was before.
    pub(super) fn s(&self, t: Nanos) -> f64 {
        t.since(self.from).as_secs_f64()
    }

    /// Within 0 to 1.
    pub(super) fn share(&self, t: Nanos) -> f64 {
        let length = self.length_s();
        if length > 0.0 { (self.s(t) / length).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// Everything on one axis of time. Places on it are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// How long it is.
    pub seconds: f64,
    /// Where the axis is labelled, and how.
    pub ticks: Vec<(f64, String)>,
    /// What the run was doing.
    pub phases: Vec<Band>,
    /// Each fault in effect.
    pub faults: Vec<Band>,
    /// Faults for which there was no room.
    pub faults_left_out: usize,
    /// The same faults by member: what was done to it.
    pub members: Vec<MemberStrip>,
    /// When the violation was seen.
    pub violated: Option<f64>,
    /// Lines and areas.
    pub plots: Vec<Plot>,
}

/// A stretch of time with a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub until: f64,
    /// Its name in a word or two.
    pub label: String,
    /// All about it.
    pub about: String,
    /// The number of the fault; 0 for what is none.
    pub fault: u64,
}

/// One member: what was done to it, and when it led.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberStrip {
    /// Its name.
    pub member: String,
    /// What was done to it.
    pub faults: Vec<Band>,
    /// When it was the leader, as it told itself.
    pub led: Vec<Band>,
}

/// Values over the whole time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// More, in small print.
    pub about: String,
    /// Whether lines lie on top of each other and are filled.
    pub stacked: bool,
    /// Whether members told it of themselves; otherwise it is what was seen of them.
    pub told: bool,
    /// The value at the upper end of the axis, and how it is written.
    pub top: (f64, String),
    /// The value at the lower end, and how it is written.
    pub bottom: (f64, String),
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What it is of.
    pub label: String,
    /// The name of its colour: `ok`, `failed`, `unknown`, or `m0` and so on.
    pub colour: String,
    /// Thin lines accompany others.
    pub thin: bool,
    /// Places and values; `None` where there is nothing to show.
    pub points: Vec<(f64, Option<f64>)>,
    /// Each value written out.
    pub texts: Vec<String>,
}

/// How fast calls were answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// By call, the most frequent first.
    pub rows: Vec<LatencyRow>,
    /// Failures by class, the most frequent first.
    pub classes: Vec<(String, String)>,
}

/// One call's latencies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyRow {
    /// The call.
    pub call: String,
    /// Replies, failures, unknown outcomes.
    pub counts: [String; 3],
    /// 50, 90, 99 and 99.9 of a hundred replies took at most so long; and the longest.
    pub quantiles: [String; 5],
    /// Bars of the histogram: share of the highest, where it ends, and how many.
    pub bars: Vec<(f64, String, String)>,
}

pub(super) fn timeline(material: &Material, clock: &Clock) -> Option<Timeline> {
    let seconds = clock.length_s();
    if seconds <= 0.0 {
        return None;
    }
    let mut longest: Vec<&FaultRun> = material.faults.iter().collect();
    longest.sort_by_key(|fault| std::cmp::Reverse(fault.until.unwrap_or(clock.until).since(fault.from)));
    longest.truncate(BANDS_MAX);
    longest.sort_by_key(|fault| fault.id);
    let ticks = numbers::ticks_s(seconds).into_iter();
    Some(Timeline {
        seconds,
        ticks: ticks.map(|at| (at / seconds, numbers::duration_s(at))).collect(),
        phases: phases(material, clock),
        faults: longest.iter().map(|fault| band(fault, clock)).collect(),
        faults_left_out: material.faults.len() - longest.len(),
        members: members(material, &longest, clock),
        violated: violated(material, clock),
        plots: plots(material, clock),
    })
}

/// The end of the operation that no order is left with.
fn violated(material: &Material, clock: &Clock) -> Option<f64> {
    let core = material.violation.iter().flat_map(|found| &found.witness.operations).filter(|one| one.core);
    core.map(|one| one.returned.unwrap_or(one.invoked)).max().map(|t| clock.share(t))
}

fn band(fault: &FaultRun, clock: &Clock) -> Band {
    let (from, until) = (clock.s(fault.from), fault.until.map(|until| clock.s(until)));
    let when = match until {
        Some(until) if until - from >= 0.001 => {
            format!("{} to {}", numbers::moment_s(from), numbers::moment_s(until))
        }
        Some(_) => format!("at {}", numbers::moment_s(from)),
        None => format!("from {}, never seen to end", numbers::moment_s(from)),
    };
    let effect = if fault.effect { "" } else { "; no effect was seen" };
    Band {
        from: clock.share(fault.from),
        until: clock.share(fault.until.unwrap_or(clock.until)),
        label: fault.label.clone(),
        about: format!("fault {}: {} on {}, {when}{effect}", fault.id, fault.what, fault.members.join(", ")),
        fault: fault.id,
    }
}

/// Told by the commands: what comes first, drivers, what comes last.
fn phases(material: &Material, clock: &Clock) -> Vec<Band> {
    let of = |kinds: &[&str]| {
        let runs = || material.commands.iter().filter(|run| kinds.contains(&run.kind.as_str()));
        let from = runs().map(|run| run.started).min()?;
        let until = runs().map(|run| run.ended.unwrap_or(clock.until)).max()?;
        Some((from, until))
    };
    let drivers = ["parallel_driver", "serial_driver", "singleton_driver", "anytime"];
    let mut bands = Vec::new();
    for (label, found) in [
        ("first", of(&["first"])),
        ("drivers", of(&drivers)),
        ("eventually", of(&["eventually"])),
        ("finally", of(&["finally"])),
    ] {
        let Some((from, until)) = found else { continue };
        let took = numbers::duration_s(until.since(from).as_secs_f64());
        bands.push(Band {
            from: clock.share(from),
            until: clock.share(until),
            label: label.to_owned(),
            about: format!("{label}: {took}, from {}", numbers::moment_s(clock.s(from))),
            fault: 0,
        });
    }
    bands
}

pub(super) fn member_names(material: &Material) -> Vec<String> {
    let told = material.run.iter().flat_map(|run| &run.versions).map(|(member, _)| member.clone());
    let faulted = material.faults.iter().flat_map(|fault| &fault.members).cloned();
    let mut names: Vec<String> =
        told.chain(faulted).chain(material.observed.members.iter().cloned()).collect();
    names.sort();
    names.dedup();
    names.truncate(16);
    names
}

fn members(material: &Material, faults: &[&FaultRun], clock: &Clock) -> Vec<MemberStrip> {
    let leaders = material.metrics.iter().find(|metric| metric.unit == Unit::Flag);
    let strip = |member: String| MemberStrip {
        faults: faults
            .iter()
            .filter(|fault| fault.members.contains(&member))
            .map(|fault| band(fault, clock))
            .collect(),
        led: leaders.map_or(Vec::new(), |metric| led(metric, &member, clock)),
        member,
    };
    member_names(material).into_iter().map(strip).collect()
}

fn led(metric: &Metric, member: &str, clock: &Clock) -> Vec<Band> {
    let Some((_, points)) = metric.members.iter().find(|(name, _)| name == member) else { return Vec::new() };
    let mut bands: Vec<Band> = Vec::new();
    for pair in points.windows(2).filter(|pair| pair[0].1 > 0.0) {
        let (from, until) = (clock.share(pair[0].0), clock.share(pair[1].0));
        match bands.last_mut() {
            Some(last) if last.until >= from => last.until = until,
            _ => bands.push(Band {
                from,
                until,
                label: "leader".to_owned(),
                about: format!("{member} led from {}", numbers::moment_s(clock.s(pair[0].0))),
                fault: 0,
            }),
        }
    }
    bands
}

fn plots(material: &Material, clock: &Clock) -> Vec<Plot> {
    let observed = &material.observed;
    let mut plots = Vec::new();
    if !observed.columns.is_empty() {
        plots.push(rates(material, clock));
        plots.extend(latencies(material, clock));
        plots.extend(revisions(material, clock));
    }
    plots.extend(recovery::plot(material, clock));
    plots
        .extend(material.metrics.iter().filter(|metric| metric.unit != Unit::Flag).map(|m| metric(m, clock)));
    plots
}

fn places(material: &Material, clock: &Clock) -> impl Iterator<Item = f64> {
    let (from, width, clock) = (material.observed.columns_from.0, material.observed.column_ns, *clock);
    (0..material.observed.columns.len() as u64).map(move |n| clock.share(Nanos(from + n * width + width / 2)))
}

fn rates(material: &Material, clock: &Clock) -> Plot {
    let width_s = material.observed.column_ns as f64 / 1e9;
    let columns = &material.observed.columns;
    let line = |label: &str, of: fn(&Column) -> u64| {
        let values: Vec<f64> = columns.iter().map(|column| of(column) as f64 / width_s).collect();
        Line {
            label: label.to_owned(),
            colour: label.to_owned(),
            thin: false,
            points: places(material, clock).zip(values.iter().map(|value| Some(*value))).collect(),
            texts: values.iter().map(|value| numbers::rate(*value)).collect(),
        }
    };
    let lines = vec![
        line("ok", |column| column.outcomes.ok),
        line("failed", |column| column.outcomes.failed),
        line("unknown", |column| column.outcomes.unknown),
    ];
    let top = columns.iter().map(|column| column.outcomes.total() as f64 / width_s).fold(0.0, f64::max);
    let top = numbers::ceiling(top);
    Plot {
        title: "Operations a second".to_owned(),
        about: format!("by outcome, in columns of {}", numbers::duration_s(width_s)),
        stacked: true,
        told: false,
        top: (top, numbers::rate(top)),
        bottom: (0.0, "0".to_owned()),
        lines,
    }
}

/// On an axis of decimal powers: latencies under faults are thousands of times those without.
fn latencies(material: &Material, clock: &Clock) -> Option<Plot> {
    let observed = &material.observed;
    let mut lines = Vec::new();
    let least = observed.outcomes.total() / 100;
    let drawn = observed.calls().into_iter().filter(|call| observed.latencies[*call].total() > least);
    for (n, call) in drawn.take(CALLS_DRAWN).enumerate() {
        for (quantile, thin) in [(0.5, false), (0.99, true)] {
            let values: Vec<Option<u64>> = (observed.columns.iter())
                .map(|column| column.latencies[call].as_ref())
                .map(|found| found.filter(|found| !thin || found.total() >= REPLIES_LEAST))
                .map(|found| found.map(|found| found.quantile_ns(quantile)))
                .collect();
            lines.push(Line {
                label: format!("{} p{}", CALLS[call], if thin { "99" } else { "50" }),
                colour: format!("m{n}"),
                thin,
                points: places(material, clock).zip(values.iter().map(|ns| ns.map(log_ms))).collect(),
                texts: values.iter().map(|ns| ns.map_or("–".to_owned(), numbers::duration_ns)).collect(),
            });
        }
    }
    let values = lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if lines.is_empty() || low > high {
        return None;
    }
    let (low, high) = (low.floor(), high.ceil().max(low.floor() + 1.0));
    let power = |log: f64| numbers::duration_s(10f64.powf(log) / 1e3);
    Some(Plot {
        title: "Latency of replies".to_owned(),
        about: "the half and the 99th of a hundred; each line upwards is ten times more".to_owned(),
        stacked: false,
        told: false,
        top: (high, power(high)),
        bottom: (low, power(low)),
        lines,
    })
}

fn log_ms(ns: u64) -> f64 {
    (ns.max(1) as f64 / 1e6).log10()
}

/// How far each member is behind the highest revision that anyone has told.
fn revisions(material: &Material, clock: &Clock) -> Option<Plot> {
    let observed = &material.observed;
    let mut highest = 0;
    let mut heads = Vec::new();
    for column in &observed.columns {
        highest = column.revisions.iter().copied().fold(highest, i64::max);
        heads.push(highest);
    }
    if highest <= 0 {
        return None;
    }
    let line = |(n, member): (usize, &String)| {
        let told =
            observed.columns.iter().map(|column| column.revisions.get(n).copied().filter(|told| *told > 0));
        // What a member has told stays true until it tells more.
        let told: Vec<Option<i64>> = told
            .scan(None, |last, told| {
                *last = told.or(*last);
                Some(*last)
            })
            .collect();
        Line {
            label: member.clone(),
            colour: format!("m{n}"),
            thin: false,
            points: places(material, clock)
                .zip(told.iter().map(|told| told.map(|told| told as f64)))
                .collect(),
            texts: told
                .iter()
                .map(|told| told.map_or("–".to_owned(), |told| numbers::count(told as u64)))
                .collect(),
        }
    };
    let top = numbers::ceiling(highest as f64);
    Some(Plot {
        title: "Revision".to_owned(),
        about: "the highest that each member told with a reply".to_owned(),
        stacked: false,
        told: false,
        top: (top, numbers::count(top as u64)),
        bottom: (0.0, "0".to_owned()),
        lines: observed.members.iter().enumerate().map(line).collect(),
    })
}

fn metric(metric: &Metric, clock: &Clock) -> Plot {
    let text = |value: f64| numbers::metric(metric.unit, value);
    let thinned = |points: &[(Nanos, f64)]| -> Vec<(Nanos, f64)> {
        let step = points.len().div_ceil(POINTS_MAX).max(1);
        points.iter().copied().step_by(step).collect()
    };
    let lines: Vec<Line> = (metric.members.iter().enumerate())
        .map(|(n, (member, points))| {
            let points = thinned(points);
            Line {
                label: member.clone(),
                colour: format!("m{n}"),
                thin: false,
                points: points
                    .iter()
                    .map(|(t, v)| (clock.share(*t), Some(*v).filter(|v| v.is_finite())))
                    .collect(),
                texts: points.iter().map(|(_, value)| text(*value)).collect(),
            }
        })
        .collect();
    let top = lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value).fold(0.0, f64::max);
    let top = if metric.unit == Unit::Bytes { bytes_ceiling(top) } else { numbers::ceiling(top) };
    Plot {
        title: metric.title.clone(),
        about: metric.name.clone(),
        stacked: false,
        told: true,
        top: (top, text(top)),
        bottom: (0.0, "0".to_owned()),
        lines,
    }
}

/// Round in units of 1024.
fn bytes_ceiling(max: f64) -> f64 {
    let mut unit = 1.0;
    while max / unit >= 1_024.0 {
        unit *= 1_024.0;
    }
    numbers::ceiling(max / unit) * unit
}

pub(super) fn latency(material: &Material) -> Latency {
    let observed = &material.observed;
    let row = |call: usize| {
        let (latencies, outcomes) = (&observed.latencies[call], observed.by_call[call]);
        let quantile = |quantile| numbers::duration_ns(latencies.quantile_ns(quantile));
        let doublings = latencies.doublings();
        let highest = doublings.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64;
        let quantiles = match latencies.total() {
            0 => std::array::from_fn(|_| "–".to_owned()),
            _ => [
                quantile(0.5),
                quantile(0.9),
                quantile(0.99),
                quantile(0.999),
                numbers::duration_ns(latencies.max_ns()),
            ],
        };
        LatencyRow {
            call: CALLS[call].to_owned(),
            counts: [outcomes.ok, outcomes.failed, outcomes.unknown].map(numbers::count),
            quantiles,
            bars: (doublings.iter())
                .map(|(end, count)| {
                    (*count as f64 / highest, numbers::duration_ns(*end), numbers::count(*count))
                })
                .collect(),
        }
    };
    Latency {
        rows: observed.calls().into_iter().map(row).collect(),
        classes: observed.classes.iter().map(|(class, n)| (class.clone(), numbers::count(*n))).collect(),
    }
}
