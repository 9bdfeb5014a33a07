//! Driver, any number at once: leases that are revoked at whoever leads, and then kept alive at who led before, while leaders are
//! cut off from the others.

use std::io::Write as _;

use checker::guarantees;
use etcd_traffic::swarm::Group;
use etcd_traffic::{Config, Event, Session, work};
use history::{History, Sources};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    work::drive(&session, Group::FormerLeaders, &mut properties::random::u64, &mut tell).await?;
    let sources = Sources::read_files(&[session.writer().path().to_owned()])?;
    let findings = guarantees::check(&History::parse(&sources)?, &guarantees::Options::default(), None);
    let (broken, compared) = guarantees::tested(&findings, "leases");
    properties::leases_keep_promises!(broken, compared);
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
