//! Commands that never end, as far as their text tells: loops without a way out, and programs that wait for ever.

use crate::source::{self, Language};
use crate::{File, Finding, Rule};

/// Programs that only somebody else's signal ends.
const WAITS_FOR_EVER: [&str; 3] = ["sleep infinity", "sleep inf", "tail -f"];

pub(crate) fn findings(file: &File) -> Vec<Finding> {
    let Some(text) = file.text() else { return Vec::new() };
    let Some(language) = source::language(&file.path, text) else { return Vec::new() };
    let code = source::code(text, language);
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let line = line.trim();
        let endless = match language {
            Language::Shell => {
                let waits = WAITS_FOR_EVER.iter().any(|words| line.contains(words));
                waits
                    || starts_endless_shell(line)
                        && !has_exit(&until_done(&lines[n..]), &["break", "exit", "return"])
            }
            Language::Python => {
                let forever = ["while True:", "while 1:"].contains(&line);
                forever
                    && !has_exit(&source::indented(&lines, n), &["break", "return", "raise", "exit", "_exit"])
            }
            Language::Rust => {
                let forever = line.ends_with("loop {") || line.ends_with("while true {");
                forever && !has_exit(&source::braced(&lines, n), &["break", "return", "?", "exit", "panic"])
            }
            Language::Go => {
                let forever = line == "for {" || line == "for true {";
                forever
                    && !has_exit(&source::braced(&lines, n), &["break", "return", "Exit", "panic", "goto"])
            }
            Language::C => {
                let forever = ["while (1)", "while(1)", "while (true)", "for (;;)", "for(;;)"];
                let starts = forever.iter().any(|words| line.starts_with(words));
                starts
                    && !has_exit(
                        &source::braced(&lines, n),
                        &["break", "return", "exit", "_exit", "abort", "goto"],
                    )
            }
        };
        if endless {
            found.push(file.finding(n + 1, Rule::EndlessCommand, format!("`{line}` has no way out")));
        }
    }
    found
}

fn starts_endless_shell(line: &str) -> bool {
    ["while true", "while :", "until false"].iter().any(|words| {
        line.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with([';', ' ']))
    })
}

/// A shell loop from its first line to its `done`.
fn until_done(lines: &[&str]) -> String {
    let mut depth = 0_usize;
    let mut body = String::new();
    for line in lines {
        body.push_str(line);
        body.push('\n');
        let words = source::words(line);
        depth += words.iter().filter(|word| **word == "do").count();
        depth = depth.saturating_sub(words.iter().filter(|word| **word == "done").count());
        if depth == 0 && words.contains(&"done") {
            break;
        }
    }
    body
}

fn has_exit(body: &str, exits: &[&str]) -> bool {
    let words = source::words(body);
    exits.iter().any(|exit| if *exit == "?" { body.contains('?') } else { words.contains(exit) })
}
