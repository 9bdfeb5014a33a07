//! The timeline: plots, members and commands below each other on one axis of time.
//!
//! Drawn here and not by a library of plots, as nothing else lays faults behind every line, takes its colours from the
//! page in light and dark, stretches without its letters, and needs no script: a path and a rectangle are all there is.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::{heading, plain, share};
use crate::view::{Band, CommandRow, Commands, Line, MemberStrip, Plot, Timeline};

/// The drawing's own width and height; it is stretched to what room there is.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;
/// So many letters fit next to each other in a strip; what has no room for its name is told when pointed at.
const LETTERS: f64 = 130.0;
/// The least width of a fault: it can still be seen.
const BAND_LEAST: f64 = 1.5;

pub(super) fn timeline(timeline: &Timeline, commands: &Commands) -> Markup {
    let told = timeline.plots.iter().position(|plot| plot.told).unwrap_or(timeline.plots.len());
    let (main, more) = timeline.plots.split_at(told);
    let about = match timeline.faults_left_out {
        0 => "Faults are shaded in every row".to_owned(),
        n => format!("Faults are shaded in every row; {n} short ones are left out"),
    };
    html! {
        (heading("Timeline", &about))
        div.timeline data-timeline {
            div.row.axis {
                p.name {
                    label for="moment" { "Moment " output #moment-text for="moment" {} }
                    span #moment-faults aria-live="polite" {}
                }
                div.chart {
                    input #moment type="range" min="0" max="1000" value="0" step="1" aria-label="Moment of the run";
                    (ticks(timeline))
                }
            }
            @if !timeline.phases.is_empty() {
                div.row.strip { p.name { "Phase" } div.chart { @for phase in &timeline.phases { (bar(phase, "phase")) } } }
            }
            @for member in &timeline.members { (member_row(member)) }
            @for (n, plot) in main.iter().enumerate() { (plot_row(n, plot, &timeline.faults)) }
            @for row in &commands.rows { (command_row(row)) }
            @if !more.is_empty() {
                p.parts { "What members told of themselves" }
                @for (n, plot) in more.iter().enumerate() { (plot_row(main.len() + n, plot, &timeline.faults)) }
            }
            @if let Some(at) = timeline.violated {
                div.violated style={ "--then:" (at) } { @if at < 0.5 { b { "violation" } } @else { b.before { "violation" } } }
            }
            div.cursor aria-hidden="true" {}
        }
    }
}

fn ticks(timeline: &Timeline) -> Markup {
    html! {
        div.ticks aria-hidden="true" {
            @for (at, label) in &timeline.ticks { span style={ "left:" (share(*at)) } { (label) } }
        }
    }
}

fn bar(band: &Band, class: &str) -> Markup {
    let width = share(band.until - band.from);
    html! {
        span class={ "bar " (class) } style={ "left:" (share(band.from)) ";width:" (width) } title=(plain(&band.about)) {
            @if (band.until - band.from) * LETTERS >= band.label.len() as f64 { (plain(&band.label)) }
        }
    }
}

/// Which part of a member a fault is on, by its name; decides its colour.
pub(super) fn layer(label: &str) -> &'static str {
    match label {
        "kill" | "stop" | "pause" | "throttle" | "wipe" => "process",
        "partition" | "one-way cut" | "hold" | "reset" | "delay" | "bandwidth" => "link",
        _ => "other",
    }
}

fn member_row(member: &MemberStrip) -> Markup {
    html! {
        div.row.strip.member {
            p.name { (plain(&member.member)) }
            div.chart {
                @for led in &member.led { (bar(led, "led")) }
                @for fault in &member.faults { (bar(fault, &format!("fault on-{}", layer(&fault.label)))) }
            }
        }
    }
}

/// A command's kind, which is the beginning of its file's name, and the rest of the name.
fn split(command: &str) -> (&str, &str) {
    const KINDS: [(&str, &str); 7] = [
        ("parallel_driver_", "parallel"),
        ("serial_driver_", "serial"),
        ("singleton_driver_", "singleton"),
        ("anytime_", "anytime"),
        ("first_", "first"),
        ("eventually_", "eventually"),
        ("finally_", "finally"),
    ];
    let file = command.rsplit('/').next().unwrap_or(command);
    let known = KINDS.iter().find_map(|(prefix, kind)| Some((*kind, file.strip_prefix(prefix)?)));
    known.unwrap_or(("", file))
}

fn command_row(row: &CommandRow) -> Markup {
    let rows = row.bars.iter().map(|bar| bar.row + 1).max().unwrap_or(1);
    // Many copies beside each other are drawn thinner, so that the strip stays a strip.
    let height = if rows > 8 { 4 } else { 8 };
    let (kind, name) = split(&row.command);
    html! {
        div.row.strip.ran {
            p.name title=(plain(&row.command)) { (plain(name)) " " small { (plain(kind)) " × " (row.runs) } }
            div.chart style={ "height:" (rows.min(24) * height + 6) "px" } {
                @for bar in row.bars.iter().filter(|bar| bar.row < 24) {
                    span class={ "run is-" (super::commands::class(bar.class)) } title=(plain(&bar.about))
                        style={ "left:" (share(bar.from)) ";width:" (share(bar.until - bar.from)) ";top:" (bar.row * height + 3) "px;height:" (height - 2) "px" } {}
                }
            }
        }
    }
}

fn plot_row(n: usize, plot: &Plot, faults: &[Band]) -> Markup {
    html! {
        div.row.plot data-plot=(n) {
            div.name {
                p { b { (plot.title) } }
                ul.legend {
                    @for line in plot.lines.iter().filter(|line| !line.thin) {
                        (legend(plot, line))
                    }
                }
                p.about { (plain(&plot.about)) }
            }
            div.chart {
                span.top aria-hidden="true" { (plot.top.1) }
                span.bottom aria-hidden="true" { (plot.bottom.1) }
                (drawing(plot, faults))
            }
        }
    }
}

/// A line's name with its value at the moment; thin companions share its entry.
fn legend(plot: &Plot, line: &Line) -> Markup {
    let companions = plot.lines.iter().enumerate().filter(|(_, other)| other.colour == line.colour);
    html! {
        li {
            i class={ "dot is-" (line.colour) } {}
            span { (plain(line.label.trim_end_matches(" p50"))) }
            @for (n, companion) in companions {
                @if companion.label.ends_with(" p99") { small { "p99" } }
                output data-line=(n) {}
            }
        }
    }
}

fn drawing(plot: &Plot, faults: &[Band]) -> Markup {
    let about = format!("{}: {}", plot.title, plot.lines.iter().map(summary).collect::<Vec<_>>().join("; "));
    let mut inner = String::new();
    for fault in faults {
        let width = ((fault.until - fault.from) * WIDTH).max(BAND_LEAST);
        let _ = write!(
            inner,
            "<rect class=\"band\" x=\"{:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>",
            fault.from * WIDTH
        );
    }
    for part in 1..4 {
        let y = HEIGHT * f64::from(part) / 4.0;
        let _ = write!(inner, "<path class=\"grid\" d=\"M0 {y}H{WIDTH}\"/>");
    }
    if plot.stacked {
        areas(plot, &mut inner);
    } else {
        lines(plot, &mut inner);
    }
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(plain(&about)) {
            (PreEscaped(inner))
        }
    }
}

/// A line in words, for who cannot see it.
fn summary(line: &Line) -> String {
    let values =
        || line.points.iter().zip(&line.texts).filter_map(|((_, value), text)| Some(((*value)?, text)));
    let least = values().min_by(|a, b| a.0.total_cmp(&b.0)).map_or("nothing", |(_, text)| text);
    let most = values().max_by(|a, b| a.0.total_cmp(&b.0)).map_or("nothing", |(_, text)| text);
    format!("{} from {least} to {most}", line.label)
}

fn height(plot: &Plot, value: f64) -> f64 {
    let span = (plot.top.0 - plot.bottom.0).max(f64::MIN_POSITIVE);
    HEIGHT - ((value - plot.bottom.0) / span).clamp(0.0, 1.0) * HEIGHT
}

fn lines(plot: &Plot, inner: &mut String) {
    // Thin lines go below the others.
    for line in plot.lines.iter().filter(|line| line.thin).chain(plot.lines.iter().filter(|line| !line.thin))
    {
        let mut path = String::new();
        let mut drawing = false;
        for (at, value) in &line.points {
            match value {
                Some(value) => {
                    let command = if drawing { 'L' } else { 'M' };
                    let _ = write!(path, "{command}{:.1} {:.1}", at * WIDTH, height(plot, *value));
                    if !drawing {
                        path.push_str("h0");
                    }
                    drawing = true;
                }
                None => drawing = false,
            }
        }
        let thin = if line.thin { " thin" } else { "" };
        let _ = write!(inner, "<path class=\"line is-{}{thin}\" d=\"{path}\"/>", line.colour);
    }
}

fn areas(plot: &Plot, inner: &mut String) {
    let mut below = vec![0.0; plot.lines.first().map_or(0, |line| line.points.len())];
    let mut drawn = Vec::new();
    for line in &plot.lines {
        let above: Vec<f64> =
            below.iter().zip(&line.points).map(|(low, (_, v))| low + v.unwrap_or(0.0)).collect();
        let mut path = String::new();
        for (n, (at, _)) in line.points.iter().enumerate() {
            let command = if n == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", at * WIDTH, height(plot, above[n]));
        }
        for (n, (at, _)) in line.points.iter().enumerate().rev() {
            let _ = write!(path, "L{:.1} {:.1}", at * WIDTH, height(plot, below[n]));
        }
        if line.points.iter().any(|(_, value)| value.is_some_and(|value| value > 0.0)) {
            drawn.push(format!("<path class=\"area is-{}\" d=\"{path}Z\"/>", line.colour));
        }
        below = above;
    }
    drawn.iter().for_each(|path| inner.push_str(path));
}

/// For the script: places and texts of every line, and the faults.
pub(super) fn moments(timeline: &Timeline) -> serde_json::Value {
    let short = |at: f64| (at * 1e4).round() / 1e4;
    let plot = |plot: &Plot| {
        // All lines of a plot but those of metrics have the same places.
        let line = |line: &Line| json!({"at": line.points.iter().map(|(at, _)| short(*at)).collect::<Vec<_>>(), "texts": line.texts});
        let shared = plot.lines.windows(2).all(|pair| pair[0].points.len() == pair[1].points.len());
        let at = plot.lines.first().filter(|_| shared).map(|first| line(first)["at"].clone());
        let lines = plot.lines.iter().map(|one| match &at {
            Some(_) => json!({"texts": one.texts}),
            None => line(one),
        });
        json!({"at": at, "lines": lines.collect::<Vec<_>>()})
    };
    let faults = timeline.faults.iter().map(|f| json!([short(f.from), short(f.until), plain(&f.label)]));
    json!({
        "seconds": timeline.seconds,
        "violated": timeline.violated,
        "plots": timeline.plots.iter().map(plot).collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
    })
}
