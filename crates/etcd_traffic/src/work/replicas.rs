//! Members one by one, each from its own state: what it shows may be old, and is what the store once was.

use history::{Call, Range, Reply};

use super::keys::get;
use super::{Report, Site, WorkError};
use crate::client::Coming;
use crate::draw::Source;
use crate::event::{Event, Watcher};
use crate::session::Session;
use crate::swarm::{Swarm, Work};

/// A member is asked for so many keys of a workload at most.
const KEYS_MAX: i64 = 50;

/// What members were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// Members that answered a read from their own state.
    pub read: usize,
    /// Members that gave a hash at the revision that all of them had.
    pub hashed: usize,
}

/// Reads from each member's own state, and asks all of them for the hash of what they have in common.
///
/// # Errors
/// When an operation cannot be recorded, or the run's configuration cannot be read.
pub fn read_replicas<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Replicas, WorkError>> {
    Box::pin(read(session, draw, watcher))
}

async fn read(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Replicas, WorkError> {
    let swarm = Swarm::read(session.config())?;
    let site = Site::new(session, swarm, &mut draw, watcher);
    let (mut replicas, mut report) = (Replicas::default(), Report::default());
    let mut clients = Vec::new();
    for member in &session.config().members {
        clients.extend(site.client_of(member).await?);
    }
    let space = site.one_of(&["register", "bank", "append", "recreate", "menu", "watch", "mirror", "lease"]);
    let (first, end) = site.all_of(space);
    let mut common: Option<i64> = None;
    for client in &mut clients {
        let own = Range {
            key: first.as_str().into(),
            end: Some(end.as_str().into()),
            limit: KEYS_MAX,
            serializable: true,
            ..Range::default()
        };
        if let Ok(Reply::Range { revision, .. }) = site.ask(client, &Call::Range(own), &mut report).await? {
            replicas.read += 1;
            common = Some(common.map_or(revision, |least| least.min(revision)));
            // The same a little earlier, which it must have been then.
            let old = Range {
                key: first.as_str().into(),
                end: Some(end.as_str().into()),
                limit: KEYS_MAX,
                serializable: true,
                revision: (revision - i64::try_from(site.below(20)).unwrap_or(0)).max(1),
                ..Range::default()
            };
            site.ask(client, &Call::Range(old), &mut report).await?.ok();
        }
        // And what it tells of the store as a whole, through the cluster.
        site.ask(client, &get(&first), &mut report).await?.ok();
    }
    // Keys of leases that are over must be gone, some time.
    let (first, end) = site.all_of("lease");
    let leased = Range { key: first.into(), end: Some(end.into()), keys_only: true, ..Range::default() };
    if let Some(client) = clients.first_mut() {
        site.ask(client, &Call::Range(leased), &mut report).await?.ok();
    }
    if let Some(revision) = common.filter(|revision| *revision > 0) {
        for client in &mut clients {
            let answer = site.ask(client, &Call::Hash { revision }, &mut report).await?;
            replicas.hashed += usize::from(answer.is_ok());
        }
    }
    report.rounds = clients.len();
    site.tell(&Event::Worked { work: Work::Read, report: &report });
    Ok(replicas)
}
