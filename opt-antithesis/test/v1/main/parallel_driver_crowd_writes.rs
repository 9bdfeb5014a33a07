//! Driver, any number at once: many writers put unique keys as fast as they are acknowledged, through members that may be
//! killed under them; what they were promised is read back, a sample of it through another member.
//!
//! Single puts and dials are not printed: there are thousands. All of them are in the history.

use std::io::Write as _;

use etcd_traffic::{Config, Event, Session, crowd};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let report = crowd::write_and_validate(&session, &mut properties::random::u64, &mut tell).await?;
    if let Some(validation) = &report.validation {
        properties::values_stay_consistent!(&validation.mismatch, validation.acknowledged);
        properties::unknown_turned_out_applied!(validation.turned_out_applied);
    }
    properties::revisions_never_go_back!(report.revisions.regression(), report.revisions.advanced());
    session.close()?;
    Ok(())
}

fn tell(event: &Event<'_>) {
    if !matches!(event, Event::Put { .. } | Event::Connected { .. }) {
        // A closed standard output is no reason to stop.
        let _ = writeln!(std::io::stdout(), "Client: {event}");
    }
    if let Some(error) = event.put_error() {
        properties::put_request!(error);
    }
    if let Some(error) = event.get_error() {
        properties::get_request!(error);
    }
}
