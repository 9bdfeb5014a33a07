//! The history of a run that goes on, up to a moment. What contradicts a promise there contradicts it in the whole, too:
//! operations that had not returned by then count as unknown.

use std::path::Path;

use checker::etcd::{self, Options};
use checker::{Verdict, guarantees};
use history::{History, Nanos, Sources};

use super::gather::{HISTORY_PROPERTY, began_used};
use crate::record::RunRecord;
use crate::suite::Check;

/// What a part of a history came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Operations in it.
    pub(crate) operations: usize,
    /// The promise that it breaks, and how.
    pub(crate) broken: Option<(String, String)>,
}

/// Whether a run's history can be judged at all.
pub(crate) fn can_be_judged(run: &RunRecord) -> bool {
    run.check != Check::None
}

/// Looks at all that was stamped until `t`. Every file is read after that moment, so that nothing is missing.
pub(crate) fn look(dir: &Path, run: &RunRecord, t: Nanos) -> anyhow::Result<Looked> {
    let sources = Sources::read_dir(&dir.join("history"))?.until(t);
    let own_store = !run.attached && !began_used(dir);
    let options = if own_store { Options::own_store() } else { Options::default() };
    let (order, _) = etcd::check_files(&sources, &options)?;
    let operations = order.counts.operations;
    if let Verdict::Invalid(violation) = &order.verdict {
        let broken = (HISTORY_PROPERTY.to_owned(), violation.sentence.clone());
        return Ok(Looked { operations, broken: Some(broken) });
    }
    let history = History::parse(&sources)?;
    // When faults end is not known yet: promises that hold only then are looked at in the end.
    let surroundings = guarantees::Options { own_store, calm_from: None };
    let findings = guarantees::check(&history, &surroundings, Some(&order));
    let broken = findings.iter().find_map(|finding| match &finding.verdict {
        Verdict::Invalid(violation) => {
            Some((finding.guarantee.sentence().to_owned(), violation.sentence.clone()))
        }
        _ => None,
    });
    Ok(Looked { operations, broken })
}
