//! Validation: every key that was put is read back through another member and compared with what is known of it.
//!
//! Nothing of what was attempted is dropped: a key whose put had no answer is read like any other, and its value may
//! be there or not. A read that finds nothing is an answer, never an error.

use history::{WriteError, clock};

use crate::attempt::{Attempt, get};
use crate::client::Read;
use crate::config::Member;
use crate::connect::connect_to_any;
use crate::consistency::{Fate, Mismatch, Write, compare};
use crate::draw::Draw;
use crate::event::{Event, Watcher};
use crate::session::Session;
use crate::traffic::Traffic;

/// What reading the keys of attempts came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// Keys that were read and compared.
    pub compared: usize,
    /// Of these, the ones with an acknowledged put: they could have been missing.
    pub acknowledged: usize,
    /// Of these, the ones whose put had an unknown outcome and was found to be applied.
    pub turned_out_applied: usize,
    /// Keys that could not be read, for want of an answer or of time.
    pub unread: usize,
    /// The first contradiction.
    pub mismatch: Option<Mismatch>,
}

/// Reads every attempted key through a random member other than the one that was written through, if there is another,
/// and compares. `None` where no such member answers.
///
/// # Errors
/// When an operation cannot be recorded.
pub async fn validate<'c>(
    session: &Session<'c>,
    traffic: &Traffic<'c>,
    draw: &mut impl Draw,
    watcher: &mut Watcher<'_>,
) -> Result<Option<Validation>, WriteError> {
    let members = &session.config().members;
    let mut others: Vec<&Member> = members.iter().filter(|member| *member != traffic.member).collect();
    if others.is_empty() {
        others.push(traffic.member);
    }
    // Dials are a part of it: three that are not answered take long enough.
    let deadline = clock::now().plus(session.config().limits.phase);
    let Some(mut client) = connect_to_any(session, others, draw, watcher).await? else { return Ok(None) };

    let mut validation = Validation::default();
    for (done, attempt) in traffic.attempts.iter().enumerate() {
        if clock::now() > deadline {
            let of = traffic.attempts.len();
            watcher(&Event::TimeUp { done, of });
            validation.unread += of - done;
            break;
        }
        match get(&mut client, attempt.key.as_bytes(), watcher).await? {
            Ok(read) => validation.take(attempt, &read, &client.member().name),
            Err(_) => validation.unread += 1,
        }
    }
    watcher(&match &validation.mismatch {
        Some(mismatch) => Event::Mismatch(mismatch),
        None => Event::Validated { compared: validation.compared, unread: validation.unread },
    });
    Ok(Some(validation))
}

impl Validation {
    /// Adds what reading other keys came to.
    pub fn join(&mut self, other: Self) {
        self.compared += other.compared;
        self.acknowledged += other.acknowledged;
        self.turned_out_applied += other.turned_out_applied;
        self.unread += other.unread;
        self.mismatch = self.mismatch.take().or(other.mismatch);
    }

    /// Compares what `member` answered with the attempt on that key.
    pub fn take(&mut self, attempt: &Attempt, read: &Read, member: &str) {
        let key = attempt.key.as_bytes();
        let found = read.seen(key);
        let write = Write { value: attempt.value.as_bytes(), fate: attempt.fate };
        self.compared += 1;
        self.acknowledged += usize::from(matches!(attempt.fate, Fate::Acknowledged(_)));
        self.turned_out_applied += usize::from(attempt.fate == Fate::Unknown && found.is_some());
        if let Err(mismatch) = compare(key, &[write], found.as_ref(), member) {
            self.mismatch.get_or_insert(*mismatch);
        }
    }
}
