//! A real etcd for tests, from the binary that `ETCD_TRAFFIC_TEST_ETCD` names. Shared by the packages whose tests need
//! one; it must know nothing about what they test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::ports::Ports;
use cluster::{Cluster, Launch, Wiring, chart};

/// Far more than a start takes; a test that runs into it has found something.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The binary. Without one, tests are skipped at a desk with a line that says so, and fail where `CI` is set.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where they run")]
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("ETCD_TRAFFIC_TEST_ETCD").map(PathBuf::from);
    if named.is_none() {
        assert!(std::env::var_os("CI").is_none(), "ETCD_TRAFFIC_TEST_ETCD must name an etcd");
        println!("SKIPPED: ETCD_TRAFFIC_TEST_ETCD names no etcd; `cargo xtask test` finds one");
    }
    named
}

/// A ready cluster of `size` members with its data below `dir`, or `None` where there is no etcd. `environment` is
/// given to every member.
pub(crate) async fn start(size: usize, dir: &Path, environment: &[(&str, &str)]) -> Option<Cluster> {
    let program = binary()?;
    // The packages that share this file lie at different depths.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let charts = above.map(|dir| dir.join("charts")).find(|dir| dir.is_dir()).unwrap();
    let chart = chart::load(&charts, "etcd").unwrap();
    let mut wiring = Wiring::direct(&chart, size, &mut Ports::outside_ephemeral()).unwrap();
    for member in &mut wiring.members {
        for (name, value) in environment {
            member.environment.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    let cluster = Cluster::start(Launch::new(&chart, &program, dir, wiring).unwrap()).await.unwrap();
    cluster.ready(READY_WITHIN).await.unwrap();
    Some(cluster)
}

/// The members as commands expect them: `name=url,name=url`.
pub(crate) fn endpoints(cluster: &Cluster) -> String {
    cluster.endpoints().to_string()
}
