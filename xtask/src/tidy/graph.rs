//! Who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

/// A package of the workspace with its direct dependencies, those of tests and build scripts left out.
pub(crate) type Packages = BTreeMap<String, BTreeSet<String>>;

/// A package that only these may depend on directly.
const ONLY: [(&str, &[&str]); 3] = [
    ("antithesis_sdk", &["properties"]),
    ("etcd-client", &["etcd_traffic", "etcd_double"]),
    ("tonic", &["etcd_traffic", "etcd_double"]),
];

/// Parts that must not reach a package, however far away.
const NEVER: [(&str, &str); 8] = [
    // `dt` runs commands as black boxes, as the platform does.
    ("dt", "etcd_traffic"),
    ("dt", "properties"),
    // The bottom of the workspace, and the pure parts.
    ("history", "tokio"),
    ("checker", "tokio"),
    ("checker", "rand"),
    ("report", "tokio"),
    ("cluster", "composer"),
    ("composer", "cluster"),
];

/// What each leaf may know of the workspace.
const LEAVES: [(&str, &[&str]); 4] =
    [("history", &[]), ("properties", &[]), ("checker", &["history"]), ("report", &["history", "checker"])];

/// Reads `cargo metadata`.
pub(crate) fn packages(metadata: &str) -> anyhow::Result<Packages> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is not JSON")?;
    let list = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let normal = |dependency: &&Value| dependency["kind"].is_null();
    Ok(list
        .iter()
        .filter(|package| package["source"].is_null())
        .map(|package| {
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            (name(package), dependencies.filter(normal).map(name).collect())
        })
        .collect())
}

/// What breaks the rules.
pub(crate) fn findings(packages: &Packages) -> Vec<String> {
    let mut findings = Vec::new();
    for (dependency, allowed) in ONLY {
        let users = packages.iter().filter(|(_, direct)| direct.contains(dependency));
        for (user, _) in users.filter(|(user, _)| !allowed.contains(&user.as_str())) {
            findings.push(format!("{user} depends on {dependency}; only {} may", allowed.join(" and ")));
        }
    }
    for (part, forbidden) in NEVER {
        if let Some(way) = way(packages, part, forbidden) {
            findings.push(format!("{part} must not reach {forbidden}, and does: {}", way.join(" -> ")));
        }
    }
    for (leaf, allowed) in LEAVES {
        let ours = packages.get(leaf).into_iter().flatten().filter(|name| packages.contains_key(*name));
        for other in ours.filter(|name| !allowed.contains(&name.as_str())) {
            findings.push(format!("{leaf} must not know {other}"));
        }
    }
    findings
}

/// A way from `part` to `target` through packages of the workspace.
fn way(packages: &Packages, part: &str, target: &str) -> Option<Vec<String>> {
    let direct = packages.get(part)?;
    if direct.contains(target) {
        return Some(vec![part.to_owned(), target.to_owned()]);
    }
    direct.iter().find_map(|next| {
        let mut rest = way(packages, next, target)?;
        rest.insert(0, part.to_owned());
        Some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Edges<'a> = &'a [(&'a str, &'a [&'a str])];

    fn graph(edges: Edges<'_>) -> Packages {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        edges.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect()
    }

    #[test]
    fn each_rule_can_be_broken() {
        let fine = graph(&[
            ("dt", &["checker", "clap"]),
            ("checker", &["history"]),
            ("properties", &["antithesis_sdk"]),
        ]);
        assert_eq!(findings(&fine), Vec::<String>::new());
        let cases: [(Edges<'_>, &str); 4] = [
            (&[("dt", &["antithesis_sdk"])], "dt depends on antithesis_sdk; only properties may"),
            (
                &[("dt", &["report"]), ("report", &["etcd_traffic"]), ("etcd_traffic", &[])],
                "dt must not reach etcd_traffic, and does: dt -> report -> etcd_traffic",
            ),
            (&[("checker", &["tokio"])], "checker must not reach tokio, and does: checker -> tokio"),
            (&[("history", &["checker"]), ("checker", &[])], "history must not know checker"),
        ];
        for (edges, expected) in cases {
            let found = findings(&graph(edges));
            assert!(found.iter().any(|finding| finding == expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn tests_and_build_scripts_do_not_count() {
        let metadata = r#"{"packages":[{"name":"a","source":null,"dependencies":[
            {"name":"b","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]},
            {"name":"b","source":"somewhere","dependencies":[]}]}"#;
        assert_eq!(packages(metadata).unwrap(), graph(&[("a", &["b"])]));
    }
}
