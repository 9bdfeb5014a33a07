//! Driver, any number at once: keys that many fight over, by transactions: compare and set, a bank, lists, keys that come
//! and go, transactions of any shape up to the limits, reads of any kind. The run's swarm configuration says which.

use std::io::Write as _;

use etcd_traffic::swarm::Group;
use etcd_traffic::{Config, Event, Session, work};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = work::drive(&session, Group::Keys, &mut properties::random::u64, &mut tell).await?;
    properties::comparisons_decide!(report.held, report.differed);
    properties::bank_keeps_its_total!(&report.bank.broken, report.bank.compared);
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
