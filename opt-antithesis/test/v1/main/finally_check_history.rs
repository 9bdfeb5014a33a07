//! After faults have stopped, where every command ended by itself: the cluster must serve again, all members must hold
//! the same, every acknowledged write must be there, and the operations of all commands together must be linearizable.

use std::io::Write as _;

use checker::{Verdict, guarantees};
use etcd_traffic::recovery::{Need, is_whole, wait_until_healthy};
use etcd_traffic::run::{self, Start};
use etcd_traffic::{Config, Event, Session, convergence, durability, work};
use history::History;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let config = Config::of_process()?;
    let session = Session::begin(config)?;
    let whole = is_whole(&session).await?;
    work::put_right(&session, &mut tell).await?;
    let health =
        wait_until_healthy(&session, Need::WriteAndRead, &mut properties::random::u64, &mut tell).await?;
    let awaited = health.healthy && (!whole || health.rounds > 1);
    properties::cluster_recovers!(health.healthy, health.lacking, awaited);
    let convergence = convergence::compare_members(&session, &mut properties::random::u64, &mut tell).await?;
    properties::members_converge!(&convergence.divergence, convergence.compared);
    let check = durability::check_all(&session, &mut tell).await?;
    let judgement = &check.judgement;
    properties::values_stay_consistent!(&judgement.mismatch, judgement.acknowledged);
    properties::writes_are_kept!(&judgement.mismatch, judgement.of_others);
    session.close()?;

    let fresh = Start::read(config)?.is_some_and(|start| start.fresh);
    let sources = run::histories(config)?;
    let history = History::parse(&sources)?;
    // On a cluster that others may have used, nothing is assumed about what is not in the history.
    let own = checker::etcd::Options::own_store();
    let report = checker::etcd::check(&history, &if fresh { own } else { checker::etcd::Options::default() });
    let verdict = &report.verdict;
    let _ = writeln!(std::io::stdout(), "Client: the history of all clients is {verdict}");
    let violation = if let Verdict::Invalid(violation) = verdict { Some(violation) } else { None };
    properties::history_is_linearizable!(violation, matches!(verdict, Verdict::Valid | Verdict::Invalid(_)));
    let options = guarantees::Options { own_store: fresh, calm_from: None };
    let findings = guarantees::check(&history, &options, Some(&report));
    let about = |subject| guarantees::tested(&findings, subject);
    let promises = ["revisions", "reads", "watches", "leases", "locks and elections", "members"].map(about);
    let [revisions, reads, watches, leases, locks, members] = promises;
    properties::revisions_keep_promises!(revisions.0, revisions.1);
    properties::reads_keep_promises!(reads.0, reads.1);
    properties::watches_keep_promises!(watches.0, watches.1);
    properties::leases_keep_promises!(leases.0, leases.1);
    properties::locks_keep_promises!(locks.0, locks.1);
    properties::members_keep_promises!(members.0, members.1);
    Ok(())
}

fn tell(event: &Event<'_>) {
    // A closed standard output is no reason to stop.
    let _ = writeln!(std::io::stdout(), "Client: {event}");
    if let Some(error) = event.put_error() {
        properties::put_request!(error);
    }
    if let Some(error) = event.get_error() {
        properties::get_request!(error);
    }
}
