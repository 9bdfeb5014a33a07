//! The one table of errors: what a write that was answered with an error has come to.
//!
//! `No` means that the write was certainly not applied and never will be; everything else, and everything that is not
//! in the table, is `Maybe`. Most of etcd's errors are sent after the proposal has entered the log, so the safe answer
//! is the usual one. A wrong `No` makes the checker accuse a correct store; a wrong `Maybe` only makes it less sharp.
//!
//! Reads change nothing: a read that errored told nothing, whatever the error, and is recorded as failed.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io::ErrorKind;

use history::{Failure, Outcome};
use tonic::{Code, ConnectError};

/// Whether a write that was answered with an error has been applied, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Certainly not, now or later.
    No,
    /// It may have been, or may be later.
    Maybe,
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable class, for counting.
    pub class: &'static str,
    /// The store's or the client's own words.
    pub message: String,
    /// What it means for a write.
    pub applied: Applied,
}

struct Entry {
    code: Code,
    /// The message is this, or starts with it and goes on with details.
    text: &'static str,
    class: &'static str,
    applied: Applied,
}

const fn no(code: Code, text: &'static str, class: &'static str) -> Entry {
    Entry { code, text, class, applied: Applied::No }
}

const fn maybe(code: Code, text: &'static str, class: &'static str) -> Entry {
    Entry { code, text, class, applied: Applied::Maybe }
}

/// Texts are etcd's own, compared as they come; the longer of two with a common start stands first.
#[rustfmt::skip]
const TABLE: &[Entry] = &[
    // Refused before the proposal, or refused by every member alike when it is applied.
    no(Code::InvalidArgument, "etcdserver: key is not provided", "invalid-request"),
    no(Code::InvalidArgument, "etcdserver: key not found", "key-not-found"),
    no(Code::InvalidArgument, "etcdserver: value is provided", "invalid-request"),
    no(Code::InvalidArgument, "etcdserver: lease is provided", "invalid-request"),
    no(Code::InvalidArgument, "etcdserver: too many operations in txn request", "invalid-request"),
    no(Code::InvalidArgument, "etcdserver: duplicate key given in txn request", "invalid-request"),
    no(Code::InvalidArgument, "etcdserver: request is too large", "too-large"),
    no(Code::ResourceExhausted, "grpc: received message larger than max", "too-large"),
    no(Code::ResourceExhausted, "etcdserver: too many requests", "too-many-requests"),
    no(Code::NotFound, "etcdserver: requested lease not found", "lease-not-found"),
    no(Code::FailedPrecondition, "etcdserver: lease already exists", "lease-exists"),
    no(Code::PermissionDenied, "etcdserver: permission denied", "permission-denied"),
    no(Code::Unauthenticated, "etcdserver: invalid auth token", "unauthenticated"),
    no(Code::InvalidArgument, "etcdserver: revision of auth store is old", "unauthenticated"),
    no(Code::InvalidArgument, "etcdserver: mvcc: duplicate lease", "lease-exists"),
    no(Code::OutOfRange, "etcdserver: too large lease TTL", "invalid-request"),
    // Changes of the cluster that are refused before they are proposed.
    no(Code::NotFound, "etcdserver: member not found", "member-not-found"),
    no(Code::FailedPrecondition, "etcdserver: can only promote a learner member", "learner-not-ready"),
    no(Code::FailedPrecondition, "etcdserver: too many learner members in cluster", "too-many-learners"),
    no(Code::FailedPrecondition, "etcdserver: Peer URLs already exists", "member-exists"),
    // The id of a member comes from its URLs.
    no(Code::FailedPrecondition, "etcdserver: member ID already exist", "member-exists"),
    no(Code::FailedPrecondition, "etcdserver: not leader", "not-leader"),
    no(Code::Unavailable, "etcdserver: unhealthy cluster", "unhealthy"),
    // Refused by an interceptor, before the request reaches its handler.
    no(Code::Unavailable, "etcdserver: no leader", "no-leader"),
    no(Code::Unavailable, "etcdserver: not capable", "not-capable"),
    no(Code::FailedPrecondition, "etcdserver: not capable", "not-capable"),
    no(Code::Unavailable, "etcdserver: rpc not supported for learner", "learner"),
    no(Code::FailedPrecondition, "etcdserver: rpc not supported for learner", "learner"),

    // Said after the proposal: the write may be in the log already.
    maybe(Code::Unavailable, "etcdserver: request timed out, possibly due to previous leader failure", "leader-failure"),
    maybe(Code::Unavailable, "etcdserver: request timed out, possibly due to connection lost", "connection-lost"),
    maybe(Code::Unavailable, "etcdserver: request timed out", "timed-out"),
    maybe(Code::Unavailable, "etcdserver: server stopped", "server-stopped"),
    maybe(Code::Unavailable, "etcdserver: leader changed", "leader-changed"),
    // The quota is looked at before the proposal and again when it is applied: the second time the write is applied
    // and the error returned all the same, in the same words.
    maybe(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", "no-space"),
    // Dropped by this member's raft, which says nothing about an earlier try of the same proposal.
    maybe(Code::Unknown, "raft proposal dropped", "proposal-dropped"),
    // Only the answering member is known to refuse.
    maybe(Code::DataLoss, "etcdserver: corrupt cluster", "corrupt"),
    maybe(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted", "compacted"),
    maybe(Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision", "future-revision"),
];

impl Problem {
    /// The client gave up waiting.
    #[must_use]
    pub fn timeout() -> Self {
        let message = "no answer within the time limit of the client".to_owned();
        Self { class: "timeout", message, applied: Applied::Maybe }
    }

    /// A stream that its other end has ended.
    #[must_use]
    pub(crate) fn ended() -> Self {
        let message = "the stream has ended".to_owned();
        Self { class: "stream-ended", message, applied: Applied::Maybe }
    }

    /// A reply without the header that every reply has: whoever sent it was no etcd.
    #[must_use]
    pub(crate) fn headless() -> Self {
        let message = "the reply has no header".to_owned();
        Self { class: "no-header", message, applied: Applied::Maybe }
    }

    /// What an error of the client library comes to.
    #[must_use]
    pub fn of(error: &etcd_client::Error) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => status.source().map_or_else(
                || Self::of_status(status.code(), status.message()),
                |source| Self::of_transport(source, status.message()),
            ),
            etcd_client::Error::TransportError(source) => Self::of_transport(source, &error.to_string()),
            etcd_client::Error::InvalidArgs(message) => {
                Self { class: "invalid-request", message: message.clone(), applied: Applied::No }
            }
            other => Self { class: "client", message: other.to_string(), applied: Applied::Maybe },
        }
    }

    /// What a status comes to that the store itself sent.
    fn of_status(code: Code, text: &str) -> Self {
        let entry = TABLE.iter().find(|entry| entry.code == code && text.starts_with(entry.text));
        let (class, applied) =
            entry.map_or((class_of(code), Applied::Maybe), |entry| (entry.class, entry.applied));
        Self { class, message: text.to_owned(), applied }
    }

    /// What an error comes to that arose on the way. Only a connection that was never made proves that nothing was
    /// sent over it: the channel hands a failed connect to the one request that waited for it.
    fn of_transport(source: &(dyn StdError + 'static), text: &str) -> Self {
        let (mut connecting, mut kind, mut innermost) = (false, None, None);
        let mut next = Some(source);
        while let Some(error) = next {
            connecting |= error.is::<ConnectError>();
            kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(kind);
            innermost = Some(error.to_string());
            next = error.source();
        }
        let class = match (connecting, kind) {
            (true, Some(ErrorKind::ConnectionRefused)) => "connect-refused",
            (true, Some(ErrorKind::TimedOut)) => "connect-timeout",
            (true, _) => "connect-failed",
            (false, _) => "connection-lost",
        };
        let applied = if connecting { Applied::No } else { Applied::Maybe };
        let message = match innermost {
            Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
            _ => text.to_owned(),
        };
        Self { class, message, applied }
    }

    /// How a write with this problem is recorded.
    #[must_use]
    pub fn write_outcome(&self) -> Outcome<'_> {
        match self.applied {
            Applied::No => Outcome::Failed(self.failure()),
            Applied::Maybe => Outcome::Unknown(Some(self.failure())),
        }
    }

    /// How a read with this problem is recorded.
    #[must_use]
    pub fn read_outcome(&self) -> Outcome<'_> {
        Outcome::Failed(self.failure())
    }

    fn failure(&self) -> Failure<'_> {
        Failure { class: Cow::Borrowed(self.class), message: Cow::Borrowed(&self.message) }
    }
}

impl std::error::Error for Problem {}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

fn class_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid-argument",
        Code::DeadlineExceeded => "deadline-exceeded",
        Code::NotFound => "not-found",
        Code::AlreadyExists => "already-exists",
        Code::PermissionDenied => "permission-denied",
        Code::ResourceExhausted => "resource-exhausted",
        Code::FailedPrecondition => "failed-precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out-of-range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data-loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: Code, text: &str) -> (&'static str, Applied) {
        let problem = Problem::of(&etcd_client::Error::GRpcStatus(tonic::Status::new(code, text)));
        (problem.class, problem.applied)
    }

    #[test]
    fn errors_after_the_proposal_leave_a_write_unknown() {
        let cases = [
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", "no-space"),
            (Code::Unavailable, "etcdserver: request timed out", "timed-out"),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to previous leader failure",
                "leader-failure",
            ),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to connection lost",
                "connection-lost",
            ),
            (Code::Unavailable, "etcdserver: server stopped", "server-stopped"),
            (Code::Unavailable, "etcdserver: leader changed", "leader-changed"),
            (Code::Unknown, "raft proposal dropped", "proposal-dropped"),
            (Code::DataLoss, "etcdserver: corrupt cluster", "corrupt"),
            (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted", "compacted"),
        ];
        for (code, text, class) in cases {
            assert_eq!(status(code, text), (class, Applied::Maybe), "{text}");
        }
    }

    #[test]
    fn refusals_before_the_proposal_are_certain() {
        let cases = [
            (Code::ResourceExhausted, "etcdserver: too many requests", "too-many-requests"),
            (Code::InvalidArgument, "etcdserver: key is not provided", "invalid-request"),
            (Code::InvalidArgument, "etcdserver: request is too large", "too-large"),
            (Code::ResourceExhausted, "grpc: received message larger than max (9 vs. 8)", "too-large"),
            (Code::NotFound, "etcdserver: requested lease not found", "lease-not-found"),
            (Code::PermissionDenied, "etcdserver: permission denied", "permission-denied"),
            (Code::Unavailable, "etcdserver: no leader", "no-leader"),
        ];
        for (code, text, class) in cases {
            assert_eq!(status(code, text), (class, Applied::No), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_unknown() {
        let cases = [
            (Code::Unavailable, "something new", "unavailable"),
            (Code::DeadlineExceeded, "context deadline exceeded", "deadline-exceeded"),
            (Code::Cancelled, "context canceled", "cancelled"),
            // The text of a certain refusal under another code is another error.
            (Code::Unknown, "etcdserver: too many requests", "unknown"),
            (Code::InvalidArgument, "", "invalid-argument"),
        ];
        for (code, text, class) in cases {
            assert_eq!(status(code, text), (class, Applied::Maybe), "{text}");
        }
        assert_eq!(Problem::timeout().applied, Applied::Maybe);
    }

    #[test]
    fn every_entry_can_be_reached() {
        for entry in TABLE {
            assert_eq!(status(entry.code, entry.text), (entry.class, entry.applied), "{}", entry.text);
        }
    }

    #[test]
    fn a_connect_that_failed_sent_nothing_and_a_lost_connection_may_have() {
        let io = |kind| Box::new(std::io::Error::from(kind));
        let cases: [(Box<dyn StdError>, &str, Applied); 5] = [
            (Box::new(ConnectError(io(ErrorKind::ConnectionRefused))), "connect-refused", Applied::No),
            (Box::new(ConnectError(io(ErrorKind::TimedOut))), "connect-timeout", Applied::No),
            (Box::new(ConnectError("dns".into())), "connect-failed", Applied::No),
            // The same words from a connection that was made: a lost link can time out, too.
            (io(ErrorKind::TimedOut), "connection-lost", Applied::Maybe),
            (io(ErrorKind::ConnectionReset), "connection-lost", Applied::Maybe),
        ];
        for (source, class, applied) in cases {
            let problem = Problem::of_transport(&*source, "transport error");
            assert_eq!((problem.class, problem.applied), (class, applied), "{problem}");
        }
    }

    #[test]
    fn a_read_that_errored_told_nothing() {
        assert!(matches!(Problem::timeout().read_outcome(), Outcome::Failed(_)));
        assert!(matches!(Problem::timeout().write_outcome(), Outcome::Unknown(Some(_))));
    }
}
