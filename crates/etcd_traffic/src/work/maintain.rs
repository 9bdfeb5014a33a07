//! The cluster itself: what its keepers do to it while it is in use, and what must be so afterwards.
//!
//! What a killed command leaves behind (an alarm, a learner that never was) is put right before the cluster is judged.

use std::time::Duration;

use history::{Alarm, Auth, Blob, Call, Cluster, Delete, History, Member, Outcome, Reply, clock};

use super::keys::put;
use super::permissions::allow_all;
use super::snapshot::snapshot;
use super::space::make_room;
use super::{Report, Site, WorkError};
use crate::client::{Client, Coming};
use crate::draw::Draw;
use crate::event::{Event, Watcher};
use crate::run;
use crate::session::Session;
use crate::swarm::{Swarm, Work};

/// A file is written anew, or sent as a whole.
pub(super) const WHOLE_FILE: Duration = Duration::from_secs(15);
/// Learners that are never started are reached here: at an address for documentation, which leads nowhere.
const NOWHERE: &str = "http://192.0.2.";
const NOWHERE_PORT: &str = ":12380";
/// What must not stay as it is, is asked for so often. Each time is a request of its own.
const ASKED_AGAIN: u32 = 5;
/// Between two looks at a cluster that is not there yet.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn maintain<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    work: Work,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    match work {
        Work::Defragment => Box::pin(defragment(site, report)).await,
        Work::Snapshot => Box::pin(snapshot(site, client, report)).await,
        Work::MoveLeader => Box::pin(move_leader(site, client, report)).await,
        Work::Learner => Box::pin(learner(site, client, report)).await,
        Work::NoSpace => Box::pin(no_space(site, client, report)).await,
        _ => Box::pin(compact(site, client, report)).await,
    }
}

/// Forgets old revisions, up to a little behind the head or not so far, and asks members what is left.
async fn compact<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let key = site.key("compact", 0);
    let value = site.text();
    // A deletion at the very revision that is compacted is where much goes wrong.
    site.ask(client, &Call::Put(put(&key, &value)), report).await?.ok();
    let gone = Delete { key: key.as_str().into(), end: None, prev_kv: true };
    let Ok(reply) = site.ask(client, &Call::Delete(gone), report).await? else { return Ok(()) };
    let behind = site.one_of(&[0_i64, 0, 1, 10, 1_000]);
    let revision = (reply.revision() - behind).max(1);
    let call = Call::Compact { revision, physical: site.once_in(2) };
    site.ask(client, &call, report).await?.ok();
    // Behind the compaction, a hash tells of it truly; between two words that are alike, the member stood still.
    let Ok(reply) = site.ask(client, &Call::Put(put(&key, &value)), report).await? else { return Ok(()) };
    for member in &site.session.config().members {
        if let Some(mut client) = site.client_of(member).await? {
            for call in [Call::Status, Call::Hash { revision: reply.revision() }, Call::Status] {
                site.ask(&mut client, &call, report).await?.ok();
            }
        }
    }
    Ok(())
}

/// One member after the other, so that the others serve meanwhile.
async fn defragment<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    for member in &site.session.config().members {
        let Some(mut client) = site.client_of(member).await? else { continue };
        let call = Call::Cluster(Cluster::Defragment);
        site.ask_within(&mut client, &call, WHOLE_FILE, report).await?.ok();
        site.ask(&mut client, &Call::Hash { revision: 0 }, report).await?.ok();
    }
    Ok(())
}

async fn move_leader<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let Ok(Reply::Members { members, .. }) =
        site.ask(client, &Call::Cluster(Cluster::Members), report).await?
    else {
        return Ok(());
    };
    for member in &site.session.config().members {
        let Some(mut client) = site.client_of(member).await? else { continue };
        let Ok(status) = client.status().await? else { continue };
        if status.id != status.leader {
            continue;
        }
        let able = |other: &&Member<'_>| other.id != status.id && !other.learner;
        let others: Vec<u64> = members.iter().filter(able).map(|member| member.id).collect();
        if !others.is_empty() {
            let call = Call::Cluster(Cluster::MoveLeader { id: site.one_of(&others) });
            site.ask(&mut client, &call, report).await?.ok();
        }
        break;
    }
    Ok(())
}

/// A learner joins that is never started, and is put out again. The member that acknowledged a change knows of it.
async fn learner<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let url: Blob<'static> = format!("{NOWHERE}{}{NOWHERE_PORT}", 100 + site.below(150)).into();
    let add = Call::Cluster(Cluster::Add { peers: vec![url.clone()], learner: true });
    let Ok(Reply::Members { members, .. }) = site.ask(client, &add, report).await? else { return Ok(()) };
    report.membership.saw(not_added(&members, &url));
    let Some(id) = members.iter().find(|member| member.peers.contains(&url)).map(|member| member.id) else {
        return Ok(());
    };
    let list = Call::Cluster(Cluster::Members);
    if let Ok(Reply::Members { members, .. }) = site.ask(client, &list, report).await? {
        report.membership.saw(not_added(&members, &url));
    }
    site.ask(client, &Call::Cluster(Cluster::Promote { id }), report).await?.ok();
    let remove = Call::Cluster(Cluster::Remove { id });
    // It may take some asking, as members may be away.
    for _ in 0..ASKED_AGAIN {
        if site.ask(client, &remove, report).await?.is_ok() {
            if let Ok(Reply::Members { members, .. }) = site.ask(client, &list, report).await? {
                report.membership.saw(not_removed(&members, id));
            }
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// A learner that is never started, and others reach at another address by and by: it must stay a learner.
pub(super) async fn move_learner<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let url = |n: u64| Blob::from(format!("{NOWHERE}{n}{NOWHERE_PORT}"));
    let (one, other) = (100 + site.below(50), 200 + site.below(50));
    let add = Call::Cluster(Cluster::Add { peers: vec![url(one)], learner: true });
    let Ok(Reply::Members { members, .. }) = site.ask(client, &add, report).await? else { return Ok(()) };
    let Some(id) = members.iter().find(|member| member.peers.contains(&url(one))).map(|member| member.id)
    else {
        return Ok(());
    };
    let update = Call::Cluster(Cluster::Update { id, peers: vec![url(other)] });
    if let Ok(Reply::Members { members, .. }) = site.ask(client, &update, report).await? {
        report.learner.saw(not_added(&members, &url(other)));
    }
    for _ in 0..ASKED_AGAIN {
        if site.ask(client, &Call::Cluster(Cluster::Remove { id }), report).await?.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The alarm that a full disk quota raises, what is refused and what is not while it is raised, and its end.
async fn no_space<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let (key, value) = (site.key("space", 0), site.text());
    site.ask(client, &Call::Put(put(&key, &value)), report).await?.ok();
    let Ok(status) = client.status().await? else { return Ok(()) };
    let raise = Call::Cluster(Cluster::Raise { id: status.id, alarm: Alarm::NoSpace });
    let raised = site.ask(client, &raise, report).await?.is_ok();
    if let Some(mut other) = site.client().await?
        && raised
    {
        let value = site.text();
        let answer = site.ask(&mut other, &Call::Put(put(&key, &value)), report).await?;
        let answer = answer.map(|reply| reply.revision()).map_err(|problem| problem.class);
        if let Some(seen) = not_refused(&other.member().name, answer) {
            report.refusal.saw(seen);
        }
        let gone = Delete { key: key.as_str().into(), end: None, prev_kv: true };
        site.ask(&mut other, &Call::Delete(gone), report).await?.ok();
    }
    // The way back.
    let disarm = Call::Cluster(Cluster::Disarm { id: status.id, alarm: Alarm::NoSpace });
    for _ in 0..ASKED_AGAIN {
        if site.ask(client, &disarm, report).await?.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let value = site.text();
    site.ask(client, &Call::Put(put(&key, &value)), report).await?.ok();
    Ok(())
}

/// What is wrong with the members after a learner was added that others reach at `url`.
fn not_added(members: &[Member<'_>], url: &Blob<'_>) -> Option<String> {
    match members.iter().find(|member| member.peers.contains(url)) {
        None => Some(format!("a learner at {url} was added, and is not among the members")),
        Some(Member { id, learner: false, .. }) => {
            Some(format!("learner {id:x} was added, and is not listed as one"))
        }
        Some(_) => None,
    }
}

/// What is wrong with the members after one was put out.
fn not_removed(members: &[Member<'_>], id: u64) -> Option<String> {
    let there = members.iter().any(|member| member.id == id);
    there.then(|| format!("learner {id:x} was put out, and is listed still"))
}

/// What is wrong with the answer to a put under an alarm about space: its revision, or the class of its refusal. `None`
/// where that says nothing of the alarm.
fn not_refused(member: &str, answer: Result<i64, &str>) -> Option<Option<String>> {
    match answer {
        Ok(revision) => Some(Some(format!("{member} took a put at revision {revision}"))),
        Err("no-space") => Some(None),
        Err(_) => None,
    }
}

/// Takes back what killed commands have left: alarms that they raised, learners that they added. What nobody of the run
/// asked for stays as it is.
///
/// # Errors
/// When an operation cannot be recorded, or the run's histories cannot be read.
pub fn put_right<'a>(
    session: &'a Session<'_>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<(), WorkError>> {
    Box::pin(taken_back(session, watcher))
}

async fn taken_back(session: &Session<'_>, watcher: &mut Watcher<'_>) -> Result<(), WorkError> {
    let salt = Swarm::read(session.config())?.salt;
    let Left { raised, added, mut enabled, full } = left_behind(session, &salt)?;
    if !raised && !added && !enabled && !full {
        return Ok(());
    }
    let until = clock::now().plus(session.config().limits.wait / 2);
    let members = &session.config().members;
    for member in members.iter().cycle() {
        if clock::now() > until {
            watcher(&Event::Waiting {
                lacking: "alarms and learners of killed commands are not taken back yet",
            });
            break;
        }
        if enabled && let Ok(mut client) = session.client(member).await {
            // While logins are asked for, a member does not even tell its status without one.
            enabled = allow_all(&mut client, 1).await?.is_none();
        }
        if !enabled
            && let Ok(mut client) = session.dial(member).await?
            && (!full || make_room(session, &salt).await?)
            && tidy(&mut client, raised || full, added).await?
            && (!full || client.put(format!("{salt}/fill/back").as_bytes(), b"").await?.is_ok())
        {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What the run may have left: a raised alarm, an added learner, a store that asks for logins, or one that is full.
#[derive(Default)]
struct Left {
    raised: bool,
    added: bool,
    enabled: bool,
    full: bool,
}

fn left_behind(session: &Session<'_>, salt: &str) -> Result<Left, WorkError> {
    let sources = run::histories(session.config())?;
    let history = History::parse(&sources).map_err(run::RunError::from)?;
    let mut left = Left::default();
    for operation in &history.operations {
        if matches!(operation.outcome, Outcome::Failed(_)) {
            continue;
        }
        left.raised |= matches!(operation.call, Call::Cluster(Cluster::Raise { .. }));
        left.added |= matches!(operation.call, Call::Cluster(Cluster::Add { .. }));
        left.enabled |= matches!(operation.call, Call::Auth(Auth::Enable));
    }
    let filling = format!("{salt}/fill/");
    for operation in &history.operations {
        // Under an alarm that was raised on purpose other puts are refused.
        let Call::Put(put) = &operation.call else { continue };
        left.full |= put.key.bytes().starts_with(filling.as_bytes())
            && matches!(&operation.outcome, Outcome::Unknown(Some(failure)) if failure.class == "no-space");
    }
    Ok(left)
}

/// Whether nothing is left to be done, as this member answers.
async fn tidy(client: &mut Client<'_>, raised: bool, added: bool) -> Result<bool, WorkError> {
    if raised {
        let Ok(Reply::Alarms { alarms, .. }) = client.ask(&Call::Cluster(Cluster::Alarms)).await? else {
            return Ok(false);
        };
        for (id, alarm) in alarms.into_iter().filter(|(_, alarm)| *alarm == Alarm::NoSpace) {
            if client.ask(&Call::Cluster(Cluster::Disarm { id, alarm })).await?.is_err() {
                return Ok(false);
            }
        }
    }
    if added {
        let Ok(Reply::Members { members, .. }) = client.ask(&Call::Cluster(Cluster::Members)).await? else {
            return Ok(false);
        };
        let ours = |member: &&Member<'_>| {
            let nowhere = |url: &Blob<'_>| {
                let url = url.to_string();
                let n = url.strip_prefix(NOWHERE).and_then(|rest| rest.strip_suffix(NOWHERE_PORT));
                // Real members may have the numbers below.
                n.and_then(|n| n.parse().ok()).is_some_and(|n: u8| n >= 100)
            };
            // Where a change of addresses gave it a vote, it must go all the same.
            member.name.bytes().is_empty() && member.peers.iter().any(nowhere)
        };
        for id in members.iter().filter(ours).map(|member| member.id) {
            if client.ask(&Call::Cluster(Cluster::Remove { id })).await?.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_that_is_not_there_or_no_learner_or_there_still_is_seen() {
        let url = Blob::from("http://192.0.2.100:12380");
        let learner = Member { id: 7, peers: vec![url.clone()], learner: true, ..Member::default() };
        let voter = Member { learner: false, ..learner.clone() };
        assert_eq!(not_added(std::slice::from_ref(&learner), &url), None);
        assert_eq!(not_added(&[voter], &url).unwrap(), "learner 7 was added, and is not listed as one");
        assert!(not_added(&[], &url).unwrap().ends_with("is not among the members"));
        assert_eq!(not_removed(&[], 7), None);
        assert_eq!(not_removed(&[learner], 7).unwrap(), "learner 7 was put out, and is listed still");
    }

    #[test]
    fn a_put_that_is_taken_under_an_alarm_is_seen() {
        assert_eq!(not_refused("etcd0", Err("no-space")), Some(None));
        assert_eq!(
            not_refused("etcd0", Err("deadline-exceeded")),
            None,
            "who does not answer refuses nothing"
        );
        let taken = not_refused("etcd0", Ok(9)).flatten().unwrap();
        assert_eq!(taken, "etcd0 took a put at revision 9");
    }
}
