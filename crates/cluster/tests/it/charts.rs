//! Charts as files: the shipped one, and wrong ones.

use std::fs;
use std::path::Path;

use cluster::chart::{self, Chart};
use cluster::launch::Launch;
use cluster::ports::Ports;
use cluster::wiring::Wiring;

/// Where the shipped charts are.
pub(crate) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts");

/// The shipped chart of etcd.
pub(crate) fn etcd() -> Chart {
    chart::load(Path::new(SHIPPED), "etcd").unwrap()
}

#[test]
fn every_shipped_chart_loads() {
    let names = chart::names(Path::new(SHIPPED)).unwrap();
    assert!(names.contains(&"etcd".to_owned()));
    for name in names {
        chart::load(Path::new(SHIPPED), &name).unwrap();
    }
}

#[test]
fn an_unknown_chart_names_those_that_exist() {
    let error = chart::load(Path::new(SHIPPED), "etdc").unwrap_err().to_string();
    assert!(error.starts_with("no chart is called `etdc` (did you mean `etcd`?); there are: "), "{error}");
    assert!(error.contains("etcd"));
    let error = chart::load(Path::new("/nowhere"), "etcd").unwrap_err().to_string();
    assert_eq!(error, "cannot read the charts in /nowhere: No such file or directory (os error 2)");
}

/// Loads the shipped chart of etcd with one text replaced.
fn load_changed(from: &str, to: &str) -> String {
    let text = fs::read_to_string(Path::new(SHIPPED).join("etcd.yaml")).unwrap();
    assert!(text.contains(from), "{from}");
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("etcd.yaml"), text.replacen(from, to, 1)).unwrap();
    let error = chart::load(dir.path(), "etcd").unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

/// The line of the shipped chart that has this text, from 1.
fn line_of(text: &str) -> usize {
    let chart = fs::read_to_string(Path::new(SHIPPED).join("etcd.yaml")).unwrap();
    chart.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn a_wrong_chart_is_shown_with_line_column_and_remedy() {
    let error = load_changed("about:", "abuot:");
    let expected = "etcd.yaml:4:1: unknown field `abuot`, expected one of name, about, binary, process, \
                    compose, address, ready, reported_version, peer_links, metrics, admin_api; did you mean `about`?\n    4 | abuot: A key";
    assert!(error.starts_with(expected), "{error}");

    let error = load_changed("--name={name}", "--name={nmae}");
    let line = line_of("--name={name}");
    let expected =
        format!("etcd.yaml:{line}:7: unknown placeholder {{nmae}}; did you mean {{name}}? (known here: ");
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.ends_with("     - --name={nmae}\n      |       ^"), "{error}");

    let error = load_changed("--name={name}", "--name={name");
    assert!(error.starts_with(&format!("etcd.yaml:{line}:7: `--name={{name` has a `{{`")), "{error}");

    let error = load_changed("port: client", "port: cleint");
    assert!(
        error.contains("`address.port` is `cleint`, but `process.ports` has only: client, peer"),
        "{error}"
    );
    let error = load_changed("peer_links: {port: peer", "peer_links: {port: pear");
    assert!(error.contains("`peer_links.port` is `pear`, but"), "{error}");
    let error = load_changed("name: etcd", "name: other");
    assert!(error.contains("calls itself `other`, but its file is etcd.yaml"), "{error}");
    let error = load_changed("3.5.16, 3.4.23", "3.5.16, 2.3.8");
    assert!(error.contains("`binary.prefer` lists 2.3.8, which no source"), "{error}");
    let error = load_changed("amd64: ffe8", "amd64: ffe");
    assert!(error.contains(&format!("etcd.yaml:{}:20: ", line_of("amd64: ffe8"))), "{error}");
    assert!(error.contains("is not a SHA-256: expected 64 hexadecimal digits"), "{error}");
}

#[test]
fn a_wrong_number_of_members_is_refused_with_the_reason() {
    let mut ports = Ports::outside_ephemeral();
    let error = Wiring::direct(&etcd(), 4, &mut ports).unwrap_err().to_string();
    assert!(error.starts_with("4 members are refused, because an even number tolerates no more"), "{error}");
    assert!(error.ends_with(": use 1, 3, 5"), "{error}");
}

#[test]
fn command_lines_are_known_before_anything_happens() {
    let chart = etcd();
    let dir = tempfile::tempdir().unwrap();
    let mut wiring = Wiring::direct(&chart, 3, &mut Ports::outside_ephemeral()).unwrap();
    for name in ["etcd0", "etcd1", "etcd2"] {
        let member = wiring.member_mut(name).unwrap();
        member.ports.get_mut("peer").unwrap().advertised = format!("{name}.dt:2380");
        member.environment.insert("HTTP_PROXY".into(), "http://127.0.0.1:1".into());
    }
    let listens = wiring.members[1].ports["peer"].listen;
    let client = wiring.members[1].ports["client"].listen;
    let advertised = wiring.advertised(&chart);
    let launch = Launch::new(&chart, Path::new("/bin/etcd"), dir.path(), wiring).unwrap();
    let line = launch.commands()[1].to_string();
    for part in [
        "env -i ETCD_UNSUPPORTED_ARCH=arm64 HTTP_PROXY=http://127.0.0.1:1 /bin/etcd --name=etcd1 ",
        &format!(" --data-dir={}/members/etcd1 ", dir.path().display()),
        &format!(" --listen-peer-urls=http://{listens} "),
        &format!(" --advertise-client-urls=http://{client} "),
        " --initial-advertise-peer-urls=http://etcd1.dt:2380 ",
        " --initial-cluster=etcd0=http://etcd0.dt:2380,etcd1=http://etcd1.dt:2380,",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert_eq!(advertised.0[1].url, format!("http://{client}"));
    assert!(!dir.path().join("members").exists(), "nothing has happened yet");
}
