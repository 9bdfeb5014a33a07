//! Traffic through one member and its validation through another, while members are paused and stopped.

use std::process::{Command, Stdio};

use checker::Verdict;
use checker::etcd::{self, Options};
use etcd_in_containers::Cluster;
use etcd_traffic::recovery::{Need, wait_until_healthy};
use etcd_traffic::validate::Validation;
use etcd_traffic::{Config, Event, Session, durability, traffic};
use history::Sources;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const IMAGE: (&str, &str) = ("quay.io/coreos/etcd", "v3.5.30");

/// One command's work: puts through one member, gets through another.
async fn driven(config: &Config, draw: &mut fastrand::Rng) -> Result<Validation> {
    let session = Session::begin(config)?;
    let report = traffic::generate_and_validate(&session, &mut || draw.u64(..), &mut told).await?;
    session.close()?;
    assert!(report.revisions.regression().is_none(), "{:?}", report.revisions);
    // Where nobody answered there is nothing to validate.
    Ok(report.validation.unwrap_or_default())
}

async fn healthy(config: &Config, draw: &mut fastrand::Rng) -> Result<()> {
    let session = Session::begin(config)?;
    let health = wait_until_healthy(&session, Need::WriteAndRead, &mut || draw.u64(..), &mut told).await?;
    assert!(health.healthy, "{health:?}");
    Ok(session.close()?)
}

/// Whether a member is out of reach. That nobody answers is recorded, too.
async fn silent(config: &Config, member: usize) -> Result<bool> {
    let session = Session::begin(config)?;
    let silent = session.dial(&config.members[member]).await?.is_err();
    session.close()?;
    Ok(silent)
}

fn told(event: &Event<'_>) {
    println!("{event}");
}

#[tokio::test]
async fn nothing_is_lost_while_one_member_is_paused_and_another_stopped() -> Result<()> {
    if !docker() {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let mut draw = fastrand::Rng::new();
    println!("draws come from seed {}", draw.get_seed());
    let network = format!("etcd-traffic-{}", std::process::id());
    let cluster = Cluster::start(&network, 3, IMAGE.0, IMAGE.1).await?;

    let config = cluster.config(dir.path()).await?;
    healthy(&config, &mut draw).await?;
    let calm = driven(&config, &mut draw).await?;
    assert!(calm.acknowledged > 0 && calm.unread == 0, "{calm:?}");
    assert_eq!(calm.mismatch, None);

    cluster.member(2).pause().await?;
    assert!(silent(&config, 2).await?);
    for _ in 0..3 {
        assert_eq!(driven(&config, &mut draw).await?.mismatch, None);
    }
    cluster.member(2).unpause().await?;
    cluster.member(1).stop().await?;
    assert!(silent(&config, 1).await?);
    for _ in 0..3 {
        assert_eq!(driven(&config, &mut draw).await?.mismatch, None);
    }
    cluster.member(1).start().await?;

    let config = cluster.config(dir.path()).await?;
    healthy(&config, &mut draw).await?;
    let session = Session::begin(&config)?;
    let durable = durability::check_all(&session, &mut told).await?;
    session.close()?;
    assert_eq!((durable.unread, &durable.judgement.mismatch), (0, &None));
    assert!(durable.judgement.acknowledged >= calm.acknowledged, "{durable:?}");

    let (report, _) = etcd::check_files(&Sources::read_dir(&config.history_dir())?, &Options::own_store())?;
    assert!(matches!(report.verdict, Verdict::Valid), "{:?}", report.verdict);
    Ok(())
}

/// Whether an engine answers. Where there is none, that is fine, but not on a build machine.
fn docker() -> bool {
    let mut info = Command::new("docker");
    let answers = info.arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let answers = answers.is_ok_and(|status| status.success());
    if !answers {
        assert!(std::env::var_os("CI").is_none(), "no Docker answers here");
        eprintln!("SKIPPED: needs Docker");
    }
    answers
}
