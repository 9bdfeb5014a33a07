//! The cluster itself: what its keepers do to it while it is in use, and what must be so afterwards.
//!
//! What a killed command leaves behind (an alarm, a learner that never was) is put right before the cluster is judged.

use std::time::Duration;

use history::{Alarm, Blob, Call, Cluster, Delete, History, Member, Outcome, Reply, clock};

use super::keys::put;
use super::{Report, Site, WorkError};
use crate::client::Client;
use crate::draw::Draw;
use crate::event::{Event, Watcher};
use crate::run;
use crate::session::Session;
use crate::swarm::Work;

/// A file is written anew, or sent as a whole.
const WHOLE_FILE: Duration = Duration::from_secs(15);
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
    for member in &site.session.config().members {
        if let Some(mut client) = site.client_of(member).await? {
            site.ask(&mut client, &Call::Hash { revision: 0 }, report).await?.ok();
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

async fn snapshot<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), history::WriteError> {
    let call = Call::Cluster(Cluster::Snapshot);
    if let Ok(Reply::Snapshot { bytes, intact, .. }) =
        site.ask_within(client, &call, WHOLE_FILE, report).await?
    {
        let member = &client.member().name;
        report
            .snapshot
            .saw((!intact).then(|| format!("{bytes} bytes of {member} do not end with their digest")));
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
    let Some(id) = members.iter().find(|member| member.peers.contains(&url)).map(|member| member.id) else {
        report.membership.saw(Some(format!("a learner at {url} was added, and is not among the members")));
        return Ok(());
    };
    let list = Call::Cluster(Cluster::Members);
    if let Ok(Reply::Members { members, .. }) = site.ask(client, &list, report).await? {
        let there = members.iter().any(|member| member.id == id && member.learner);
        report
            .membership
            .saw((!there).then(|| format!("learner {id:x} was added, and is not listed as one")));
    }
    site.ask(client, &Call::Cluster(Cluster::Promote { id }), report).await?.ok();
    let remove = Call::Cluster(Cluster::Remove { id });
    // It may take some asking, as members may be away.
    for _ in 0..ASKED_AGAIN {
        if site.ask(client, &remove, report).await?.is_ok() {
            if let Ok(Reply::Members { members, .. }) = site.ask(client, &list, report).await? {
                let there = members.iter().any(|member| member.id == id);
                report
                    .membership
                    .saw(there.then(|| format!("learner {id:x} was put out, and is listed still")));
            }
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
        match site.ask(&mut other, &Call::Put(put(&key, &value)), report).await? {
            Err(problem) if problem.class == "no-space" => report.refusal.saw(None),
            Err(_) => {}
            Ok(reply) => {
                let (member, revision) = (&other.member().name, reply.revision());
                report.refusal.saw(Some(format!("{member} took a put at revision {revision}")));
            }
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

/// Takes back what killed commands have left: alarms that they raised, learners that they added. What nobody of the run
/// asked for stays as it is.
///
/// # Errors
/// When an operation cannot be recorded, or the run's histories cannot be read.
pub async fn put_right(session: &Session<'_>, watcher: &mut Watcher<'_>) -> Result<(), WorkError> {
    let (raised, added) = left_behind(session)?;
    if !raised && !added {
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
        let Ok(mut client) = session.dial(member).await? else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if tidy(&mut client, raised, added).await? {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether the run has raised an alarm, or added a learner.
fn left_behind(session: &Session<'_>) -> Result<(bool, bool), WorkError> {
    let sources = run::histories(session.config())?;
    let history = History::parse(&sources).map_err(run::RunError::from)?;
    let (mut raised, mut added) = (false, false);
    for operation in &history.operations {
        if matches!(operation.outcome, Outcome::Failed(_)) {
            continue;
        }
        raised |= matches!(operation.call, Call::Cluster(Cluster::Raise { .. }));
        added |= matches!(operation.call, Call::Cluster(Cluster::Add { .. }));
    }
    Ok((raised, added))
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
                url.starts_with(NOWHERE) && url.ends_with(NOWHERE_PORT)
            };
            member.learner && member.name.bytes().is_empty() && member.peers.iter().any(nowhere)
        };
        for id in members.iter().filter(ours).map(|member| member.id) {
            if client.ask(&Call::Cluster(Cluster::Remove { id })).await?.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
