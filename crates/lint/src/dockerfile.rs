//! Dockerfiles: bases, symbols, and what is started.

use crate::compose::FETCHING;
use crate::{File, Finding, Rule};

/// What compiles programs that have symbols.
const COMPILERS: [&str; 4] = ["cargo build", "go build", "gcc ", "g++ "];

pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| is_dockerfile(file) && !crate::is_of_tests(&file.path)) {
        let Some(text) = file.text() else { continue };
        let last_base = text.lines().filter_map(base).next_back();
        for (n, line) in text.lines().enumerate() {
            if let Some(image) = base(line).filter(|image| image.contains("alpine") || image.contains("musl"))
            {
                found.push(file.finding(n + 1, Rule::MuslImage, format!("{image} has musl")));
            }
            let starts = line.starts_with("CMD") || line.starts_with("ENTRYPOINT");
            let words =
                line.replace(['"', ',', '[', ']'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(fetching) = FETCHING.iter().find(|fetching| starts && words.contains(**fetching)) {
                found.push(file.finding(n + 1, Rule::NetworkAtRunTime, format!("starts with `{fetching}`")));
            }
        }
        let compiles = text.lines().position(|line| COMPILERS.iter().any(|compiler| line.contains(compiler)));
        let holds_commands = text.contains("/opt/antithesis/test");
        if let (Some(line), false) = (compiles, text.contains("/symbols")) {
            found.push(file.finding(line + 1, Rule::NoSymbols, "compiles programs and keeps no symbols"));
        } else if holds_commands
            && compiles.is_none()
            && !text.contains("/symbols")
            && text.contains("--from=")
        {
            found.push(file.finding(0, Rule::NoSymbols, "holds compiled commands and no symbols"));
        }
        let is_config = file.name().contains("config");
        if is_config && last_base.is_some_and(|image| image != "scratch") {
            let what = format!("is made from {}", last_base.unwrap_or_default());
            found.push(file.finding(0, Rule::ConfigNotScratch, what));
        }
    }
    found
}

fn is_dockerfile(file: &File) -> bool {
    let name = file.name();
    name == "Dockerfile" || name.starts_with("Dockerfile.") || name.ends_with(".Dockerfile")
}

/// The image that a FROM line names.
fn base(line: &str) -> Option<&str> {
    line.strip_prefix("FROM ")?.split_whitespace().find(|word| !word.starts_with("--"))
}
