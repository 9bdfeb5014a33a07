//! Templates as files: their names, permissions and first bytes, and what their programs are linked with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{File, Finding, Rule, elf, endless, source};

/// The prefixes of commands, in the order in which a timeline meets them.
pub const KINDS: [&str; 7] = [
    "first_",
    "parallel_driver_",
    "serial_driver_",
    "singleton_driver_",
    "anytime_",
    "eventually_",
    "finally_",
];
/// Of these at least one is needed.
const SCHEDULED: [&str; 4] = ["parallel_driver_", "serial_driver_", "singleton_driver_", "anytime_"];

/// The template that a file lies in, from the project's top: the directory below `test/v1`.
#[must_use]
pub fn template_of(path: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = path.iter().collect();
    let at = parts.windows(2).position(|pair| pair[0] == "test" && pair[1] == "v1")?;
    (parts.len() > at + 3).then(|| parts[..at + 3].iter().collect())
}

/// Whether a file is a command of a template, or the source of one.
#[must_use]
pub fn is_command(path: &Path) -> bool {
    let direct = template_of(path).is_some_and(|template| path.parent() == Some(template.as_path()));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    direct && KINDS.iter().any(|kind| name.len() > kind.len() && name.starts_with(kind))
}

pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut templates: BTreeMap<PathBuf, Vec<&File>> = BTreeMap::new();
    for file in files.iter().filter(|file| !crate::is_of_tests(&file.path)) {
        if let Some(template) = template_of(&file.path) {
            templates.entry(template).or_default().push(file);
        }
    }
    let mut found = Vec::new();
    for (template, files) in templates {
        let scheduled = |file: &&File| SCHEDULED.iter().any(|kind| file.name().starts_with(kind));
        if !files.iter().any(scheduled) {
            let what = "it has no driver and no anytime command";
            found.push(Finding {
                path: template.clone(),
                line: 0,
                rule: Rule::NothingToSchedule,
                what: what.into(),
            });
        }
        for file in files {
            found.extend(one(&template, file));
        }
    }
    found
}

fn one(template: &Path, file: &File) -> Vec<Finding> {
    let within: PathBuf = file.path.iter().skip(template.iter().count()).collect();
    let first = within.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    if first.starts_with("helper_") {
        return Vec::new();
    }
    if !is_command(&file.path) {
        return vec![file.finding(0, Rule::StrayFile, "not a command")];
    }
    let mut found = endless::findings(file);
    // The source of a command becomes one when it is built.
    if source::is_compiled(&file.path) {
        return found;
    }
    if !file.executable {
        found.push(file.finding(0, Rule::NotExecutable, "may not be executed"));
    }
    match elf::read(&file.bytes) {
        Some(program) => found.extend(linked(file, &program)),
        None if file.bytes.starts_with(b"#!") => {}
        None => found.push(file.finding(
            1,
            Rule::NotAProgram,
            "neither an ELF program nor a script with a shebang",
        )),
    }
    found
}

fn linked(file: &File, program: &elf::Program) -> Vec<Finding> {
    let mut found = Vec::new();
    if program.machine != elf::X86_64 {
        let what = format!("built for machine {} of the ELF list, not x86-64", program.machine);
        found.push(file.finding(0, Rule::WrongArchitecture, what));
    }
    match &program.interpreter {
        None => found.push(file.finding(0, Rule::StaticBinary, "linked statically")),
        Some(loader) if loader.contains("musl") => {
            found.push(file.finding(0, Rule::StaticBinary, format!("linked with musl ({loader})")));
        }
        Some(_) => {}
    }
    found
}
