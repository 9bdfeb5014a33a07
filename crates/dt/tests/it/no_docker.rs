//! Machines where Docker is missing, or is not what a run in containers needs: each is told what to do. Docker is stood in
//! for by scripts, so this needs none.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{dt_alone, ran, scratch};
use crate::project;

#[test]
fn a_docker_that_cannot_be_used_is_told_with_what_to_do() {
    let dir = scratch();
    let file = project::write(dir.path(), "sleep infinity", "#!/bin/sh\n");
    let programs = dir.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let cases = [
        ("", "docker is not installed: install Docker Engine"),
        (
            "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1",
            "start it, such as by `sudo systemctl start docker`",
        ),
        (
            "echo 'Got permission denied while trying to connect to /var/run/docker.sock' >&2; exit 1",
            "join its group by `sudo usermod -aG docker $USER`",
        ),
        ("[ $1 = version ] && echo 20.10.24", "neither `docker compose` nor `docker-compose`: install one"),
    ];
    for (script, words) in cases {
        if !script.is_empty() {
            let docker = programs.join("docker");
            std::fs::write(&docker, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let mut command = dt_alone(dir.path(), &["run", "--compose", file.to_str().unwrap(), "-t", "1"]);
        command.env("PATH", &programs);
        let (code, out, err) = ran(command);
        assert_eq!(code, 3, "{out}\n{err}");
        assert!(err.contains(words), "{words}: {err}");
    }
}
