//! Everything that is judged without running a test. All steps run; all failures are told.

use anyhow::bail;

use crate::{step, tidy};

pub(crate) fn run() -> anyhow::Result<()> {
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
    let docs = ["doc", "--workspace", "--no-deps", "--locked"];
    let mut doc = step::cargo(&docs);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    let example = ["fmt", "--manifest-path", "examples/testcontainers/Cargo.toml", "--check"];
    let steps = [
        ("formatting", step::run(step::cargo(&["fmt", "--all", "--check"]))),
        ("formatting of the example", step::run(step::cargo(&example))),
        ("rules and documents", tidy::run()),
        ("lints", step::run(step::cargo(&lints))),
        ("documentation", step::run(doc)),
    ];
    let mut failed = Vec::new();
    for (name, result) in steps {
        match result {
            Ok(()) => step::say(&format!("check: {name}: ok")),
            Err(error) => {
                step::say(&format!("check: {name}: FAILED: {error:#}"));
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
