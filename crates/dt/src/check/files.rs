//! What a judged run leaves in its directory for people and machines: the verdict, the page, JUnit, a trace.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use report::{Summary, View};

use super::gather;
use crate::material;

/// Writes `verdict.json`, `report.html`, `junit.xml` and `trace.json` into `dir`, each whole or not at all.
pub(super) fn write(dir: &Path, summary: &Summary, found: Option<&checker::Violation>) -> anyhow::Result<()> {
    put(dir, "verdict.json", &(serde_json::to_string_pretty(summary)? + "\n"))?;
    let sources = gather::sources(dir)?;
    let material = material::gather(dir, &sources, Some(summary), found)?;
    drop(sources);
    let seconds = material.observed.span.map_or(0.0, |(first, last)| last.since(first).as_secs_f64());
    put(dir, "report.html", &report::html::page(&View::new(&material)))?;
    put(dir, "junit.xml", &report::junit(summary, seconds))?;
    put(dir, "trace.json", &report::trace(&material).to_string())
}

/// Nobody sees half a file: a page may be open while the run is judged again.
fn put(dir: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = dir.join(name);
    let fresh = dir.join(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
    written.with_context(|| format!("cannot write {}", path.display()))
}
