//! One `parallel_driver_generate_traffic` of 50 puts and 50 gets against a real etcd: the processor time of the whole process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cluster::ports::Ports;
use cluster::{Cluster, Launch, Wiring};

use crate::{step, test};

/// The kernel counts a process's time in ticks of 10 ms: enough runs make a mean of it.
const RUNS: u32 = 50;
const REQUESTS: u32 = 50;

pub(crate) fn run() -> anyhow::Result<()> {
    let etcd = test::fetch_etcd(super::dt()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(Path::new(&etcd)))
}

async fn measure(etcd: &Path) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let chart = cluster::chart::load(&step::root().join("charts"), "etcd")?;
    let wiring = Wiring::direct(&chart, 3, &mut Ports::outside_ephemeral())?;
    let cluster = Cluster::start(Launch::new(&chart, etcd, dir.path(), wiring)?).await?;
    let result = async {
        cluster.ready(Duration::from_secs(60)).await?;
        commands(&cluster, dir.path())
    };
    let result = result.await;
    cluster.stop(Duration::from_secs(10)).await?;
    result
}

fn commands(cluster: &Cluster, dir: &Path) -> anyhow::Result<()> {
    let program = step::target().join("release/parallel_driver_generate_traffic");
    let before = children_ticks()?;
    for _ in 0..RUNS {
        let status = Command::new(&program)
            .env(&cluster.chart().address.environment, cluster.endpoints().to_string())
            .env("ETCD_TRAFFIC_DIR", dir)
            .env("ETCD_TRAFFIC_REQUESTS", REQUESTS.to_string())
            .env("ANTITHESIS_SDK_LOCAL_OUTPUT", dir.join("sdk.jsonl"))
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            bail!("{} failed ({status})", program.display());
        }
    }
    let [user, system] = children_ticks()?;
    let each = |now: u64, before: u64| (now - before) as f64 * 10.0 / f64::from(RUNS);
    let (user, system) = (each(user, before[0]), each(system, before[1]));
    step::say(&format!(
        "command: {:.1} ms of processor time for {REQUESTS} puts and {REQUESTS} gets as a whole process \
         ({user:.1} user, {system:.1} system; mean of {RUNS}; aim: under 25 ms)",
        user + system
    ));
    Ok(())
}

/// User and system time of children that have ended, in ticks of 10 ms; fields 16 and 17 of proc(5)'s stat.
fn children_ticks() -> anyhow::Result<[u64; 2]> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |n: usize| {
        fields.get(n - 3).and_then(|field| field.parse().ok()).context("an unknown /proc/self/stat")
    };
    Ok([field(16)?, field(17)?])
}
