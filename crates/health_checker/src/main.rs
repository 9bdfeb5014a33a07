//! Waits until the cluster is healthy, announces it, and stays up.
//!
//! The one place that emits `setup_complete`, once, and only after it has seen every member answer a linearizable read
//! and all of them name one leader. It does not write to the cluster.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use etcd_traffic::recovery::{Health, Need, wait_until_healthy};
use etcd_traffic::{Config, Event, Session};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    properties::init();
    // From here on a signal ends the process in order, also one that comes while it waits.
    let mut stop = [end(SignalKind::terminate())?, end(SignalKind::interrupt())?];
    tokio::select! {
        exit = announce_and_stay() => exit,
        () = any(&mut stop) => Ok(ExitCode::SUCCESS),
    }
}

async fn announce_and_stay() -> anyhow::Result<ExitCode> {
    let config = Config::of_process()?;
    let health = wait(config).await?;
    if !health.healthy {
        let waited = config.limits.wait.as_secs_f64();
        anyhow::bail!("the cluster is not healthy after {waited} s: {}", health.lacking.join(", "));
    }
    properties::lifecycle::setup_complete(&serde_json::json!({ "Message": "ETCD cluster is healthy" }));
    say("cluster is healthy");
    std::future::pending().await
}

async fn wait(config: &Config) -> anyhow::Result<Health> {
    let session = Session::begin(config)?;
    let health = wait_until_healthy(&session, Need::Read, &mut properties::random::u64, &mut tell).await?;
    session.close()?;
    Ok(health)
}

/// Says what is being waited for; the requests themselves are in the history.
fn tell(event: &Event<'_>) {
    if let Event::Waiting { .. } | Event::GaveUp { .. } = event {
        say(&event.to_string());
    }
}

fn say(line: &str) {
    // A closed standard output is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn end(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot wait for signals")
}

async fn any([first, second]: &mut [Signal; 2]) {
    tokio::select! {
        _ = first.recv() => (),
        _ = second.recv() => (),
    }
}
