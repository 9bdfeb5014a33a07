//! At any time, beside drivers and faults: every member shows its own state, old or not, and the hash of what all have in
//! common. What this command saw is held against the promises of reads, revisions and members.

use std::io::Write as _;

use checker::guarantees;
use etcd_traffic::{Config, Event, Session, work};
use history::{History, Sources};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let replicas = work::read_replicas(&session, &mut properties::random::u64, &mut tell).await?;
    properties::replicas_are_read!(replicas.read);
    let sources = Sources::read_files(&[session.writer().path().to_owned()])?;
    let findings = guarantees::check(&History::parse(&sources)?, &guarantees::Options::default(), None);
    let (broken, compared) = guarantees::tested(&findings, "revisions");
    properties::revisions_keep_promises!(broken, compared);
    let (broken, compared) = guarantees::tested(&findings, "reads");
    properties::reads_keep_promises!(broken, compared);
    let (broken, compared) = guarantees::tested(&findings, "members");
    properties::members_keep_promises!(broken, compared);
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
