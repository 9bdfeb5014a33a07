//! Driver, alone among drivers: the quota of space is filled until the store refuses more; then room is made, the alarm is
//! taken back, and it must take more.

use std::io::Write as _;

use etcd_traffic::swarm::Group;
use etcd_traffic::{Config, Event, Session, work};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = work::drive(&session, Group::Space, &mut properties::random::u64, &mut tell).await?;
    properties::room_comes_back!(&report.room.broken, report.room.compared);
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
