//! What every Rust file must be like, and which words may stand where.

use super::TextFile;

/// Longer files hold two things in one.
const LINES_MAX: usize = 500;
/// A test command is init, arguments, one call, assertions.
const COMMAND_LINES_MAX: usize = 70;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 4] = ["utils", "common", "helpers", "manager"];

/// Parts that take data and give data: no files, no network, no clock, no randomness, no output.
const PURE: [&str; 7] = [
    "crates/chaos/src/plan",
    "crates/chaos/src/shape",
    "crates/checker/src",
    "crates/composer/src/plan",
    "crates/composer/src/schedule",
    "crates/lint/src",
    "crates/report/src",
];
/// The plan draws from the seed it is given, which is data.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "tokio::",
    "clock::now",
    "Instant::now",
    "SystemTime",
    "rand::rng",
];

/// What breaks the rules.
pub(crate) fn findings(files: &[TextFile]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.has_extension("rs") && !file.starts_with("fuzz"));
    rust.flat_map(|file| {
        let path = file.path.display();
        shape(file)
            .into_iter()
            .chain(words(file))
            .map(move |finding| format!("{path}: {finding}"))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn shape(file: &TextFile) -> Vec<String> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push("must open with `//!`: what it is for, and what it must not do".to_owned());
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        findings.push(format!("{lines} lines; {LINES_MAX} at most"));
    }
    if file.starts_with("opt-antithesis/test") && lines > COMMAND_LINES_MAX {
        findings.push(format!("{lines} lines; a test command is thin, {COMMAND_LINES_MAX} at most"));
    }
    let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
    if stem == "mod" || EMPTY_NAMES.contains(&&*stem) {
        findings.push(format!("`{stem}` says nothing; name the thing"));
    }
    findings
}

fn words(file: &TextFile) -> Vec<String> {
    let mut findings = Vec::new();
    let code = code_before_tests(&file.text);
    let library =
        file.starts_with("crates") && file.path.iter().any(|part| part == "src") && !is_binary(file);
    for (n, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        let n = n + 1;
        if PURE.iter().any(|dir| is_in(file, dir)) {
            for word in IMPURE.iter().filter(|word| line.contains(*word)) {
                findings.push(format!("line {n}: `{word}` in a pure part"));
            }
        }
        if library && line.contains("process::exit") {
            findings.push(format!("line {n}: a library must not exit"));
        }
        let names_sdk = line.contains("antithesis_sdk::");
        if names_sdk && !file.starts_with("crates/properties") && !file.starts_with("xtask") {
            findings.push(format!("line {n}: only `properties` names the SDK"));
        }
    }
    findings
}

/// Tests may do what they like: they come last in a file, or are files of their own.
fn code_before_tests(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |start| &text[..start])
}

fn is_in(file: &TextFile, dir: &str) -> bool {
    let is_test = file.path.file_stem().is_some_and(|stem| stem == "tests");
    !is_test && (file.starts_with(dir) || file.path.with_extension("").starts_with(dir))
}

fn is_binary(file: &TextFile) -> bool {
    file.path.ends_with("main.rs") || file.starts_with("crates/dt")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        findings(&[TextFile { path: PathBuf::from(path), text: text.to_owned() }])
    }

    #[test]
    fn each_rule_can_be_broken() {
        let long = format!("//! X\n{}", "x\n".repeat(600));
        let cases = [
            ("crates/a/src/b.rs", "fn x() {}", "must open with `//!`"),
            ("crates/a/src/b.rs", &long, "601 lines; 500 at most"),
            ("opt-antithesis/test/v1/main/x.rs", &long[..200], "a test command is thin"),
            ("crates/a/src/utils.rs", "//! X", "`utils` says nothing"),
            ("crates/a/src/b/mod.rs", "//! X", "`mod` says nothing"),
            ("crates/checker/src/a.rs", "//! X\nuse std::fs;", "line 2: `std::fs` in a pure part"),
            ("crates/composer/src/plan.rs", "//! X\nrand::rng()", "line 2: `rand::rng` in a pure part"),
            ("crates/a/src/b.rs", "//! X\nstd::process::exit(1)", "line 2: a library must not exit"),
            (
                "crates/dt/src/b.rs",
                "//! X\nuse antithesis_sdk::x;",
                "line 2: only `properties` names the SDK",
            ),
        ];
        for (path, text, expected) in cases {
            let found = check(path, text);
            assert!(found.iter().any(|finding| finding.contains(expected)), "{path} {expected}: {found:?}");
        }
    }

    #[test]
    fn comments_tests_and_other_parts_are_free() {
        let text = "//! X\n// std::fs\nfn x() {}\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(check("crates/checker/src/a.rs", text), Vec::<String>::new());
        assert_eq!(check("crates/cluster/src/a.rs", "//! X\nuse std::fs;"), Vec::<String>::new());
    }
}
