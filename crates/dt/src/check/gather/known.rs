//! Known defects that may be behind what failed: by the versions that the members told, and by what happened in the run.

use std::path::Path;

use anyhow::Context as _;
use chaos::log;
use history::{History, Sources};
use report::known::{Known, Traces};
use report::{Property, Status};

use crate::record::RunRecord;

/// Those that are possible. Nothing is looked for where nothing failed.
pub(super) fn possible(
    dir: &Path,
    run: &RunRecord,
    sources: &Sources,
    properties: &[Property],
) -> anyhow::Result<Vec<Known>> {
    let mut known = Known::of(&run.system)?;
    if known.is_empty() || !properties.iter().any(|property| property.status == Status::Failing) {
        return Ok(Vec::new());
    }
    let log = log::read(dir).context("cannot read the log of faults")?;
    let faults = log.applied.iter().filter(|fault| fault.really_applied).map(|fault| fault.label.as_str());
    // What cannot be read as one history has been told of already.
    let Ok(history) = History::parse(sources) else { return Ok(Vec::new()) };
    let traces = Traces::of(&history, run.versions.len(), faults);
    let versions = || run.versions.iter().map(|(_, version)| version.as_str());
    known.retain(|known| known.is_possible(versions(), &traces));
    Ok(known)
}
