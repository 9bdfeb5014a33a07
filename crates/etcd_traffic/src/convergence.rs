//! Whether all members hold the same, once nobody writes any more: head revisions and hashes of their key spaces.
//!
//! Reads go to whoever leads and see one member's truth; only the members' own words show that another has gone apart.
//! Members that are still at work are waited for, and what was never quiet is not judged.

use std::fmt;
use std::time::Duration;

use history::{Nanos, WriteError, clock};
use serde::Serialize;

use crate::attempt::Attempt;
use crate::client::{Client, Coming, KeySpace, Status};
use crate::draw::{Draw, Source};
use crate::event::{Event, Watcher};
use crate::session::Session;

/// Between two rounds: an apply takes milliseconds, and a member that lags catches up in a second or two.
const PAUSE: Duration = Duration::from_millis(200);
/// Members that have applied different entries and have not moved for so long do not lag: they stand still apart.
const STILL: Duration = Duration::from_secs(5);

/// What one member said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Own {
    /// The member.
    pub member: String,
    /// Its head revision.
    pub revision: i64,
    /// The last raft entry it has applied.
    pub applied: u64,
    /// The hash of its key space up to the revision that all of them have; `None` where it gave none.
    pub hash: Option<u32>,
    /// What it has compacted, told with the hash.
    pub compacted: i64,
}

/// Members that do not hold the same although nobody writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The hashes are of all that was written up to this revision.
    pub hashed_at: i64,
    /// All members.
    pub members: Vec<Own>,
}

/// How the comparison ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Convergence {
    /// Members whose revisions and hashes were compared; 0 where the cluster was never quiet enough for it.
    pub compared: usize,
    /// Where they do not hold the same.
    pub divergence: Option<Divergence>,
    /// What was lacking for a comparison, in words.
    pub lacking: Option<String>,
}

/// What members' own words prove.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    Same,
    Apart(Divergence),
    /// Nothing, for this reason.
    Nothing(String),
}

/// Compares all members as soon as they are quiet, or gives up when half of the configured wait is over.
///
/// # Errors
/// When an operation cannot be recorded.
pub fn compare_members<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Convergence, WriteError>> {
    Box::pin(compared(session, draw, watcher))
}

async fn compared(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Convergence, WriteError> {
    let draw = &mut draw;
    let deadline = clock::now().plus(session.config().limits.wait / 2);
    let mut clients = Vec::new();
    for member in &session.config().members {
        match session.client(member).await {
            Ok(client) => clients.push(client),
            Err(problem) => {
                return Ok(gave_up(format!("{} cannot be addressed ({problem})", member.name), watcher));
            }
        }
    }
    let mut unmoved = Unmoved::default();
    loop {
        let lacking = match round(&mut clients, &mut unmoved, draw, watcher).await? {
            Finding::Same => {
                watcher(&Event::Converged { members: clients.len() });
                return Ok(Convergence { compared: clients.len(), ..Convergence::default() });
            }
            Finding::Apart(divergence) => {
                watcher(&Event::Diverged(&divergence));
                let divergence = Some(divergence);
                return Ok(Convergence { compared: clients.len(), divergence, lacking: None });
            }
            Finding::Nothing(lacking) => lacking,
        };
        if clock::now() > deadline {
            return Ok(gave_up(lacking, watcher));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn gave_up(lacking: String, watcher: &mut Watcher<'_>) -> Convergence {
    watcher(&Event::NotCompared { lacking: &lacking });
    Convergence { lacking: Some(lacking), ..Convergence::default() }
}

/// Since when members have said the same of themselves.
#[derive(Debug, Default)]
struct Unmoved {
    since: Nanos,
    said: Vec<Own>,
}

impl Unmoved {
    /// How long `members` have been as they are.
    fn look(&mut self, members: &[Own]) -> Duration {
        let now = clock::now();
        if self.said != members {
            *self = Self { since: now, said: members.to_vec() };
        }
        now.since(self.since)
    }
}

/// One try: nothing may move while the hashes are taken.
async fn round(
    clients: &mut [Client<'_>],
    unmoved: &mut Unmoved,
    draw: &mut impl Draw,
    watcher: &mut Watcher<'_>,
) -> Result<Finding, WriteError> {
    let members = match look(clients).await? {
        Ok(members) => members,
        Err(lacking) => return Ok(Finding::Nothing(lacking)),
    };
    let still = unmoved.look(&members) >= STILL;
    if !still && members.windows(2).any(|pair| pair[0].applied != pair[1].applied) {
        return Ok(Finding::Nothing(format!("members are still at work: {}", List(&members))));
    }
    // All of them have this revision, if they have the same up to it.
    let hashed_at = members.iter().map(|member| member.revision).min().unwrap_or(0);
    let mut hashed = members.clone();
    let mut refused = None;
    for (client, own) in clients.iter_mut().zip(&mut hashed) {
        match client.hash(hashed_at).await? {
            Ok(KeySpace { hash, compacted }) => (own.hash, own.compacted) = (Some(hash), compacted),
            Err(problem) => refused = Some(format!("{} gives no hash ({problem})", own.member)),
        }
    }
    if look(clients).await? != Ok(members) {
        return Ok(Finding::Nothing("members moved while they were compared".to_owned()));
    }
    let finding = judge(hashed_at, hashed);
    let Finding::Nothing(lacking) = finding else { return Ok(finding) };
    if let Some(client) = clients.first_mut() {
        // At a compacted revision, older members refuse to hash and newer ones answer with a hash from before. One write
        // gives all of them a revision above it.
        let key = draw.text() + &draw.text();
        Attempt::put(client, key, draw.text(), watcher).await?;
    }
    Ok(Finding::Nothing(refused.unwrap_or(lacking)))
}

/// Everybody's own view, or who gives none.
async fn look(clients: &mut [Client<'_>]) -> Result<Result<Vec<Own>, String>, WriteError> {
    let mut members = Vec::new();
    for client in clients {
        let member = client.member().name.clone();
        match client.status().await? {
            Ok(Status { revision, applied, .. }) => {
                members.push(Own { member, revision, applied, hash: None, compacted: 0 });
            }
            Err(problem) => return Ok(Err(format!("{member} gives no status ({})", problem.class))),
        }
    }
    Ok(Ok(members))
}

/// Judges members that stand still. Their hashes are of the same only where they have compacted the same.
fn judge(hashed_at: i64, members: Vec<Own>) -> Finding {
    let differ = |of: fn(&Own) -> i64| members.windows(2).any(|pair| of(&pair[0]) != of(&pair[1]));
    if differ(|own| own.revision) {
        return Finding::Apart(Divergence { hashed_at, members });
    }
    if let Some(own) = members.iter().find(|own| own.hash.is_none()) {
        return Finding::Nothing(format!("{} gives no hash", own.member));
    }
    if differ(|own| own.compacted) {
        return Finding::Nothing(format!("members have not compacted the same: {}", List(&members)));
    }
    if differ(|own| own.hash.map_or(0, i64::from)) {
        return Finding::Apart(Divergence { hashed_at, members });
    }
    Finding::Same
}

struct List<'m>(&'m [Own]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Own { member, revision, applied, hash, compacted }) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{member} at revision {revision} with {applied} entries applied")?;
            if let Some(hash) = hash {
                write!(f, " and hash {hash:08x}")?;
            }
            if *compacted > 0 {
                write!(f, ", compacted at {compacted}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (hashes up to revision {})", List(&self.members), self.hashed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(member: &str, revision: i64, hash: Option<u32>, compacted: i64) -> Own {
        Own { member: member.to_owned(), revision, applied: 9, hash, compacted }
    }

    #[test]
    fn the_same_revision_and_hash_are_the_same_and_anything_else_is_not() {
        let judged = |other: Own| judge(7, vec![own("etcd0", 7, Some(1), 0), other]);
        assert_eq!(judged(own("etcd1", 7, Some(1), 0)), Finding::Same);
        assert!(matches!(judged(own("etcd1", 7, Some(2), 0)), Finding::Apart(_)));
        assert!(matches!(judged(own("etcd1", 8, Some(1), 0)), Finding::Apart(_)));
        assert_eq!(judge(7, vec![own("etcd0", 7, Some(1), 0)]), Finding::Same);
    }

    #[test]
    fn the_third_member_counts() {
        let members =
            vec![own("etcd0", 7, Some(1), 0), own("etcd1", 7, Some(1), 0), own("etcd2", 7, Some(2), 0)];
        assert!(matches!(judge(7, members), Finding::Apart(_)));
    }

    #[test]
    fn hashes_of_different_stretches_prove_nothing_and_revisions_always_do() {
        let judged = |other: Own| judge(7, vec![own("etcd0", 7, Some(1), 3), other]);
        assert!(matches!(judged(own("etcd1", 7, Some(2), 4)), Finding::Nothing(_)));
        assert!(matches!(judged(own("etcd1", 7, None, 0)), Finding::Nothing(_)));
        assert!(matches!(judged(own("etcd1", 8, Some(2), 4)), Finding::Apart(_)));
        assert!(matches!(judged(own("etcd1", 8, None, 0)), Finding::Apart(_)));
    }

    #[test]
    fn a_divergence_names_every_member_with_its_revision_and_hash() {
        let members = vec![own("etcd0", 7, Some(1), 0), own("etcd1", 8, Some(2), 5)];
        let Finding::Apart(divergence) = judge(7, members) else { panic!() };
        assert_eq!(
            divergence.to_string(),
            "etcd0 at revision 7 with 9 entries applied and hash 00000001, etcd1 at revision 8 with 9 entries applied \
             and hash 00000002, compacted at 5 (hashes up to revision 7)"
        );
        let details = serde_json::to_value(&divergence).unwrap();
        assert_eq!(
            details["members"][1],
            serde_json::json!({"member": "etcd1", "revision": 8, "applied": 9, "hash": 2, "compacted": 5})
        );
    }

    #[test]
    fn members_stand_still_only_while_nothing_of_them_changes() {
        let mut unmoved = Unmoved::default();
        let one = [own("etcd0", 7, None, 0)];
        assert_eq!(unmoved.look(&one), Duration::ZERO);
        let since = unmoved.since;
        unmoved.look(&one);
        assert_eq!(unmoved.since, since);
        assert_eq!(unmoved.look(&[own("etcd0", 8, None, 0)]), Duration::ZERO);
        assert!(unmoved.since >= since);
    }
}
