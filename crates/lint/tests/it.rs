//! Planted mistakes, each in a project that is otherwise fine: each is named, and nothing else is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::PathBuf;

use lint::{File, Rule, findings};

/// A small project in which nothing is wrong.
const FINE: [(&str, &str); 7] = [
    ("test/v1/main/parallel_driver_write", "#!/usr/bin/env python3\nimport work\nwork.write()\n"),
    ("test/v1/main/helper_notes.txt", "anything\n"),
    (
        "work.py",
        "from antithesis.assertions import always\n\ndef write():\n    always(True, \"writes work\", {})\n",
    ),
    ("entrypoint.py", "from antithesis.lifecycle import setup_complete\nsetup_complete({})\n"),
    ("Dockerfile", "FROM debian:bookworm-slim\nCOPY test /opt/antithesis/test\n"),
    ("config/Dockerfile.config", "FROM scratch\nCOPY docker-compose.yaml /\n"),
    ("config/docker-compose.yaml", COMPOSE),
];

const COMPOSE: &str = "\
services:
  store:
    image: store:v1
    container_name: store
    hostname: store
    init: true
    platform: linux/amd64
    healthcheck:
      test: [CMD, check]
  client:
    image: ${CLIENT:-client:v1}
    container_name: client
    hostname: client
    init: true
    platform: linux/amd64
    entrypoint: sleep infinity
    labels: {com.antithesis.exclude.faults: all}
    depends_on:
      store: {condition: service_healthy}
";

fn project(parts: &[(&str, &[u8])]) -> Vec<File> {
    let mut files: Vec<File> = FINE.iter().map(|(path, text)| file(path, text.as_bytes())).collect();
    for (path, bytes) in parts {
        files.retain(|file| file.path != PathBuf::from(path));
        files.push(file(path, bytes));
    }
    files
}

fn file(path: &str, bytes: &[u8]) -> File {
    File { path: path.into(), bytes: bytes.to_vec(), executable: path.contains("test/v1") }
}

/// The rules that are broken, with the lines.
fn broken(files: &[File]) -> Vec<(Rule, usize)> {
    findings(files).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

#[test]
fn a_project_that_is_fine_has_no_findings() {
    assert_eq!(findings(&project(&[])), []);
}

#[test]
fn each_mistake_in_a_template_is_named() {
    let cases: [(&str, &[u8], Rule, usize); 12] = [
        ("test/v1/main/README.md", b"x", Rule::StrayFile, 0),
        ("test/v1/main/__pycache__/x.pyc", b"x", Rule::StrayFile, 0),
        ("test/v1/main/anytime_x", b"echo hi\n", Rule::NotAProgram, 1),
        ("test/v1/other/first_x", b"#!/bin/sh\n", Rule::NothingToSchedule, 0),
        ("test/v1/main/anytime_x", &elf(62, None), Rule::StaticBinary, 0),
        ("test/v1/main/anytime_x", &elf(62, Some("/lib/ld-musl-x86_64.so.1")), Rule::StaticBinary, 0),
        ("test/v1/main/anytime_x", &elf(183, Some("/lib/ld-linux-aarch64.so.1")), Rule::WrongArchitecture, 0),
        ("test/v1/main/anytime_x", b"#!/bin/sh\nwhile true; do\n  work\ndone\n", Rule::EndlessCommand, 2),
        ("test/v1/main/anytime_x", b"#!/bin/sh\nsleep infinity\n", Rule::EndlessCommand, 2),
        (
            "test/v1/main/anytime_x.py",
            b"#!/usr/bin/python3\nwhile True:\n    work()\n",
            Rule::EndlessCommand,
            2,
        ),
        (
            "test/v1/main/anytime_x.rs",
            b"fn main() {\n    loop {\n        work();\n    }\n}\n",
            Rule::EndlessCommand,
            2,
        ),
        ("test/v1/main/first_x.py", b"#!/usr/bin/python3\nsetup_complete({})\n", Rule::SetupInCommand, 2),
    ];
    for (path, bytes, rule, line) in cases {
        assert_eq!(
            broken(&project(&[(path, bytes)])),
            [(rule, line)],
            "{path}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
    let mut files = project(&[]);
    files[0].executable = false;
    assert_eq!(broken(&files), [(Rule::NotExecutable, 0)]);
    files.retain(|file| file.path != *"entrypoint.py");
    files[0].executable = true;
    assert_eq!(broken(&files), [(Rule::SetupNever, 0)]);
}

#[test]
fn what_only_looks_like_a_mistake_is_left_alone() {
    let fine: [(&str, &[u8]); 6] = [
        ("test/v1/main/anytime_x", b"#!/bin/sh\nwhile true; do\n  work || break\ndone\n"),
        ("test/v1/main/anytime_x.py", b"#!/usr/bin/python3\nwhile True:\n    if work():\n        break\n"),
        (
            "test/v1/main/anytime_x.py",
            b"#!/usr/bin/python3\n# setup_complete({}) is elsewhere\nprint('while True:')\n",
        ),
        ("test/v1/main/anytime_x.rs", b"fn main() {\n    loop {\n        work()?;\n    }\n}\n"),
        ("test/v1/main/anytime_x", &elf(62, Some("/lib64/ld-linux-x86-64.so.2"))),
        ("tests/work.py", b"from antithesis.assertions import always\nalways(True, \"writes work\", {})\n"),
    ];
    for (path, bytes) in fine {
        assert_eq!(findings(&project(&[(path, bytes)])), [], "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn messages_are_unique_and_within_reach() {
    let python = "from antithesis.assertions import always, sometimes\n\ndef write():\n    always(True, \"writes work\", {})\n\
                  \ndef forgotten():\n    sometimes(True, \"never\", {})\n";
    let found = findings(&project(&[("work.py", python.as_bytes())]));
    assert_eq!(found.len(), 1, "{found:?}");
    let words =
        "work.py:7: unreachable-assertion: no command of a template reaches \"never\" in `forgotten`; ";
    assert!(found[0].to_string().starts_with(words), "{}", found[0]);

    let rust = "use antithesis_sdk as sdk;\nconst LOST: &str = \"unused\";\nconst WORK: &str = \"writes work\";\n\
                pub fn write() {\n    assert_sometimes!(a(b, \"c\"), crate::WORK, &x);\n}\n\
                macro_rules! lost {\n    () => { assert_sometimes!(true, LOST) };\n}\n";
    assert_eq!(
        broken(&project(&[("work.rs", rust.as_bytes())])),
        [(Rule::DuplicateMessage, 5), (Rule::UnreachableAssertion, 8)],
        "both sites count as one property; {rust}"
    );
    let go = "package w\nimport \"github.com/antithesishq/antithesis-sdk-go/assert\"\nfunc (w *W) Lost() {\n\
              \tassert.Reachable(\"lost\", nil)\n\tassert.Unreachable(\"fine\", nil)\n}\n";
    assert_eq!(broken(&project(&[("w.go", go.as_bytes())])), [(Rule::UnreachableAssertion, 4)]);
}

#[test]
fn each_mistake_in_a_compose_file_is_named() {
    let cases: [(&str, &str, Rule, usize); 17] = [
        ("    image: store:v1\n", "", Rule::NoImage, 2),
        ("store:v1", "store:v1@sha256:00", Rule::ImageDigest, 3),
        ("hostname: store", "hostname: other", Rule::NameMismatch, 4),
        ("    hostname: store\n", "", Rule::NameMismatch, 4),
        (
            "    init: true\n    platform: linux/amd64\n    healthcheck",
            "    platform: linux/amd64\n    healthcheck",
            Rule::NoInit,
            2,
        ),
        ("    platform: linux/amd64\n    healthcheck", "    healthcheck", Rule::NoPlatform, 2),
        (
            "platform: linux/amd64\n    healthcheck",
            "platform: linux/arm64\n    healthcheck",
            Rule::NoPlatform,
            7,
        ),
        ("    healthcheck:\n      test: [CMD, check]\n", "", Rule::NoHealthCheck, 2),
        ("service_healthy", "service_started", Rule::UnorderedStart, 18),
        ("${CLIENT:-client:v1}", "${CLIENT}", Rule::NotHermetic, 11),
        ("image: store:v1", "image: $STORE", Rule::NotHermetic, 3),
        ("    healthcheck:\n", "    volumes: [\"./data:/data\"]\n    healthcheck:\n", Rule::BindMount, 8),
        ("    healthcheck:\n", "    pull_policy: always\n    healthcheck:\n", Rule::PullPolicy, 8),
        ("    healthcheck:\n", "    logging: {driver: none}\n    healthcheck:\n", Rule::LoggingDriver, 8),
        ("    labels: {com.antithesis.exclude.faults: all}\n", "", Rule::ClientNotExcluded, 10),
        ("    healthcheck:\n", "    command: pip install x\n    healthcheck:\n", Rule::NetworkAtRunTime, 2),
        ("services:", "networks:\n  n:\n    internal: true\nservices:", Rule::InternalNetwork, 3),
    ];
    for (from, to, rule, line) in cases {
        assert!(COMPOSE.contains(from), "{from}");
        let text = COMPOSE.replacen(from, to, 1);
        let files = project(&[("config/docker-compose.yaml", text.as_bytes())]);
        assert_eq!(broken(&files), [(rule, line)], "{text}");
    }
    let with_env = COMPOSE.replace("${CLIENT:-client:v1}", "${CLIENT}");
    let files =
        project(&[("config/docker-compose.yaml", with_env.as_bytes()), ("config/.env", b"CLIENT=c:v1\n")]);
    assert_eq!(findings(&files), []);
}

#[test]
fn each_mistake_in_a_dockerfile_is_named() {
    let cases = [
        ("Dockerfile", "FROM rust:alpine\n", Rule::MuslImage, 1),
        ("Dockerfile", "FROM rust:1\nRUN cargo build --release\n", Rule::NoSymbols, 2),
        ("Dockerfile", "FROM rust:1\nENTRYPOINT [\"cargo\", \"run\"]\n", Rule::NetworkAtRunTime, 2),
        ("config/Dockerfile.config", "FROM debian\nCOPY x /\n", Rule::ConfigNotScratch, 0),
    ];
    for (path, text, rule, line) in cases {
        assert_eq!(broken(&project(&[(path, text.as_bytes())])), [(rule, line)], "{text}");
    }
}

#[test]
fn every_rule_is_planted_above() {
    let source = include_str!("it.rs");
    for rule in Rule::ALL {
        assert!(source.contains(&format!("Rule::{rule:?},")), "{rule:?}");
        assert!(!rule.meaning().is_empty() && !rule.remedy().ends_with('.'), "{rule:?}");
    }
}

/// The smallest file that reads as a program for this machine with this loader.
fn elf(machine: u16, loader: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    (bytes[32], bytes[54], bytes[56]) = (64, 56, 1);
    if let Some(loader) = loader {
        (bytes[64], bytes[72]) = (3, 120);
        bytes[96] = u8::try_from(loader.len() + 1).unwrap();
        bytes.extend(loader.bytes().chain([0]));
    }
    bytes
}
