//! Before everything else: every member must serve a write and a linearizable read, and the run's start is recorded.
//!
//! One command of this kind is chosen in each timeline, so this one prepares all that others rely on.

use std::io::Write as _;

use etcd_traffic::recovery::{Need, wait_until_healthy};
use etcd_traffic::run::Start;
use etcd_traffic::swarm::Swarm;
use etcd_traffic::{Config, Event, Session};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    // What this run is like is decided here, once, and is the same for all of its commands.
    let swarm = Swarm::draw(session.config(), &mut properties::random::u64);
    swarm.record(&session)?;
    let _ = writeln!(std::io::stdout(), "Client: {swarm}");
    let health =
        wait_until_healthy(&session, Need::WriteAndRead, &mut properties::random::u64, &mut tell).await?;
    let start = health.healthy.then(|| Start::record(&session, &health)).transpose()?;
    properties::cluster_is_ready!(health.healthy, health.lacking, start.map(|start| start.revision));
    properties::values_stay_consistent!(&health.validation.mismatch, health.validation.acknowledged);
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
