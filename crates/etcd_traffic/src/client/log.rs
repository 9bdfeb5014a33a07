//! Where a client's operations are recorded: the invocation before the request leaves, the outcome when it is known.

use std::future::Future;
use std::time::Duration;

use history::{Call, Cluster, Outcome, Reply, Txn, WriteError, Writer};

use super::{Answer, Recorded, Response};
use crate::config::Member;
use crate::errors::Problem;

/// A client's place in the history.
#[derive(Clone, Copy)]
pub(crate) struct Log<'s> {
    pub(crate) writer: &'s Writer,
    pub(crate) number: u32,
    pub(crate) member: &'s Member,
    pub(crate) limit: Duration,
}

impl Log<'_> {
    /// `request` does nothing before it is polled here, after the invocation was written.
    pub(super) async fn record(
        &self,
        call: &Call<'_>,
        limit: Duration,
        request: impl Future<Output = Response>,
    ) -> Recorded<Reply<'static>> {
        let id = self.writer.invoke(self.number, &self.member.name, call)?;
        let answer = match tokio::time::timeout(limit, request).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(Problem::headless()),
            Ok(Err(error)) => Err(Problem::of(&error)),
            Err(_) => Err(Problem::timeout()),
        };
        match &answer {
            Ok(reply) => self.writer.finish(id, &Outcome::Ok(reply.clone()))?,
            Err(problem) => self.writer.finish(id, &outcome(call, problem))?,
        };
        Ok(answer)
    }

    /// Records that the client believes itself to hold a lock alone while `work` goes on.
    pub(crate) async fn hold<T>(
        &self,
        call: &Call<'_>,
        work: impl Future<Output = Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        let id = self.writer.invoke(self.number, "", call)?;
        let done = work.await;
        self.writer.finish(id, &Outcome::Ok(Reply::Done { revision: 0 }))?;
        done
    }
}

/// How a request without a reply ended. A read told nothing; a compaction is looked at by every member alike, whereas a
/// transaction that reads a compacted revision may be refused by one member and applied by another.
pub(crate) fn outcome<'p>(call: &Call<'_>, problem: &'p Problem) -> Outcome<'p> {
    let refused =
        matches!(call, Call::Compact { .. }) && matches!(problem.class, "compacted" | "future-revision");
    if refused || !changes(call) { problem.read_outcome() } else { problem.write_outcome() }
}

/// Whether a call may leave anything behind.
fn changes(call: &Call<'_>) -> bool {
    match call {
        Call::Txn(Txn { success, failure, .. }) => success.iter().chain(failure).any(changes),
        Call::Range(_)
        | Call::TimeToLive { .. }
        | Call::Leases
        | Call::Watch(_)
        | Call::Hash { .. }
        | Call::Status
        | Call::Leader { .. }
        | Call::Cluster(Cluster::Members | Cluster::Alarms | Cluster::Snapshot) => false,
        _ => true,
    }
}

/// The answer of a request, without what it was.
pub(super) fn revision(answer: &Answer<Reply<'static>>) -> Answer<i64> {
    answer.as_ref().map(Reply::revision).map_err(Clone::clone)
}
