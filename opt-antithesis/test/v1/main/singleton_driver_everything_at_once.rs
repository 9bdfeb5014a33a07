//! Driver, the only one of its timeline: transactions, watches, leases and locks beside each other in one process, with the
//! cluster to itself. What one client does is then never further from the others than a few microseconds.

use std::io::Write as _;

use checker::guarantees;
use etcd_traffic::{Config, Event, Session, work};
use history::{History, Sources};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = work::everything(&session, &mut properties::random::u64, &mut tell).await?;
    properties::comparisons_decide!(report.held, report.differed);
    properties::bank_keeps_its_total!(&report.bank.broken, report.bank.compared);
    properties::watch_delivers!(report.delivered);
    properties::mirror_is_true!(&report.mirror.broken, report.mirror.compared);
    properties::lease_runs_out!(report.ran_out);
    properties::lock_is_granted!(report.granted);
    let sources = Sources::read_files(&[session.writer().path().to_owned()])?;
    let findings = guarantees::check(&History::parse(&sources)?, &guarantees::Options::default(), None);
    let (broken, compared) = guarantees::tested(&findings, "watches");
    properties::watches_keep_promises!(broken, compared);
    let (broken, compared) = guarantees::tested(&findings, "leases");
    properties::leases_keep_promises!(broken, compared);
    let (broken, compared) = guarantees::tested(&findings, "locks and elections");
    properties::locks_keep_promises!(broken, compared);
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
