//! After faults have stopped, with running commands killed: every member must serve again before a deadline, all of them
//! must come to hold the same, and every write that was acknowledged during the run must be there, or overwritten.

use std::io::Write as _;

use etcd_traffic::recovery::{Need, is_whole, wait_until_healthy};
use etcd_traffic::{Config, Event, Session, convergence, durability, work};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
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
