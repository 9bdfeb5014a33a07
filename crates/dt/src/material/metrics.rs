//! `metrics.jsonl` back into series. What it does not understand it passes over: numbers are for people, and nothing is
//! judged by them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cluster::chart::{MetricKind, MetricSpec};
use history::Nanos;
use report::{Metric, Unit};
use serde::Deserialize;

use crate::run::METRICS_FILE;

/// A file of more is cut: hours of samples, of which a plot shows hundreds.
const READ_MAX: usize = 64 << 20;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Head { metrics: Vec<MetricSpec> },
    Sample(Sample),
}

#[derive(Deserialize)]
struct Sample {
    t: Nanos,
    m: String,
    /// A number that JSON cannot hold, such as NaN, is null.
    v: BTreeMap<String, Option<f64>>,
}

pub(crate) fn read(dir: &Path) -> Vec<Metric> {
    let bytes = fs::read(dir.join(METRICS_FILE)).unwrap_or_default();
    parse(&bytes[..bytes.len().min(READ_MAX)])
}

fn parse(bytes: &[u8]) -> Vec<Metric> {
    let (mut specs, mut samples) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Line::Head { metrics }) => specs = metrics,
            Ok(Line::Sample(sample)) => samples.push(sample),
            Err(_) => {}
        }
    }
    specs.iter().map(|spec| metric(spec, &samples)).filter(|metric| !metric.members.is_empty()).collect()
}

fn metric(spec: &MetricSpec, samples: &[Sample]) -> Metric {
    let mut members: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        members.entry(&sample.m).or_default().push(sample);
    }
    let series = |(member, samples): (&str, Vec<&Sample>)| {
        let points = points(spec, &samples);
        (!points.is_empty()).then(|| (member.to_owned(), points))
    };
    Metric {
        title: spec.title.clone(),
        name: spec.name.clone(),
        unit: unit(spec),
        members: members.into_iter().filter_map(series).collect(),
    }
}

fn unit(spec: &MetricSpec) -> Unit {
    // Both are written the same way.
    serde_json::to_value(spec.unit).and_then(serde_json::from_value).unwrap_or(Unit::Count)
}

fn points(spec: &MetricSpec, samples: &[&Sample]) -> Vec<(Nanos, f64)> {
    let of = |sample: &Sample, name: &str| sample.v.get(name).copied().flatten();
    let names = spec.samples();
    if spec.kind == MetricKind::Value {
        return samples.iter().filter_map(|sample| Some((sample.t, of(sample, &names[0])?))).collect();
    }
    let grown = |pair: &[&Sample], name: &str| -> Option<f64> {
        // What a restarted member counts begins at zero again.
        Some(of(pair[1], name)? - of(pair[0], name)?).filter(|grown| *grown >= 0.0)
    };
    let point = |pair: &[&Sample]| -> Option<(Nanos, f64)> {
        let first = grown(pair, &names[0])?;
        let value = match spec.kind {
            MetricKind::Mean => first / grown(pair, &names[1]).filter(|count| *count > 0.0)?,
            _ => {
                let seconds = pair[1].t.since(pair[0].t).as_secs_f64();
                let scale = if unit(spec) == Unit::Percent { 100.0 } else { 1.0 };
                scale * first / seconds
            }
        };
        value.is_finite().then_some((pair[1].t, value))
    };
    samples.windows(2).filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_means_are_made_of_neighbours_and_restarts_are_passed_over() {
        let text = r#"{"metrics":[{"title":"Processor","name":"cpu","unit":"percent","kind":"rate"},
            {"title":"Sync","name":"fsync","unit":"seconds","kind":"mean"},{"title":"Data","name":"size","unit":"bytes"}]}"#
            .replace('\n', "");
        let samples = [
            r#"{"t":1000000000,"m":"a","v":{"cpu":1.0,"fsync_sum":1.0,"fsync_count":10,"size":5}}"#,
            r#"{"t":3000000000,"m":"a","v":{"cpu":2.0,"fsync_sum":3.0,"fsync_count":14,"size":null}}"#,
            "torn{",
            r#"{"t":4000000000,"m":"a","v":{"cpu":0.5,"fsync_sum":0.1,"fsync_count":1,"size":7}}"#,
        ];
        let found = parse(format!("{text}\n{}", samples.join("\n")).as_bytes());
        let of = |n: usize| {
            found[n].members[0].1.iter().map(|(t, v)| (t.0 / 1_000_000_000, *v)).collect::<Vec<_>>()
        };
        assert_eq!(of(0), [(3, 50.0)]);
        assert_eq!(of(1), [(3, 0.5)]);
        assert_eq!(of(2), [(1, 5.0), (4, 7.0)]);
    }
}
