//! What is left when the process that runs everything is killed at some moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chaos::{Monkey, Profile, leftovers};

use crate::bed::{Bed, etcd};

/// Tells the process that is to be killed where to run.
const DIRECTORY: &str = "CHAOS_TEST_CRASH_DIRECTORY";

/// Not a test by itself: the process that gets killed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "this process is told by its environment what it is")]
async fn victim() {
    let Some(dir) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let Some(bed) = Bed::in_directory(&dir, 3).await else { return };
    let program =
        "{fault: {exec: {command: [sh, -c, 'sleep 60 & sleep 60'], deadline_ms: 60000}}, every_ms: [1, 300]}";
    let pause = "{fault: pause, on: one, every_ms: [100, 300], lasts_ms: [15000, 15000]}";
    let cut = "{fault: {links: {shape: [ring], direction: [both], disruption: [cut]}}, every_ms: [1, 90], lasts_ms: [9, 90]}";
    let monkeys: Vec<Monkey> = [program, pause, cut].map(|yaml| serde_saphyr::from_str(yaml).unwrap()).into();
    let profile = Profile { overlap: 3, ..Profile::shipped("none").unwrap() };
    let _run = bed.run(&profile, &monkeys, 5);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_is_left_after_a_kill_at_any_moment() {
    if etcd().await.is_none() {
        return;
    }
    let runs = tempfile::tempdir().unwrap();
    for (n, after_ms) in [60, 180, 420, 700, 1_300, 2_500].into_iter().enumerate() {
        let dir = runs.path().join(n.to_string());
        fs::create_dir(&dir).unwrap();
        let mut victim = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture"])
            .env(DIRECTORY, &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        assert_eq!(victim.try_wait().unwrap(), None, "it ended by itself");
        victim.kill().await.unwrap();
        let before = processes_below(&dir);
        assert!(after_ms < 1_000 || before.len() >= 3, "there was something to end: {before:?}");

        let all = leftovers::heal_all(runs.path()).unwrap();
        let healed: Vec<_> = all.iter().map(|(path, result)| (path, result.as_ref().unwrap())).collect();
        assert!(after_ms < 1_000 || healed[0].1.undone.len() >= 2, "{healed:#?}");
        // A member's program that is only asked for its version ends by itself, and is not the run's.
        let gone = async {
            while !processes_below(&dir).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(10), gone).await.is_ok();
        assert!(gone, "{after_ms} ms: {:?} {healed:#?}", processes_below(&dir));
        assert_eq!(
            leftovers::heal_all(runs.path()).unwrap().len(),
            0,
            "a second time there is nothing to do"
        );
    }
}

/// The processes that work below a directory, other than those that have ended.
fn processes_below(dir: &Path) -> Vec<u32> {
    let dir = fs::canonicalize(dir).unwrap();
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let named = String::from_utf8_lossy(&environment).contains(&*dir.to_string_lossy());
        *pid != std::process::id()
            && (named || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&dir)))
    })
    .collect()
}
