//! What a workload tells whoever watches it, while it happens.
//!
//! A command prints these lines and evaluates properties on them; the workload itself does neither.

use std::fmt;

use history::Blob;

use crate::client::{Answer, Read};
use crate::consistency::{Mismatch, shown};
use crate::convergence::Divergence;
use crate::errors::Problem;
use crate::revisions::Regression;
use crate::swarm::Work;
use crate::work::Report;

/// Something that a workload did or saw.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Event<'a> {
    /// A connection to a member was made.
    Connected { member: &'a str },
    /// A member did not answer the dial.
    NotConnected { member: &'a str, problem: &'a Problem },
    /// A put ended; the revision of the write.
    Put { key: &'a [u8], value: &'a [u8], answer: &'a Answer<i64> },
    /// A read of one key ended.
    Get { key: &'a [u8], answer: &'a Answer<Read> },
    /// A read of neighbouring keys ended.
    Range { keys: usize, answer: &'a Answer<Read> },
    /// A call of a workload ended; what became of it where there was no reply.
    Asked { call: &'a str, problem: Option<&'a Problem> },
    /// A workload has come to its end.
    Worked { work: Work, report: &'a Report },
    /// A phase ran out of time with this many of its requests done.
    TimeUp { done: usize, of: usize },
    /// A driver has made all its puts.
    Simulated { acknowledged: usize, unknown: usize, failed: usize },
    /// A read contradicts what was written.
    Mismatch(&'a Mismatch),
    /// Reads were compared with what was written, and no contradiction was found.
    Validated { compared: usize, unread: usize },
    /// A request saw an older revision than one before it.
    Regression(Regression),
    /// The cluster is being waited for; what is lacking.
    Waiting { lacking: &'a str },
    /// The wait is over without success.
    GaveUp { lacking: &'a str },
    /// Every member did what was asked of it.
    Healthy,
    /// So many members stand still and hold the same.
    Converged { members: usize },
    /// Members stand still and do not hold the same.
    Diverged(&'a Divergence),
    /// Members could not be compared; what is lacking.
    NotCompared { lacking: &'a str },
}

/// Whoever watches a workload.
pub type Watcher<'w> = dyn FnMut(&Event<'_>) + 'w;

impl Event<'_> {
    /// Of a put: `Some(None)` when it was acknowledged, else why not.
    #[must_use]
    pub fn put_error(&self) -> Option<Option<&str>> {
        match self {
            Self::Put { answer, .. } => Some(answer.as_ref().err().map(|problem| problem.message.as_str())),
            _ => None,
        }
    }

    /// Of a workload's request: `Some(None)` when it was answered, else why not.
    #[must_use]
    pub fn request_error(&self) -> Option<Option<&str>> {
        match self {
            Self::Asked { problem, .. } => Some(problem.map(|problem| problem.message.as_str())),
            _ => None,
        }
    }

    /// Of a get, of one key or several: `Some(None)` when it was answered, else why not.
    #[must_use]
    pub fn get_error(&self) -> Option<Option<&str>> {
        match self {
            Self::Get { answer, .. } | Self::Range { answer, .. } => {
                Some(answer.as_ref().err().map(|problem| problem.message.as_str()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |bytes: &[u8]| Blob::from(bytes).to_string();
        match self {
            Self::Connected { member } => write!(f, "connected to {member}"),
            Self::NotConnected { member, problem } => write!(f, "failed to connect to {member} ({problem})"),
            Self::Put { key, value, answer: Ok(revision) } => {
                let (key, value) = (show(key), shown(value));
                write!(f, "successful put with key '{key}' and value '{value}', revision {revision}")
            }
            Self::Put { key, value, answer: Err(problem) } => {
                let (key, value) = (show(key), shown(value));
                write!(f, "unsuccessful put with key '{key}', value '{value}', and error '{problem}'")
            }
            Self::Get { key, answer: Ok(read) } => {
                let found =
                    read.found.first().map_or_else(|| "nothing".to_owned(), |kv| shown(kv.value.bytes()));
                write!(f, "successful get with key '{}': {found}", show(key))
            }
            Self::Get { key, answer: Err(problem) } => {
                write!(f, "unsuccessful get with key '{}', and error '{problem}'", show(key))
            }
            Self::Range { keys, answer: Ok(read) } => {
                write!(f, "successful get of {keys} keys, {} found", read.found.len())
            }
            Self::Range { keys, answer: Err(problem) } => {
                write!(f, "unsuccessful get of {keys} keys, and error '{problem}'")
            }
            Self::Asked { call, problem: None } => write!(f, "successful {call}"),
            Self::Asked { call, problem: Some(problem) } => write!(f, "unsuccessful {call}: {problem}"),
            Self::Worked { work, report: Report { rounds, answered, unanswered, .. } } => {
                write!(f, "{}: {rounds} rounds, {answered} requests answered, {unanswered} not", work.about())
            }
            Self::TimeUp { done, of } => write!(f, "time is up after {done} of {of} requests"),
            Self::Simulated { acknowledged, unknown, failed } => {
                write!(
                    f,
                    "traffic simulated! {acknowledged} puts acknowledged, {unknown} unknown, {failed} failed"
                )
            }
            Self::Mismatch(mismatch) => write!(f, "a key value mismatch! This shouldn't happen. {mismatch}"),
            Self::Validated { compared: 0, unread } => write!(f, "nothing validated, {unread} keys not read"),
            Self::Validated { compared, unread: 0 } => write!(f, "validation ok! {compared} keys compared"),
            Self::Validated { compared, unread } => {
                write!(f, "validation ok as far as it went: {compared} keys compared, {unread} not read")
            }
            Self::Regression(Regression { before, after }) => {
                write!(f, "revisions went back! This shouldn't happen. {after} was seen after {before}")
            }
            Self::Waiting { lacking } => write!(f, "waiting for the cluster: {lacking}"),
            Self::GaveUp { lacking } => write!(f, "the cluster is not healthy in time: {lacking}"),
            Self::Healthy => f.write_str("every member is healthy"),
            Self::Converged { members: 1 } => f.write_str("there is no other member to compare with"),
            Self::Converged { members } => write!(f, "all {members} members hold the same"),
            Self::Diverged(divergence) => {
                write!(f, "members have gone apart! This shouldn't happen. {divergence}")
            }
            Self::NotCompared { lacking } => write!(f, "members could not be compared: {lacking}"),
        }
    }
}
