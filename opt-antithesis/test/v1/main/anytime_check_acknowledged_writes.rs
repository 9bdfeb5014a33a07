//! At any time, beside drivers and faults: what has been acknowledged so far, to whomever, must be readable.
//!
//! It reads a random sample of it, and a key of its own, so that it is never without something to find.

use std::io::Write as _;

use etcd_traffic::{Config, Event, Session, durability};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    properties::init();
    let session = Session::begin(Config::of_process()?)?;
    let check = durability::check_sample(&session, &mut properties::random::u64, &mut tell).await?;
    let judgement = &check.judgement;
    properties::values_stay_consistent!(&judgement.mismatch, judgement.acknowledged);
    properties::writes_stay_readable!(&judgement.mismatch, judgement.of_others);
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
