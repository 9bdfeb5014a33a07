//! After faults have stopped, where every command ended by itself: the cluster must serve again, all members must hold
//! the same, every acknowledged write must be there, and the operations of all commands together must be linearizable.

use std::io::Write as _;

use checker::Verdict;
use checker::etcd::Options;
use etcd_traffic::recovery::{Need, wait_until_healthy};
use etcd_traffic::run::{self, Start};
use etcd_traffic::{Config, Event, Session, convergence, durability};
use history::History;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let config = Config::of_process()?;
    let session = Session::begin(config)?;
    let health =
        wait_until_healthy(&session, Need::WriteAndRead, &mut properties::random::u64, &mut tell).await?;
    properties::cluster_recovers!(health.healthy, health.lacking, health.healthy && health.rounds > 1);
    let convergence = convergence::compare_members(&session, &mut properties::random::u64, &mut tell).await?;
    properties::members_converge!(&convergence.divergence, convergence.compared);
    let check = durability::check_all(&session, &mut tell).await?;
    let judgement = &check.judgement;
    properties::values_stay_consistent!(&judgement.mismatch, judgement.acknowledged);
    properties::writes_are_kept!(&judgement.mismatch, judgement.of_others);
    session.close()?;

    let verdict = check_history(config)?;
    let _ = writeln!(std::io::stdout(), "Client: the history of all clients is {verdict}");
    let violation = if let Verdict::Invalid(violation) = &verdict { Some(violation) } else { None };
    properties::history_is_linearizable!(violation, matches!(verdict, Verdict::Valid | Verdict::Invalid(_)));
    Ok(())
}

fn check_history(config: &Config) -> anyhow::Result<Verdict> {
    let fresh = Start::read(config)?.is_some_and(|start| start.fresh);
    // On a cluster that others may have used, nothing is assumed about what is not in the history.
    let options = if fresh { Options::own_store() } else { Options::default() };
    let sources = run::histories(config)?;
    Ok(checker::etcd::check(&History::parse(&sources)?, &options).verdict)
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
