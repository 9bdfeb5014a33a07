//! What is left of what the run was promised: acknowledged writes of all its commands, read back and judged.
//!
//! Reads are recorded like any others, and are judged from the record afterwards: what a read had to find is what
//! had been acknowledged before it began, on the one clock of all processes.

use std::collections::VecDeque;
use std::path::PathBuf;

use history::{History, ReadError, Sources, WriteError, clock};
use thiserror::Error;

use crate::attempt::{Attempt, get};
use crate::client::{Client, Coming};
use crate::config::Member;
use crate::connect::{connect, connect_to_any};
use crate::draw::{Draw, Source};
use crate::event::{Event, Watcher};
use crate::ledger::{Judgement, Ledger};
use crate::run::{self, RunError};
use crate::session::Session;

/// An `anytime_` command reads so many keys: enough to see something, and over soon.
const SAMPLE_MAX: usize = 20;
/// It finds them in so many histories: a long run has hundreds, and to read them all would slow down what is tested.
const SAMPLE_FILES_MAX: usize = 6;
/// Keys with so many leading bytes in common were put by one command: random text of this length is nobody else's.
const COMMON_BYTES: usize = 16;
/// At most so many keys in one read: a long run has some hundred thousand, and a page of these takes milliseconds.
const PAGE_KEYS_MAX: usize = 1_000;
/// At most so many bytes of values in one read of several keys: a reply may have four times this.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// What a durability check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durability {
    /// What the reads came to.
    pub judgement: Judgement,
    /// Keys that could not be read.
    pub unread: usize,
}

/// A durability check could not be done.
#[derive(Debug, Error)]
pub enum DurabilityError {
    /// An operation cannot be recorded.
    #[error(transparent)]
    Record(#[from] WriteError),
    /// The run's histories cannot be found.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A history cannot be read.
    #[error(transparent)]
    History(#[from] ReadError),
}

/// Puts one key, then reads it and a random sample of what other commands have put so far, through another member.
///
/// # Errors
/// When an operation cannot be recorded, or the run's histories cannot be read.
pub fn check_sample<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Durability, DurabilityError>> {
    Box::pin(sampled(session, draw, watcher))
}

async fn sampled(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Durability, DurabilityError> {
    let draw = &mut draw;
    let mut members: Vec<&Member> = session.config().members.iter().collect();
    let written_through = draw.take(&mut members);
    let mut keys = Vec::new();
    if let Some(member) = written_through
        && let Some(mut client) = connect(session, member, watcher).await?
    {
        // The check is not vacuous on a cluster that nobody else has written to.
        let (key, value) = (draw.text() + &draw.text(), draw.text());
        keys.push(Attempt::put(&mut client, key, value, watcher).await?.key.into_bytes());
    }
    let few = few_files(session, draw)?;
    keys.extend(sample(session, &few, draw)?);
    if members.is_empty() {
        members.extend(written_through);
    }
    let mut check = Durability::default();
    let Some(mut client) = connect_to_any(session, members, draw, watcher).await? else { return Ok(check) };
    let deadline = clock::now().plus(session.config().limits.phase);
    for (done, key) in keys.iter().enumerate() {
        if clock::now() > deadline {
            watcher(&Event::TimeUp { done, of: keys.len() });
            check.unread += keys.len() - done;
            break;
        }
        check.unread += usize::from(get(&mut client, key, watcher).await?.is_err());
    }
    // What contradicts a few histories may be explained by another one.
    check.judgement = judgement(session, &few)?;
    if check.judgement.mismatch.is_some() {
        check.judgement = judgement(session, &run::files(session.config())?)?;
    }
    check.tell(watcher);
    Ok(check)
}

/// This process's history and some of the others'.
fn few_files(session: &Session<'_>, draw: &mut impl Draw) -> Result<Vec<PathBuf>, RunError> {
    let own = session.writer().path();
    let mut others = run::files(session.config())?;
    others.retain(|path| path != own);
    let drawn = std::iter::from_fn(|| draw.take(&mut others));
    Ok(drawn.take(SAMPLE_FILES_MAX).chain([own.to_owned()]).collect())
}

fn sample(session: &Session<'_>, files: &[PathBuf], draw: &mut impl Draw) -> Result<Vec<Vec<u8>>, ReadError> {
    let sources = Sources::read_files(files)?;
    let history = History::parse(&sources)?;
    let ledger = Ledger::of(&history);
    let own = run::own_file(&history, session);
    let mut keys: Vec<&[u8]> = ledger.acknowledged_by_others(own).collect();
    let drawn = std::iter::from_fn(|| draw.take(&mut keys));
    Ok(drawn.take(SAMPLE_MAX).map(<[u8]>::to_vec).collect())
}

/// Reads every key that the run has put, through all members in turn, and judges what is there.
///
/// # Errors
/// When an operation cannot be recorded, or the run's histories cannot be read.
pub async fn check_all(
    session: &Session<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Durability, DurabilityError> {
    let pages = pages(session)?;
    let mut check = Durability::default();
    let mut clients = VecDeque::new();
    for member in &session.config().members {
        clients.extend(connect(session, member, watcher).await?);
    }
    let deadline = clock::now().plus(session.config().limits.wait);
    let of = pages.len();
    for (done, page) in pages.iter().enumerate() {
        let in_time = clock::now() <= deadline;
        if !in_time && check.unread == 0 {
            watcher(&Event::TimeUp { done, of });
        }
        if !in_time || !read(page, &mut clients, watcher).await? {
            check.unread += page.keys;
        }
    }
    check.judgement = judgement(session, &run::files(session.config())?)?;
    check.tell(watcher);
    Ok(check)
}

/// Judges the reads of `session` by all that is written down in `files` by now.
fn judgement(session: &Session<'_>, files: &[PathBuf]) -> Result<Judgement, ReadError> {
    let sources = Sources::read_files(files)?;
    let history = History::parse(&sources)?;
    let own = run::own_file(&history, session);
    Ok(own.map_or_else(Judgement::default, |own| Ledger::of(&history).judge(&history, own)))
}

/// Keys that one read asks for: those from `first` to `last`, all of one command.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    first: Vec<u8>,
    last: Vec<u8>,
    keys: usize,
    bytes: usize,
}

fn pages(session: &Session<'_>) -> Result<Vec<Page>, RunError> {
    let sources = run::histories(session.config())?;
    let history = History::parse(&sources)?;
    Ok(paginate(Ledger::of(&history).sizes()))
}

/// Neighbouring keys with a common start make a page. A page covers no key of strangers, whose data is none of ours.
fn paginate<'k>(keys: impl Iterator<Item = (&'k [u8], usize)>) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for (key, bytes) in keys {
        match pages.last_mut() {
            Some(page)
                if page.keys < PAGE_KEYS_MAX
                    && page.bytes + bytes <= PAGE_BYTES_MAX
                    && key.len() > COMMON_BYTES
                    && page.first.len() > COMMON_BYTES
                    && page.first[..COMMON_BYTES] == key[..COMMON_BYTES] =>
            {
                page.last = key.to_vec();
                page.keys += 1;
                page.bytes += bytes;
            }
            _ => pages.push(Page { first: key.to_vec(), last: key.to_vec(), keys: 1, bytes }),
        }
    }
    pages
}

/// Reads `page` through the next member; where that fails, through each of the others once.
async fn read(
    page: &Page,
    clients: &mut VecDeque<Client<'_>>,
    watcher: &mut Watcher<'_>,
) -> Result<bool, WriteError> {
    // The exclusive end that is closest to the last key.
    let end: Vec<u8> = page.last.iter().copied().chain([0]).collect();
    for _ in 0..clients.len() {
        clients.rotate_left(1);
        let Some(client) = clients.front_mut() else { break };
        let answered = if page.keys == 1 {
            get(client, &page.first, watcher).await?.is_ok()
        } else {
            let answer = client.range(&page.first, &end).await?;
            watcher(&Event::Range { keys: page.keys, answer: &answer });
            answer.is_ok()
        };
        if answered {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Durability {
    fn tell(&self, watcher: &mut Watcher<'_>) {
        watcher(&match &self.judgement.mismatch {
            Some(mismatch) => Event::Mismatch(mismatch),
            None => Event::Validated { compared: self.judgement.acknowledged, unread: self.unread },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_neighbours_of_one_command_only() {
        let one = |n: usize| format!("AAAAAAAAAAAAAAAA{n:04}").into_bytes();
        let other = |n: usize| format!("BBBBBBBBBBBBBBBB{n:04}").into_bytes();
        let short = b"AAAA".to_vec();
        let mut keys: Vec<Vec<u8>> = (0..1_200).map(one).chain((0..2).map(other)).collect();
        keys.insert(0, short.clone());
        let pages = paginate(keys.iter().map(|key| (key.as_slice(), 2)));
        let page = |first, last, keys| Page { first, last, keys, bytes: 2 * keys };
        assert_eq!(
            pages,
            [
                page(short.clone(), short, 1),
                page(one(0), one(999), 1_000),
                page(one(1_000), one(1_199), 200),
                page(other(0), other(1), 2),
            ]
        );
    }

    #[test]
    fn a_page_of_large_values_is_short() {
        let keys: Vec<Vec<u8>> = (0..5).map(|n| format!("AAAAAAAAAAAAAAAA{n}").into_bytes()).collect();
        let sizes = [600_000, 400_000, 100_000, 3_000_000, 7];
        let pages = paginate(keys.iter().map(Vec::as_slice).zip(sizes));
        let counts: Vec<usize> = pages.iter().map(|page| page.keys).collect();
        assert_eq!(counts, [2, 1, 1, 1]);
    }
}
