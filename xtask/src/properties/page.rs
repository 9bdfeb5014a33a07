//! The page as text.

use std::fmt::Write as _;

use checker::guarantees::Guarantee;
use properties::message::{self, Kind};
use report::known::Known;

use super::sources::Commands;
use super::{Entry, OF_DT, Told};

const INTRODUCTION: &str = "\
# Properties

Every property that a run of etcd's suites can have, in the words in which verdict and report have it. Made by
`cargo xtask properties` from the sources and from [properties.yaml](../xtask/src/properties.yaml); `cargo xtask tidy` fails
where it is not up to date, where a property is missing, or where a test that is named is not there.

Each has a test in which exactly this is wrong, and a companion: what must have happened for it to mean anything. A companion
that did not happen is *not exercised*, and fails a run with `--strict`. Known defects are those of
`dt list known`; the ones that show in every property about data are named only where they show first.
";

pub(super) fn page(told: &Told, known: &[Known], commands: &Commands) -> String {
    let mut text = INTRODUCTION.to_owned();
    let find = |name: &str| told.properties.iter().find(|entry| entry.name == name);
    text.push_str("\n## Of the run as a whole\n\nJudged by `dt` from the record of the run.\n");
    for entry in OF_DT.iter().filter_map(|name| find(name)) {
        head(&mut text, entry, told);
        tail(&mut text, entry, known);
    }
    let mut subjects: Vec<&str> = Guarantee::ALL.iter().map(|guarantee| guarantee.subject()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in subjects {
        let fed = fed(subject);
        let _ = writeln!(
            text,
            "\n## Promises about {subject}\n\nJudged from the histories of all commands together. Fed by {fed}."
        );
        for guarantee in Guarantee::ALL.iter().filter(|guarantee| guarantee.subject() == subject) {
            let Some(entry) = find(guarantee.sentence()) else { continue };
            head(&mut text, entry, told);
            let _ = writeln!(text, "- put to the test by: {}", guarantee.counted());
            let _ = writeln!(text, "- not exercised where {}", guarantee.needs());
            tail(&mut text, entry, known);
        }
    }
    text.push_str("\n## Asserted by commands\n\nBy the SDK, so that the platform has them, too.\n");
    for entry in
        message::ALL.iter().filter(|(_, kind)| *kind == Kind::Always).filter_map(|(name, _)| find(name))
    {
        head(&mut text, entry, told);
        let of = |name: &str| commands.of.get(name).cloned().unwrap_or_default();
        let _ = writeln!(text, "- asserted by {}", list(of(&entry.name)));
        for companion in commands.beside.get(&entry.name).into_iter().flatten() {
            let _ = writeln!(text, "- companion: {companion}");
        }
        tail(&mut text, entry, known);
    }
    text.push_str(
        "\n## What must happen at least once\n\nThese show that a run had teeth. None of them is a promise of the store.\n\n\
         | property | shown by |\n|---|---|\n",
    );
    for (name, _) in message::ALL.iter().filter(|(_, kind)| *kind != Kind::Always) {
        let _ = writeln!(text, "| {name} | {} |", list(commands.of.get(*name).cloned().unwrap_or_default()));
    }
    text
}

fn head(text: &mut String, entry: &Entry, told: &Told) {
    let _ = writeln!(text, "\n### {}\n\n{}\n", entry.name, entry.promise);
    if let Some(link) = entry.words.as_ref().and_then(|words| told.links.get(words)) {
        let _ = writeln!(text, "- in [etcd's own words]({link})");
    }
}

fn tail(text: &mut String, entry: &Entry, known: &[Known]) {
    let (path, function) = entry.fails.split_once(' ').unwrap_or((&entry.fails, ""));
    let _ = writeln!(text, "- fails in [{function}](../{path})");
    let shown_first = |known: &&Known| match known.marks.as_slice() {
        [] => known.shows.contains(&entry.name),
        marks => marks.contains(&entry.name),
    };
    let known: Vec<String> = known
        .iter()
        .filter(shown_first)
        .map(|known| format!("[etcd {}]({})", known.named.id, known.named.link))
        .collect();
    if !known.is_empty() {
        let _ = writeln!(text, "- broken by {}", known.join(", "));
    }
}

fn list(commands: impl IntoIterator<Item = String>) -> String {
    commands.into_iter().map(|command| format!("`{command}`")).collect::<Vec<_>>().join(", ")
}

/// Which workloads a subject's promises need.
fn fed(subject: &str) -> &'static str {
    match subject {
        "watches" => {
            "`main/parallel_driver_watch_changes`, `main/singleton_driver_everything_at_once`, and the narrow ones of `corners`"
        }
        "leases" => {
            "`main/parallel_driver_keep_leases`, `main/parallel_driver_hold_locks`, `corners/parallel_driver_keep_at_leader`, `corners/parallel_driver_renew_revoked`"
        }
        "locks and elections" => "`main/parallel_driver_hold_locks`, `lease/parallel_driver_ask_for_locks`",
        "members" => {
            "`main/anytime_read_replicas`, `main/serial_driver_maintain_cluster`, and the last commands, which compare members"
        }
        _ => "every command that reads or writes",
    }
}
