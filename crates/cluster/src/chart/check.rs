//! What the shape of a chart cannot say: that its parts fit together. Checked once, when it is loaded, so
//! that no later step meets a placeholder that nothing stands for.

use crate::arch::Arch;
use crate::chart::{Chart, Source};
use crate::nearest::nearest;
use crate::template::Template;
use crate::wiring::{Scope, Wiring};

/// Something wrong, and where in the file.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) message: String,
}

/// The first thing that is wrong with a chart loaded from the file of that name.
pub(crate) fn problem(chart: &Chart, file_stem: &str) -> Option<Problem> {
    whole(chart, file_stem)
        .map(|message| Problem { line: 1, column: 1, message })
        .or_else(|| sources(chart))
        .or_else(|| process(chart))
}

/// Problems that lie between fields and so have no place of their own.
fn whole(chart: &Chart, file_stem: &str) -> Option<String> {
    let ports = &chart.process.ports;
    let next_when = chart.process.next_when.iter().map(|next| ("process.next_when.port", &next.port));
    let peers = chart.peer_links.iter().map(|links| ("peer_links.port", &links.port));
    let named = std::iter::once(("address.port", &chart.address.port)).chain(next_when).chain(peers);
    if chart.name != file_stem {
        Some(format!(
            "the chart calls itself `{}`, but its file is {file_stem}.yaml: make them equal",
            chart.name
        ))
    } else if let Some((place, port)) = named.clone().find(|(_, port)| !ports.contains_key(*port)) {
        let known: Vec<_> = ports.keys().map(String::as_str).collect();
        Some(format!("`{place}` is `{port}`, but `process.ports` has only: {}", known.join(", ")))
    } else if chart.process.sizes.is_empty() || chart.process.sizes.contains(&0) {
        Some("`process.sizes` must list at least one number of members, and none of them 0".to_owned())
    } else {
        let had = chart.binary.versions();
        let missing = chart.binary.prefer.iter().find(|version| !had.contains(version))?;
        Some(format!("`binary.prefer` lists {missing}, which no source in `binary.sources` has"))
    }
}

fn sources(chart: &Chart) -> Option<Problem> {
    let version = chart.binary.prefer.first().map(ToString::to_string).unwrap_or_default();
    let scope = Scope::of([("version", version), ("arch", Arch::Amd64.to_string())]);
    chart.binary.sources.iter().find_map(|source| match source {
        Source::Archive(archive) => wrong(&archive.url, &scope).or_else(|| wrong(&archive.member, &scope)),
        Source::Wheel(wheel) => wrong(&wheel.member, &scope),
        Source::Debian(debian) => wrong(&debian.member, &scope),
    })
}

fn process(chart: &Chart) -> Option<Problem> {
    let spec = &chart.process;
    let wiring = Wiring::example(chart);
    let member = Scope::of_member(&wiring, 0);
    let launch = Scope::of_launch(chart, &wiring, 0, "/data");
    wrong(&spec.member, &Scope::of([("index", "0".to_owned())]))
        .or_else(|| spec.lists.values().find_map(|list| wrong(&list.each, &member)))
        .or_else(|| {
            let arguments =
                spec.arguments.iter().chain(&spec.arguments_after_first).chain(&spec.arguments_to_rejoin);
            arguments.chain(spec.environment.values()).find_map(|template| wrong(template, &launch))
        })
}

fn wrong(template: &Template, scope: &Scope) -> Option<Problem> {
    let unknown = template.fill(&|name| scope.value(name)).err()?;
    let hint = nearest(&unknown.0, scope.names())
        .map_or_else(String::new, |name| format!("; did you mean {{{name}}}?"));
    let known: Vec<_> = scope.names().map(|name| format!("{{{name}}}")).collect();
    let message = format!("{unknown}{hint} (known here: {})", known.join(", "));
    Some(Problem { line: template.line, column: template.column, message })
}
