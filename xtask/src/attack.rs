//! The checker's engines against a brute-force oracle, on generated histories: CI does a small share of it, this the rest.

use crate::step;

/// The programs, and the part of all histories that each gets, in percent.
const ATTACKS: [(&str, u64); 2] = [("attack", 50), ("attack_models", 50)];

/// Compares on `count` histories in all; each program ends with a line that says what came of it.
pub(crate) fn run(count: u64) -> anyhow::Result<()> {
    for (example, percent) in ATTACKS {
        let share = (count * percent / 100).to_string();
        let mut attack =
            step::cargo(&["run", "--release", "--locked", "-p", "checker", "--example", example]);
        attack.args(["--", "--count", &share]);
        step::run(attack)?;
    }
    Ok(())
}
