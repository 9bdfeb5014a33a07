//! Driver, alone among drivers: logins are asked for, a user may read one key, and tries that and more by every way there is.

use std::io::Write as _;

use etcd_traffic::swarm::Group;
use etcd_traffic::{Config, Event, Session, work};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = work::drive(&session, Group::Permissions, &mut properties::random::u64, &mut tell).await?;
    properties::permissions_hold!(&report.permissions.broken, report.permissions.compared);
    properties::watch_is_permitted!(&report.watched.broken, report.watched.compared);
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
