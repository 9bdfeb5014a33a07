//! What has happened in a run that a known defect may need: read from its history and from the kinds of its faults.

use std::collections::{BTreeMap, BTreeSet};

use history::{Call, Cluster, History, Operation, Outcome, Reply};
use serde::Deserialize;

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trace {
    /// A member was killed.
    Kill,
    /// A member was stopped for a while, and went on.
    Pause,
    /// A member was killed, stopped, or cut off from others.
    Away,
    /// There is one member only.
    SingleMember,
    /// Revisions were compacted, by a client or a fault.
    Compaction,
    /// A transaction that may write was refused, because it also read a compacted revision.
    TransactionAtCompactedRevision,
    /// A member's addresses were changed.
    MemberUpdate,
    /// A lease was kept alive after its revoke was answered, by a member that had not made that revision yet.
    RenewalFromBehind,
}

/// All that has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces(pub(super) BTreeSet<Trace>);

impl Traces {
    /// Those of a run with so many members and faults of these kinds, each of which had an effect.
    #[must_use]
    pub fn of<'f>(history: &History<'_>, members: usize, faults: impl IntoIterator<Item = &'f str>) -> Self {
        let mut traces: BTreeSet<Trace> = history.operations.iter().filter_map(of_operation).collect();
        if members == 1 {
            traces.insert(Trace::SingleMember);
        }
        if renewed_from_behind(history) {
            traces.insert(Trace::RenewalFromBehind);
        }
        for fault in faults {
            traces.extend(of_fault(fault));
        }
        Self(traces)
    }

    /// Whether this has happened.
    #[must_use]
    pub fn has(&self, trace: Trace) -> bool {
        self.0.contains(&trace)
    }
}

fn of_fault(label: &str) -> &'static [Trace] {
    match label {
        "kill" => &[Trace::Kill, Trace::Away],
        "pause" | "throttle" => &[Trace::Pause, Trace::Away],
        "stop" | "wipe" | "partition" | "one-way cut" | "hold" | "bandwidth" => &[Trace::Away],
        "compact" => &[Trace::Compaction],
        _ => &[],
    }
}

fn renewed_from_behind(history: &History<'_>) -> bool {
    let mut revoked = BTreeMap::new();
    for operation in &history.operations {
        if let (Call::Revoke { lease }, Outcome::Ok(Reply::Revoke { revision })) =
            (&operation.call, &operation.outcome)
            && let Some(returned) = operation.returned
        {
            revoked.insert(*lease, (returned, *revision));
        }
    }
    history.operations.iter().any(|operation| match (&operation.call, &operation.outcome) {
        (Call::KeepAlive { lease }, Outcome::Ok(Reply::KeepAlive { revision, ttl, .. })) => {
            let since = revoked.get(lease);
            *ttl > 0
                && since.is_some_and(|(returned, gone)| *returned < operation.invoked && *revision < *gone)
        }
        _ => false,
    })
}

fn of_operation(operation: &Operation<'_>) -> Option<Trace> {
    let class = match &operation.outcome {
        Outcome::Ok(_) | Outcome::Unknown(None) => "",
        Outcome::Failed(failure) | Outcome::Unknown(Some(failure)) => &failure.class,
    };
    let failed = matches!(operation.outcome, Outcome::Failed(_));
    match &operation.call {
        Call::Txn(txn) => {
            let calls = || txn.success.iter().chain(&txn.failure);
            let reads_old = calls().any(|call| matches!(call, Call::Range(range) if range.revision > 0));
            let writes = calls().any(|call| matches!(call, Call::Put(_) | Call::Delete(_) | Call::Txn(_)));
            (class == "compacted" && reads_old && writes).then_some(Trace::TransactionAtCompactedRevision)
        }
        Call::Compact { .. } if !failed => Some(Trace::Compaction),
        Call::Cluster(Cluster::Update { .. }) if !failed => Some(Trace::MemberUpdate),
        _ => None,
    }
}
