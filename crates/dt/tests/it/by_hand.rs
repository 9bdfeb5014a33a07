//! The containers of this repository as its pages say to use them by hand: brought up by compose, commands by `docker exec`.

use std::process::{Command, Output};

use crate::harness::{docker, etcd, home, wait_for};
use crate::project;

const FILE: &str = "compose/docker-compose.yaml";
const PROJECT: &str = "etcd-traffic-by-hand";
/// Its containers have the names that the file gives them, so there can be one such stack on a machine.
const NAMES: [&str; 6] = ["etcd0", "etcd1", "etcd2", "health-checker", "client1", "client2"];

fn output(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).current_dir(home()).output().unwrap()
}

fn succeeded(program: &str, args: &[&str]) -> String {
    let output = output(program, args);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {}: {said}", args.join(" "));
    said
}

/// Takes the stack down at the latest when the test ends.
struct Up;

impl Drop for Up {
    fn drop(&mut self) {
        output("docker", &["compose", "-f", FILE, "-p", PROJECT, "down", "--volumes", "--timeout", "1"]);
    }
}

#[test]
fn the_stack_comes_up_and_its_commands_run_by_hand() {
    // Whoever lacks an etcd here would have to download one for the image.
    if !docker() || etcd().is_none() {
        return;
    }
    for name in NAMES {
        assert!(!output("docker", &["inspect", name]).status.success(), "somebody has a container {name}");
    }
    project::images();
    let _up = Up;
    succeeded("docker", &["compose", "-f", FILE, "-p", PROJECT, "up", "--detach"]);
    wait_for("the health checker", || {
        let log = output("docker", &["logs", "health-checker"]).stdout;
        String::from_utf8_lossy(&log).contains("cluster is healthy").then_some(())
    });
    for client in ["client1", "client2"] {
        let command = "/opt/antithesis/test/v1/main/parallel_driver_generate_traffic";
        let said = succeeded("docker", &["exec", client, command]);
        assert!(said.contains("validation ok"), "{said}");
    }
}
