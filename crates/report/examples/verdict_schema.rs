//! Prints the schema of `verdict.json`: `cargo run -p report --example verdict_schema > docs/verdict.schema.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let schema = serde_json::to_string_pretty(&report::verdict_schema())?;
    writeln!(std::io::stdout().lock(), "{schema}")
}
