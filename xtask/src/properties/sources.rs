//! Which command can show which property, read from the sources: commands name macros, and macros name messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;

const MACROS: [&str; 2] = ["crates/properties/src/macros.rs", "crates/properties/src/promises.rs"];
const MESSAGES: &str = "crates/properties/src/message.rs";
const TEMPLATES: &str = "opt-antithesis/test/v1";

/// Properties by their sentences.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// The commands that can show it, such as `main/finally_check_history`. Links to another template's are left out.
    pub(super) of: BTreeMap<String, BTreeSet<String>>,
    /// The other properties of its macro.
    pub(super) beside: BTreeMap<String, BTreeSet<String>>,
}

impl Commands {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let text =
            |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"));
        let messages = messages(&text(MESSAGES)?);
        let mut macros = BTreeMap::new();
        for path in MACROS {
            macros.extend(shown(&text(path)?, &messages));
        }
        let mut all = Self::default();
        for (command, source) in commands(&root.join(TEMPLATES))? {
            for sentences in called(&source).iter().filter_map(|name| macros.get(*name)) {
                for sentence in sentences {
                    all.of.entry(sentence.clone()).or_default().insert(command.clone());
                    let others = sentences.iter().filter(|other| *other != sentence).cloned();
                    all.beside.entry(sentence.clone()).or_default().extend(others);
                }
            }
        }
        Ok(all)
    }
}

/// Sentences by the names of their constants.
fn messages(text: &str) -> BTreeMap<String, String> {
    let constants = text.split("pub const ").skip(1).filter_map(|rest| rest.split_once(": &str ="));
    let pair = |(name, rest): (&str, &str)| {
        let sentence = rest.split('"').nth(1)?;
        Some((name.to_owned(), sentence.to_owned()))
    };
    constants.filter_map(pair).collect()
}

/// The sentences of each macro.
fn shown(text: &str, messages: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let macros = text.split("macro_rules! ").skip(1).filter_map(|rest| rest.split_once(' '));
    let pair = |(name, body): (&str, &str)| {
        let named = body.split("$crate::message::").skip(1);
        let constant =
            |rest: &str| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().map(str::to_owned);
        let sentences = named.filter_map(constant).filter_map(|name| messages.get(&name).cloned());
        (name.to_owned(), sentences.collect())
    };
    macros.map(pair).collect()
}

/// The macros that a command calls.
fn called(source: &str) -> BTreeSet<&str> {
    source
        .split("properties::")
        .skip(1)
        .filter_map(|rest| rest.split_once("!("))
        .map(|(name, _)| name)
        .collect()
}

/// Every command that is no link, with its source.
fn commands(templates: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for template in fs::read_dir(templates).with_context(|| format!("cannot read {}", templates.display()))? {
        let template = template?;
        for file in fs::read_dir(template.path())? {
            let file = file?;
            let path = file.path();
            if file.file_type()?.is_symlink() || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{}/{stem}", template.file_name().to_string_lossy());
            found.push((name, fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_found_by_the_macro_and_the_macro_by_its_call() {
        let messages = messages(
            "/// x\npub const A: &str = \"One\";\npub const B: &str =\n    \"Two\";\npub const ALL: &[u8] = &[];",
        );
        assert_eq!(messages.len(), 2);
        let macros = shown(
            "macro_rules! both {\n ($a:expr) => {{ x!($crate::message::A, $crate::message::B); }} }",
            &messages,
        );
        assert_eq!(macros["both"], ["One", "Two"]);
        let source = "properties::init(); properties::both!(1);";
        assert!(called(source).contains("both"));
    }
}
