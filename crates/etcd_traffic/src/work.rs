//! Workloads beyond puts and gets: each a few rounds of something that etcd's users do, by the run's [`Swarm`].
//!
//! A workload sends what it means to send and looks at what it is told; nothing is sent a second time because it was not
//! answered. What all clients saw together is the checker's to judge; what one round can tell by itself is a [`Check`].

mod bank;
mod corners;
mod follow;
mod keys;
mod leases;
mod locks;
mod maintain;
mod menu;
mod mirror;
mod permissions;
mod replicas;
mod service;
mod snapshot;
mod space;

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::try_join_all;
use history::{Call, KeyValue, Nanos, Reply, WriteError, clock};
use serde::Serialize;
use thiserror::Error;

pub use self::maintain::put_right;
pub use self::replicas::{Replicas, read_replicas};
use crate::client::{Answer, Client, Coming, Recorded};
use crate::config::Member;
use crate::draw::{Draw, Source};
use crate::event::{Event, Watcher};
use crate::run::RunError;
use crate::session::Session;
use crate::swarm::{Group, Swarm, Work};

/// One command makes no more requests than this: a fast member answers some thousands in a second.
const REQUESTS_MAX: u32 = 5_000;
/// Nor does it write and read more bytes than this, so that histories stay small.
const BYTES_MAX: usize = 3 << 20;
/// Leases, locks and changes of the cluster take their time, however short the run's commands are.
const SLOW_MIN: Duration = Duration::from_secs(6);

/// Work could not be done.
#[derive(Debug, Error)]
pub enum WorkError {
    /// An operation cannot be recorded.
    #[error(transparent)]
    Record(#[from] WriteError),
    /// The run's configuration cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Something that rounds can see by themselves: how often it was looked at, and the first time that it was not so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Times it was looked at.
    pub compared: usize,
    /// What was seen when it was broken, in words.
    pub broken: Option<String>,
}

impl Check {
    fn saw(&mut self, broken: Option<String>) {
        self.compared += 1;
        self.broken = self.broken.take().or(broken);
    }

    fn join(&mut self, other: Self) {
        self.compared += other.compared;
        self.broken = self.broken.take().or(other.broken);
    }
}

/// What one command did, and what it saw by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What it did; `None` where it could do nothing.
    pub work: Option<Work>,
    /// Rounds that came to their end.
    pub rounds: usize,
    /// Requests that were answered.
    pub answered: usize,
    /// Requests that were not, or were refused.
    pub unanswered: usize,
    /// Transactions whose comparisons held, and others.
    pub held: usize,
    #[expect(missing_docs, reason = "see `held`")]
    pub differed: usize,
    /// Changes that watches delivered.
    pub delivered: usize,
    /// Keys that went with their lease's time, as far as a watch told.
    pub ran_out: usize,
    /// Times a lock was held, or an election won.
    pub granted: usize,
    /// What is in all accounts together stays the same.
    pub bank: Check,
    /// A list that a watch kept up to date is what a later list shows.
    pub mirror: Check,
    /// A snapshot ends with its own digest.
    pub snapshot: Check,
    /// A snapshot holds what its store held.
    pub contents: Check,
    /// Puts are refused while an alarm about space is raised.
    pub refusal: Check,
    /// Members are those that were asked for.
    pub membership: Check,
    /// A learner stays one.
    pub learner: Check,
    /// Users see and write what they may, and nothing else.
    pub permissions: Check,
    /// Watches tell users of what they may see.
    pub watched: Check,
    /// Keys stay for as long as their lease was promised to live.
    pub kept: Check,
    /// Puts are taken again once room was made.
    pub room: Check,
}

impl Report {
    fn join(&mut self, other: Self) {
        self.work = self.work.or(other.work);
        self.rounds += other.rounds;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.held += other.held;
        self.differed += other.differed;
        self.delivered += other.delivered;
        self.ran_out += other.ran_out;
        self.granted += other.granted;
        self.bank.join(other.bank);
        self.mirror.join(other.mirror);
        self.snapshot.join(other.snapshot);
        self.contents.join(other.contents);
        self.refusal.join(other.refusal);
        self.membership.join(other.membership);
        self.learner.join(other.learner);
        self.permissions.join(other.permissions);
        self.watched.join(other.watched);
        self.kept.join(other.kept);
        self.room.join(other.room);
    }
}

/// One driver: draws what to do among a group's workloads, and does it for a while.
///
/// # Errors
/// When an operation cannot be recorded, or the run's configuration cannot be read. What the store answers, or does not,
/// is no error.
pub fn drive<'a>(
    session: &'a Session<'_>,
    group: Group,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Report, WorkError>> {
    Box::pin(driven(session, group, draw, watcher))
}

async fn driven(
    session: &Session<'_>,
    group: Group,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Report, WorkError> {
    let swarm = Swarm::read(session.config())?;
    let Some(work) = swarm.choose(group, &mut draw) else { return Ok(Report::default()) };
    let mut site = Site::new(session, swarm, &mut draw, watcher);
    site.hurried = group.is_narrow();
    let report = site.work(work).await?;
    site.tell(&Event::Worked { work, report: &report });
    Ok(report)
}

/// Several kinds of work beside each other, by one process with the cluster to itself.
///
/// # Errors
/// As [`drive`].
pub fn everything<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Report, WorkError>> {
    Box::pin(all_driven(session, draw, watcher))
}

async fn all_driven(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Report, WorkError> {
    let swarm = Swarm::read(session.config())?;
    let groups = [Group::Keys, Group::Keys, Group::Watches, Group::Leases, Group::Locks];
    let works: Vec<Work> = groups.iter().filter_map(|group| swarm.choose(*group, &mut draw)).collect();
    let site = Site::new(session, swarm, &mut draw, watcher);
    let mut all = Report::default();
    for report in try_join_all(works.iter().map(|work| site.work(*work))).await? {
        site.tell(&Event::Worked { work: report.work.unwrap_or(Work::Read), report: &report });
        all.join(report);
    }
    Ok(all)
}

/// Where work is done: a session, the run's configuration, and the draws and the watcher of all clients.
pub(crate) struct Site<'r, 'c, 'w, D> {
    pub(crate) session: &'r Session<'c>,
    pub(crate) swarm: Swarm,
    /// Whatever the run's pace is.
    hurried: bool,
    began: Nanos,
    /// Borrowed between two waits only, never across one.
    shared: RefCell<Shared<'r, 'w, D>>,
}

struct Shared<'r, 'w, D> {
    draw: &'r mut D,
    watcher: &'r mut Watcher<'w>,
    requests_left: u32,
    bytes_left: usize,
}

impl<'r, 'c, 'w, D: Draw> Site<'r, 'c, 'w, D> {
    pub(crate) fn new(
        session: &'r Session<'c>,
        swarm: Swarm,
        draw: &'r mut D,
        watcher: &'r mut Watcher<'w>,
    ) -> Self {
        let requests_left = session.config().requests.map_or(REQUESTS_MAX, std::num::NonZeroU32::get);
        let shared = RefCell::new(Shared { draw, watcher, requests_left, bytes_left: BYTES_MAX });
        Self { session, swarm, hurried: false, began: clock::now(), shared }
    }

    async fn work(&self, work: Work) -> Result<Report, WriteError> {
        let mut report = Report { work: Some(work), ..Report::default() };
        // Rounds of these are made by several clients at once; the others take more than one client themselves.
        let clients = match work {
            Work::Register | Work::Append | Work::Recreate | Work::Bank | Work::Lock | Work::ServiceLock => {
                self.swarm.workers
            }
            _ => 1,
        };
        for one in try_join_all((0..clients).map(|_| Box::pin(self.client_works(work)))).await? {
            report.join(one);
        }
        Ok(report)
    }

    async fn client_works(&self, work: Work) -> Result<Report, WriteError> {
        let mut report = Report::default();
        let Some(mut client) = self.client().await? else { return Ok(report) };
        let slow = !Group::Keys.works().contains(&work);
        while self.goes_on(slow) {
            let one = &mut report;
            match work {
                Work::Register => keys::register(self, &mut client, one).await?,
                Work::Append => keys::append(self, &mut client, one).await?,
                Work::Recreate => keys::recreate(self, &mut client, one).await?,
                Work::Bank => bank::transfer(self, &mut client, one).await?,
                Work::Menu => menu::transaction(self, &mut client, one).await?,
                Work::Read => menu::read(self, &mut client, one).await?,
                Work::Follow => follow::follow(self, &mut client, one).await?,
                Work::Mirror => mirror::mirror(self, &mut client, one).await?,
                Work::Expire => leases::expire(self, &mut client, one).await?,
                Work::Revoke => leases::revoke(self, &mut client, one).await?,
                Work::Reattach => leases::reattach(self, &mut client, one).await?,
                Work::Lock => locks::lock(self, &mut client, one).await?,
                Work::ServiceLock => service::lock(self, &mut client, one).await?,
                Work::Elect => service::elect(self, &mut client, one).await?,
                Work::OldTransaction => corners::old_transaction(self, &mut client, one).await?,
                Work::Tombstone => Box::pin(corners::tombstone(self, client.member(), one)).await?,
                Work::FullBatch => Box::pin(corners::full_batch(self, client.member(), one)).await?,
                Work::KeepAtLeader => corners::keep_at_leader(self, one).await?,
                Work::RenewRevoked => corners::renew_revoked(self, one).await?,
                Work::WatchAhead => corners::watch_ahead(self, one).await?,
                Work::FillSpace => space::fill(self, &mut client, one).await?,
                Work::Permissions => permissions::permissions(self, &mut client, one).await?,
                Work::MoveLearner => maintain::move_learner(self, &mut client, one).await?,
                Work::AskProgress => follow::ask_progress(self, one).await?,
                Work::Stall => Box::pin(follow::stall(self, one)).await?,
                _ => maintain::maintain(self, work, &mut client, one).await?,
            }
            report.rounds += 1;
            let short = matches!(work, Work::Lock | Work::ServiceLock | Work::Revoke | Work::Reattach);
            // One round of the others is enough for one command.
            if slow && !short && !matches!(work, Work::OldTransaction | Work::Tombstone) {
                break;
            }
        }
        Ok(report)
    }

    /// Whether there is time for a further round, and a request left.
    pub(crate) fn goes_on(&self, slow: bool) -> bool {
        let shared = self.shared.borrow();
        self.left(slow) > Duration::ZERO && shared.requests_left > 0 && shared.bytes_left > 0
    }

    /// What is left of the command's time.
    pub(crate) fn left(&self, slow: bool) -> Duration {
        let drawn = Duration::from_millis(self.swarm.work_ms);
        let wanted = if slow { drawn.max(SLOW_MIN) } else { drawn };
        let phase = self.session.config().limits.phase;
        wanted.min(phase).saturating_sub(clock::now().since(self.began))
    }

    /// A connection to a random member; `None` where it does not answer.
    pub(crate) async fn client(&self) -> Result<Option<Client<'r>>, WriteError> {
        self.client_of(self.member()).await
    }

    pub(crate) async fn client_of(&self, member: &'r Member) -> Result<Option<Client<'r>>, WriteError> {
        match self.session.dial(member).await? {
            Ok(client) => Ok(Some(client)),
            Err(problem) => {
                self.tell(&Event::NotConnected { member: &member.name, problem: &problem });
                Ok(None)
            }
        }
    }

    pub(crate) fn member(&self) -> &'r Member {
        let session: &'r Session<'c> = self.session;
        let members = &session.config().members;
        &members[self.index(members.len())]
    }

    /// Sends a call, after the run's pause, and counts what becomes of it.
    pub(crate) async fn ask(
        &self,
        client: &mut Client<'_>,
        call: &Call<'_>,
        report: &mut Report,
    ) -> Recorded<Reply<'static>> {
        let limit = self.session.config().limits.request;
        self.ask_within(client, call, limit, report).await
    }

    pub(crate) async fn ask_within(
        &self,
        client: &mut Client<'_>,
        call: &Call<'_>,
        limit: Duration,
        report: &mut Report,
    ) -> Recorded<Reply<'static>> {
        self.pause().await;
        let answer = client.ask_within(call, limit).await?;
        self.count(call, &answer, report);
        Ok(answer)
    }

    fn count(&self, call: &Call<'_>, answer: &Answer<Reply<'static>>, report: &mut Report) {
        let bytes = bytes_of(call) + answer.as_ref().map_or(0, bytes_told);
        {
            let shared = &mut self.shared.borrow_mut();
            shared.requests_left = shared.requests_left.saturating_sub(1);
            shared.bytes_left = shared.bytes_left.saturating_sub(bytes);
        }
        match answer {
            Ok(reply) => {
                report.answered += 1;
                if let Reply::Txn { succeeded, .. } = reply {
                    report.held += usize::from(*succeeded);
                    report.differed += usize::from(!*succeeded);
                }
            }
            Err(_) => report.unanswered += 1,
        }
        self.tell(&Event::Asked { call: call.name(), problem: answer.as_ref().err() });
    }

    async fn pause(&self) {
        let most = if self.hurried { 0 } else { self.swarm.pause_us };
        if most > 0 {
            tokio::time::sleep(Duration::from_micros(self.below(most))).await;
        }
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.shared.borrow_mut().draw.below(bound)
    }

    pub(crate) fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    pub(crate) fn one_of<T: Copy>(&self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// True once in so many times.
    pub(crate) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn text(&self) -> String {
        self.shared.borrow_mut().draw.text()
    }

    /// A value that is nobody else's.
    pub(crate) fn value(&self) -> String {
        let text = self.text();
        let most = self.swarm.value_bytes as usize;
        // Large values are rare, so that histories stay small.
        let size = if self.once_in(8) { 1 + self.index(most) } else { 0 };
        let mut value = text.repeat(size.div_ceil(text.len()).max(1));
        value.truncate(size.max(text.len()));
        value
    }

    /// A key of the run, of the workload called `space`.
    pub(crate) fn key(&self, space: &str, name: impl std::fmt::Display) -> String {
        format!("{}/{space}/{name}", self.swarm.salt)
    }

    /// One of the keys that are fought over.
    pub(crate) fn contended(&self, space: &str) -> String {
        self.key(space, self.below(self.swarm.keys.into()))
    }

    /// The first key of a workload, and the first behind all of them.
    pub(crate) fn all_of(&self, space: &str) -> (String, String) {
        // The character behind a slash is a zero.
        (self.key(space, ""), format!("{}/{space}0", self.swarm.salt))
    }

    /// An id for a lease that nobody else has.
    pub(crate) fn lease_id(&self) -> i64 {
        i64::try_from(1 + self.below(i64::MAX as u64 - 1)).unwrap_or(1)
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        (self.shared.borrow_mut().watcher)(event);
    }
}

/// Bytes of what a call writes, about.
fn bytes_of(call: &Call<'_>) -> usize {
    match call {
        Call::Put(put) => put.value.bytes().len(),
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).map(bytes_of).sum(),
        _ => 0,
    }
}

/// Bytes of what a reply shows, about.
fn bytes_told(reply: &Reply<'_>) -> usize {
    let size = |kv: &KeyValue<'_>| kv.key.bytes().len() + kv.value.bytes().len();
    match reply {
        Reply::Put { prev, .. } => prev.as_ref().map_or(0, size),
        Reply::Range { kvs, .. } | Reply::Delete { prev: kvs, .. } => kvs.iter().map(size).sum(),
        Reply::Txn { replies, .. } => replies.iter().map(bytes_told).sum(),
        _ => 0,
    }
}
