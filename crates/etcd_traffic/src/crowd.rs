//! Many writers at once, each as fast as it gets acknowledged: what a crash catches in flight.
//!
//! Every put has a key of its own and is made once. A writer whose member does not answer waits until it does, and then
//! first reads the last thing it was promised: if a crash loses anything, then the newest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use history::{Compare, Comparison, Nanos, Target, WriteError, clock};

use crate::attempt::{Attempt, get};
use crate::client::{Client, Coming};
use crate::config::Member;
use crate::consistency::Fate;
use crate::draw::{Draw, Sizes, Source};
use crate::event::{Event, Watcher};
use crate::revisions::Revisions;
use crate::run::Start;
use crate::session::Session;
use crate::traffic::{Report, Traffic};
use crate::validate::{Validation, validate};

/// A crowd has so many writers: one that waits for nobody, a few, and mostly more than a disk can serve one by one, so
/// that there is always something in flight. A kill finds what is acknowledged before it is on disk the more often, the
/// more of them there are (etcd 3.5.1, one member, killed 60 times each: 1 loss under 8 writers, 4 to 8 under 100).
const WRITERS: [u32; 6] = [1, 8, 40, 100, 100, 100];
/// Of so many crowds, one has a connection for each writer.
const APART_ODDS: u64 = 4;
/// Of so many crowds, one makes its puts in transactions that first look at many keys. A member takes its time over them
/// between the note that it has applied a write and the write: where the two are not stored together, a crash tells.
const GUARDED_ODDS: u64 = 2;
/// Writing goes on for so long at most: over several crashes a second apart, and still a short command.
const WRITING_MS: (u64, u64) = (1_500, 5_000);
/// A crowd makes no more puts than this; a fast member acknowledges some thousands in a second.
const PUTS_MAX: u32 = 20_000;
/// Large values may come to this much in all, so that histories stay small. After that all values are tiny.
const LARGE_BYTES_MAX: usize = 4 << 20;
/// Between two questions whether a member is back: short against the time between two crashes.
const REDIAL_PAUSE: Duration = Duration::from_millis(50);
/// So many puts are read back when the writing is over. What happens around a crash is looked at when it happens.
const SAMPLE_MAX: usize = 32;

/// The whole driver: a crowd that writes, then a sample of it validated through another member.
///
/// # Errors
/// When an operation cannot be recorded. What the store answers, or does not, is no error.
pub fn write_and_validate<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Report, WriteError>> {
    Box::pin(crowded(session, draw, watcher))
}

async fn crowded(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Report, WriteError> {
    let draw = &mut draw;
    let (traffic, mut report) = write(session, draw, watcher).await?;
    let mut sampled = None;
    if let Some(traffic) = traffic {
        let mut watch = |event: &Event<'_>| {
            report.revisions.watch(event);
            watcher(event);
        };
        sampled = validate(session, &traffic, draw, &mut watch).await?;
    }
    if let Some(regression) = report.revisions.regression() {
        watcher(&Event::Regression(regression));
    }
    match (&mut report.validation, sampled) {
        (Some(all), Some(sampled)) => all.join(sampled),
        (none, sampled) => *none = none.take().or(sampled),
    }
    Ok(report)
}

/// Writes, and draws a sample of what one member was asked to put; `None` where no put was made.
async fn write<'c>(
    session: &Session<'c>,
    draw: &mut impl Draw,
    watcher: &mut Watcher<'_>,
) -> Result<(Option<Traffic<'c>>, Report), WriteError> {
    let config = session.config();
    let among = |draw: &mut dyn FnMut(u64) -> u64, len: usize| usize::try_from(draw(len as u64)).unwrap_or(0);
    let writers = WRITERS[among(&mut |bound| draw.below(bound), WRITERS.len())];
    let drawn = Duration::from_millis(WRITING_MS.0 + draw.below(WRITING_MS.1 - WRITING_MS.0 + 1));
    let members: Vec<&Member> = (0..writers)
        .map(|_| &config.members[among(&mut |bound| draw.below(bound), config.members.len())])
        .collect();
    // Over connections of their own writers are like many clients; over one they are like a busy server, whose writes
    // arrive together.
    let share = draw.below(APART_ODDS) != 0;
    let mut lines = BTreeMap::new();
    for member in config.members.iter().filter(|_| share) {
        if let Ok(line) = session.client(member).await {
            lines.insert(member.name.as_str(), line);
        }
    }
    let crowd = Crowd {
        session,
        lines,
        prefix: draw.text(),
        // Of a store that held something before, nobody knows what such a transaction compares.
        guarded: draw.below(GUARDED_ODDS) == 0
            && Start::read(config).ok().flatten().is_some_and(|start| start.fresh),
        // Who asks for a number of puts wants that number.
        until: clock::now()
            .plus(config.requests.map_or(drawn, |_| config.limits.phase).min(config.limits.phase)),
        shared: RefCell::new(Shared {
            sizes: Sizes::draw(draw),
            puts_left: config.requests.map_or(PUTS_MAX, std::num::NonZeroU32::get),
            large_left: LARGE_BYTES_MAX,
            revisions: Revisions::default(),
            validation: Validation::default(),
            draw: &mut *draw,
            watcher,
        }),
    };
    let writing = members.iter().enumerate().map(|(number, member)| crowd.writer(number, member));
    let attempts = try_join_all(writing).await?;
    let Shared { revisions, validation, watcher, .. } = crowd.shared.into_inner();

    let all = || attempts.iter().flatten();
    let count = |wanted: fn(Fate) -> bool| all().filter(|attempt| wanted(attempt.fate)).count();
    watcher(&Event::Simulated {
        acknowledged: count(|fate| matches!(fate, Fate::Acknowledged(_))),
        unknown: count(|fate| fate == Fate::Unknown),
        failed: count(|fate| fate == Fate::Failed),
    });
    let mut wrote: Vec<&Member> = members
        .iter()
        .zip(&attempts)
        .filter(|(_, made)| !made.is_empty())
        .map(|(member, _)| *member)
        .collect();
    let traffic = draw.take(&mut wrote).map(|member| {
        let through = members.iter().zip(&attempts).filter(|(other, _)| **other == member);
        let mut made: Vec<&Attempt> = through.flat_map(|(_, made)| made).collect();
        let sample = std::iter::from_fn(|| draw.take(&mut made)).take(SAMPLE_MAX).cloned().collect();
        Traffic { member, attempts: sample }
    });
    let read_back = (validation.compared > 0).then_some(validation);
    Ok((traffic, Report { validation: read_back, revisions }))
}

/// What all writers of a crowd have in common.
struct Crowd<'r, 'c, 'w, D> {
    session: &'r Session<'c>,
    /// Connections that all writers of a member share, by the member's name; none where each has its own.
    lines: BTreeMap<&'c str, Client<'r>>,
    /// All keys begin with it.
    prefix: String,
    /// Whether a put is made only if no key of some tenth of the crowd was put twice. That is so, as every key is put
    /// once; to find it out, etcd reads them all.
    guarded: bool,
    /// No put begins after this.
    until: Nanos,
    /// Borrowed between two waits only, never across one.
    shared: RefCell<Shared<'r, 'w, D>>,
}

struct Shared<'r, 'w, D> {
    sizes: Sizes,
    puts_left: u32,
    large_left: usize,
    revisions: Revisions,
    /// Of what was read back after a connection broke.
    validation: Validation,
    draw: &'r mut D,
    watcher: &'r mut Watcher<'w>,
}

impl<'c, D: Draw> Crowd<'_, 'c, '_, D> {
    /// One writer, from its first dial until time or puts run out; what it put.
    async fn writer(&self, number: usize, member: &'c Member) -> Result<Vec<Attempt>, WriteError> {
        let mut attempts = Vec::new();
        let Some(mut client) = self.join(member).await? else { return Ok(attempts) };
        let mut promised = None;
        while let Some((key, value)) = self.next(number, attempts.len()) {
            // Whatever had been answered before this put was sent is older than it.
            let before = self.shared.borrow().revisions.newest();
            let mut tell = |event: &Event<'_>| self.tell(event);
            let attempt = match self.tenth(number) {
                Some((first, end)) => {
                    let guard = Compare {
                        key: first.into(),
                        end: Some(end.into()),
                        target: Target::Version(2),
                        comparison: Comparison::Less,
                    };
                    Attempt::put_if(&mut client, guard, key, value, &mut tell).await?
                }
                None => Attempt::put(&mut client, key, value, &mut tell).await?,
            };
            match attempt.fate {
                Fate::Acknowledged(revision) => {
                    self.shared.borrow_mut().revisions.put_after(before, revision);
                    promised = Some(attempts.len());
                    attempts.push(attempt);
                }
                Fate::Unknown | Fate::Failed => {
                    attempts.push(attempt);
                    if !self.answers_again(&mut client).await? {
                        break;
                    }
                    if let Some(newest) = promised.take() {
                        self.read_back(&attempts[newest], &mut client).await?;
                    }
                }
            }
        }
        Ok(attempts)
    }

    /// Dials the member until it answers, as it may be down just now; `None` when it does not in time.
    async fn join<'s>(&'s self, member: &'c Member) -> Result<Option<Client<'s>>, WriteError> {
        let opened = match self.lines.get(member.name.as_str()) {
            Some(line) => Ok(self.session.beside(line)),
            None => self.session.client(member).await,
        };
        let mut client = match opened {
            Ok(client) => client,
            Err(problem) => {
                self.tell(&Event::NotConnected { member: &member.name, problem: &problem });
                return Ok(None);
            }
        };
        if let Err(problem) = client.status().await? {
            self.tell(&Event::NotConnected { member: &member.name, problem: &problem });
            if !self.answers_again(&mut client).await? {
                return Ok(None);
            }
        }
        self.tell(&Event::Connected { member: &member.name });
        Ok(Some(client))
    }

    /// The next key and value; `None` when the crowd is done.
    fn next(&self, number: usize, nth: usize) -> Option<(String, String)> {
        if clock::now() > self.until {
            return None;
        }
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        shared.puts_left = shared.puts_left.checked_sub(1)?;
        let size = shared.sizes.next(shared.draw).min(shared.large_left.max(Sizes::TINY_MAX));
        shared.large_left -= if size > Sizes::TINY_MAX { size } else { 0 };
        let mut value = shared.draw.text().repeat(size.div_ceil(Sizes::TINY_MAX));
        value.truncate(size);
        Some((format!("{}{number:02}/{nth:05}", self.prefix), value))
    }

    /// Where the keys of this writer and of some others begin and end, if it is to look at them before each put.
    fn tenth(&self, number: usize) -> Option<(String, String)> {
        let tens = number / 10;
        self.guarded.then(|| (format!("{}{tens}", self.prefix), format!("{}{tens}~", self.prefix)))
    }

    /// Asks the member until it answers; `false` when the crowd's time ran out over it.
    async fn answers_again(&self, client: &mut Client<'_>) -> Result<bool, WriteError> {
        while clock::now() <= self.until {
            tokio::time::sleep(REDIAL_PAUSE).await;
            if client.status().await?.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read_back(&self, attempt: &Attempt, client: &mut Client<'_>) -> Result<(), WriteError> {
        let answer = get(client, attempt.key.as_bytes(), &mut |event| self.tell(event)).await?;
        let mut shared = self.shared.borrow_mut();
        let Ok(read) = answer else {
            shared.validation.unread += 1;
            return Ok(());
        };
        let sound = shared.validation.mismatch.is_none();
        shared.validation.take(attempt, &read, &client.member().name);
        let shared = &mut *shared;
        if let (true, Some(mismatch)) = (sound, &shared.validation.mismatch) {
            (shared.watcher)(&Event::Mismatch(mismatch));
        }
        Ok(())
    }

    fn tell(&self, event: &Event<'_>) {
        (self.shared.borrow_mut().watcher)(event);
    }
}
