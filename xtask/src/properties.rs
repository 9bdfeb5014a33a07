//! `docs/properties.md`: every property with what it promises, who feeds it, what makes it fail and what shows that it was
//! put to the test. Made from the sources and from `properties.yaml`; whatever is missing or names nothing is a finding.

mod page;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, bail};
use checker::guarantees::Guarantee;
use properties::message::{self, Kind};
use report::known::Known;
use serde::Deserialize;

use crate::step;
use sources::Commands;

const PAGE: &str = "docs/properties.md";
const TOLD: &str = include_str!("properties.yaml");
/// What `dt` judges by itself, from its own record and that of faults.
const OF_DT: [&str; 5] = [
    "Every reply fits one order of all operations that respects real time",
    "No member ends unless it is told to",
    "No member logs a panic or a fatal error",
    "All members are ready again once every fault is healed",
    "A majority that no fault touches answers within 10 s",
];

/// `properties.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    links: BTreeMap<String, String>,
    properties: Vec<Entry>,
}

/// One property that must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    promise: String,
    words: Option<String>,
    fails: String,
}

/// Writes the page.
pub(crate) fn write() -> anyhow::Result<()> {
    let (told, known, commands) = read()?;
    let wrong = wrong(&told, &known, &read_source);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    fs::write(step::root().join(PAGE), page::page(&told, &known, &commands))
        .with_context(|| format!("cannot write {PAGE}"))
}

/// What is wrong with the page or with what it is made from.
pub(crate) fn findings() -> anyhow::Result<Vec<String>> {
    let (told, known, commands) = read()?;
    let mut findings = wrong(&told, &known, &read_source);
    if fs::read_to_string(step::root().join(PAGE)).unwrap_or_default() != page::page(&told, &known, &commands)
    {
        findings.push(format!("{PAGE} is not up to date: run `cargo xtask properties`"));
    }
    Ok(findings)
}

fn read() -> anyhow::Result<(Told, Vec<Known>, Commands)> {
    let told = serde_saphyr::from_str(TOLD).context("xtask/src/properties.yaml cannot be read")?;
    Ok((told, Known::of("etcd")?, Commands::read(&step::root())?))
}

fn read_source(path: &str) -> Option<String> {
    fs::read_to_string(step::root().join(path)).ok()
}

/// Every sentence that must hold, from where it is asserted or judged.
fn sentences() -> BTreeSet<&'static str> {
    let always = message::ALL.iter().filter(|(_, kind)| *kind == Kind::Always).map(|(name, _)| *name);
    let guarantees = Guarantee::ALL.iter().map(|guarantee| guarantee.sentence());
    OF_DT.into_iter().chain(guarantees).chain(always).collect()
}

fn wrong(told: &Told, known: &[Known], read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let file = "xtask/src/properties.yaml";
    let (sentences, mut findings, mut names) = (sentences(), Vec::new(), BTreeSet::new());
    for Entry { name, words, fails, .. } in &told.properties {
        if !sentences.contains(name.as_str()) {
            findings.push(format!("{file}: nothing asserts or judges `{name}`"));
        }
        if !names.insert(name.as_str()) {
            findings.push(format!("{file}: `{name}` is there twice"));
        }
        if let Some(link) = words.as_ref().filter(|link| !told.links.contains_key(*link)) {
            findings.push(format!("{file}: `{name}`: no link is called `{link}`"));
        }
        let test = fails.split_once(' ').filter(|(path, function)| {
            read(path).is_some_and(|text| text.contains(&format!("fn {function}()")))
        });
        if test.is_none() {
            findings.push(format!("{file}: `{name}`: there is no test `{fails}`"));
        }
    }
    for name in sentences.iter().filter(|name| !names.contains(*name)) {
        findings.push(format!("{file}: nothing is said of `{name}`"));
    }
    for Known { named, shows, .. } in known {
        for name in shows.iter().filter(|name| !sentences.contains(name.as_str())) {
            findings.push(format!("known defect {}: no property is called `{name}`", named.id));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_of_all_properties_and_of_no_other() {
        let (told, known, commands) = read().unwrap();
        assert_eq!(wrong(&told, &known, &read_source), Vec::<String>::new());
        let page = page::page(&told, &known, &commands);
        assert!(page.contains("main/parallel_driver_watch_changes"), "{page}");
        assert!(page.contains("etcd 15220"), "{page}");
    }

    #[test]
    fn each_rule_can_be_broken() {
        let (mut told, mut known, _) = read().unwrap();
        let gone = told.properties.remove(0).name;
        let mut entry = told.properties[0].clone();
        entry.words = Some("nowhere".to_owned());
        entry.fails = "xtask/src/main.rs no_test".to_owned();
        told.properties.push(entry.clone());
        told.properties.push(Entry { name: "Nobody asserts this".to_owned(), words: None, ..entry });
        known[0].shows.push("Nor this".to_owned());
        let found = wrong(&told, &known, &read_source).join("\n");
        for words in [
            format!("nothing is said of `{gone}`").as_str(),
            "is there twice",
            "no link is called `nowhere`",
            "there is no test `xtask/src/main.rs no_test`",
            "nothing asserts or judges `Nobody asserts this`",
            "no property is called `Nor this`",
        ] {
            assert!(found.contains(words), "{words}: {found}");
        }
    }
}
