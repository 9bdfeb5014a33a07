//! Driver, alone among drivers: what a cluster's keepers do to it: compaction, rolling defragmentation, snapshots, moves of
//! the leader, an alarm about space and the way back from it.

use std::io::Write as _;

use etcd_traffic::swarm::Group;
use etcd_traffic::{Config, Event, Session, work};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = work::drive(&session, Group::Maintenance, &mut properties::random::u64, &mut tell).await?;
    properties::snapshot_is_intact!(&report.snapshot.broken, report.snapshot.compared);
    properties::snapshot_is_true!(&report.contents.broken, report.contents.compared);
    properties::space_is_refused!(&report.refusal.broken, report.refusal.compared);
    session.close()?;
    Ok(())
}

fn tell(event: &Event<'_>) {
    // Single requests are not printed: there are thousands, and all of them are in the history.
    if !matches!(event, Event::Asked { .. }) {
        let _ = writeln!(std::io::stdout(), "Client: {event}");
    }
    if let Some(error) = event.request_error() {
        properties::workload_request!(error);
    }
}
