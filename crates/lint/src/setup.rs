//! `setup_complete`: never from a command, and from somewhere.

use crate::source::{self, Language};
use crate::{File, Finding, Rule, is_command, template_of};

/// How SDKs call it.
const CALLS: [&str; 4] = ["setup_complete", "SetupComplete", "setupComplete", "antithesis_setup"];
/// What a program holds that emits it.
const RECORD: &[u8] = b"antithesis_setup";

pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut emitted = false;
    let mut commands = None;
    for file in files.iter().filter(|file| !crate::is_of_tests(&file.path)) {
        let command = is_command(&file.path);
        commands = commands.or_else(|| command.then(|| template_of(&file.path)).flatten());
        let Some(line) = emits(file) else { continue };
        if command {
            found.push(file.finding(line, Rule::SetupInCommand, "emits setup_complete"));
        } else {
            emitted = true;
        }
    }
    if let (Some(template), false) = (commands, emitted) {
        let what = "nothing in this project emits setup_complete";
        found.push(Finding { path: template, line: 0, rule: Rule::SetupNever, what: what.to_owned() });
    }
    found
}

/// The line in which a file emits it; 0 for a program.
fn emits(file: &File) -> Option<usize> {
    if file.bytes.starts_with(b"\x7fELF") {
        return file.bytes.windows(RECORD.len()).any(|window| window == RECORD).then_some(0);
    }
    let text = file.text()?;
    let language = source::language(&file.path, text)?;
    // A shell writes the record itself, as a string.
    let code = if language == Language::Shell {
        source::without_comments(text, language)
    } else {
        source::code(text, language)
    };
    let calls = |line: &str| CALLS.iter().any(|call| calls(line, call));
    code.lines().position(calls).map(|line| line + 1)
}

/// Whether a line calls this, rather than imports or defines it.
fn calls(line: &str, call: &str) -> bool {
    let defines = ["import ", "from ", "use ", "pub fn ", "fn ", "def "]
        .iter()
        .any(|word| line.trim_start().starts_with(word));
    let record = call == "antithesis_setup" && line.contains(call);
    record
        || !defines
            && line.match_indices(call).any(|(at, _)| line[at + call.len()..].trim_start().starts_with('('))
}
