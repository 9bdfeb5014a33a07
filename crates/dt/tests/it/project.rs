//! A compose project of somebody's, small enough to be seen whole, and what the engine still has of its runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{built, home};

/// An image that has a shell and nothing else that matters; `cargo xtask test` makes it where it is missing.
pub(crate) const BASE: &str = "debian:bookworm-slim";

const SAYS_COMPLETE: &str = r#"echo '{"antithesis_setup":{"status":"complete","details":{}}}' >>"$$ANTITHESIS_SDK_LOCAL_OUTPUT"; sleep infinity"#;
pub(crate) const ASSERTS: &str = r#"#!/bin/sh
echo "in $(hostname) with $DT_VOIDSTAR_SEED" && getent hosts old-name >/dev/null || exit 7
echo '{"antithesis_assert":{"display_type":"Always","condition":true,"message":"m","hit":true}}' >>"$ANTITHESIS_SDK_LOCAL_OUTPUT"
sleep 0.2
"#;

/// A project of somebody's in `dir`: a store, two clients that share a template, and one who says when commands may start.
pub(crate) fn write(dir: &Path, client: &str, command: &str) -> PathBuf {
    let template = dir.join("commands/mine");
    std::fs::create_dir_all(&template).unwrap();
    let path = template.join("parallel_driver_x");
    std::fs::write(&path, command).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let service = |name: &str, words: &str| {
        format!(
            "  {name}:\n    image: {BASE}\n    init: true\n    hostname: {name}\n    command: [sh, -c, {}]\n",
            serde_json::Value::from(words)
        )
    };
    let mounted = "    volumes: ['./commands:/opt/antithesis/test/v1:ro']\n";
    let text = format!(
        "services:\n{}    container_name: old-name\n{}{}{mounted}{}{mounted}",
        service("store", "sleep infinity"),
        service("announcer", SAYS_COMPLETE),
        service("client1", client),
        service("client2", client),
    );
    let file = dir.join("docker-compose.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

/// What the engine still has of runs in `dir`.
pub(crate) fn remains(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mine = format!("{}/", std::fs::canonicalize(dir).unwrap().display());
    for list in [["ps", "--all"], ["network", "ls"], ["volume", "ls"]] {
        let mut command = Command::new("docker");
        command.args(list).args(["--filter", "label=etcd-traffic.run", "--format", "{{.Labels}}"]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        found.extend(text.lines().filter(|line| line.contains(&mine)).map(str::to_owned));
    }
    found
}

/// Makes the images of this repository out of what was just built, where they are others.
pub(crate) fn images() {
    built("opt-antithesis");
    built("health_checker");
    let mut images = Command::new(home().join("compose/images"));
    images.env("PROGRAMS_DIR", Path::new(env!("CARGO_BIN_EXE_dt")).parent().unwrap());
    assert!(images.status().unwrap().success());
}
