//! Driver, any number at once: puts random keys through a random member, then reads them back through another.
//!
//! What the store does not answer is recorded and no failure of the command: under faults it is to be expected.

use std::io::Write as _;

use etcd_traffic::{Config, Event, Session, traffic};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = traffic::generate_and_validate(&session, &mut properties::random::u64, &mut tell).await?;
    if let Some(validation) = &report.validation {
        properties::values_stay_consistent!(&validation.mismatch, validation.acknowledged);
        properties::unknown_turned_out_applied!(validation.turned_out_applied);
    }
    properties::revisions_never_go_back!(report.revisions.regression(), report.revisions.advanced());
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
