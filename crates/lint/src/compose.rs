//! Compose files, by the rules that a platform without outside puts on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{File, Finding, Rule, yaml};

/// What keeps a container up that only holds commands.
const WAITING: [&str; 3] = ["sleep infinity", "sleep inf", "tail -f /dev/null"];
/// What fetches or compiles.
pub(crate) const FETCHING: [&str; 8] = [
    "cargo run",
    "cargo build",
    "go run",
    "go build",
    "pip install",
    "npm install",
    "apt-get install",
    "curl http",
];

/// A compose file and what it says.
struct Compose<'a> {
    file: &'a File,
    text: &'a str,
    services: BTreeMap<String, Value>,
}

pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| is_compose(file) && !crate::is_of_tests(&file.path)) {
        let Some(text) = file.text() else { continue };
        found.extend(hermetic(file, text, &defaults(files, file)));
        match yaml::read(text) {
            Err((line, what)) => {
                found.push(file.finding(line, Rule::NoImage, format!("cannot be read: {what}")));
            }
            Ok(document) => {
                let services = document["services"].as_object().cloned().unwrap_or_default();
                let compose = Compose { file, text, services: services.into_iter().collect() };
                for (name, service) in &compose.services {
                    found.extend(compose.service(name, service));
                }
                found.extend(compose.networks(&document["networks"]));
            }
        }
    }
    found
}

/// The images that compose files name, with the places that name them.
#[must_use]
pub fn images(files: &[File]) -> Vec<(String, Finding)> {
    let mut images = Vec::new();
    for file in files.iter().filter(|file| is_compose(file) && !crate::is_of_tests(&file.path)) {
        let Some((text, Ok(document))) = file.text().map(|text| (text, yaml::read(text))) else { continue };
        for (name, service) in document["services"].as_object().into_iter().flatten() {
            let image = with_defaults(&yaml::text_of(&service["image"]));
            let line = yaml::line(text, &["services", name, "image"]);
            images.push((image, file.finding(line, Rule::NoPlatform, String::new())));
        }
    }
    images
}

fn is_compose(file: &File) -> bool {
    let name = file.name();
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    yaml && (name.starts_with("docker-compose") || name.starts_with("compose"))
}

/// The names that a `.env` beside the file gives values to.
fn defaults(files: &[File], compose: &File) -> BTreeSet<String> {
    let beside = compose.path.with_file_name(".env");
    let text = files.iter().find(|file| file.path == beside).and_then(File::text).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned()).collect()
}

/// Variables that only the reader's shell has.
fn hermetic(file: &File, text: &str, known: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let code = if line.trim_start().starts_with('#') { "" } else { line };
        for (name, defaulted) in variables(code) {
            if !defaulted && !known.contains(&name) {
                found.push(file.finding(
                    n + 1,
                    Rule::NotHermetic,
                    format!("${{{name}}} comes from the shell"),
                ));
            }
        }
    }
    found
}

/// The variables of a line, each with whether it has a value without the shell.
fn variables(line: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let (braced, body) = rest.strip_prefix('{').map_or((false, rest), |body| (true, body));
        let end = body.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(body.len());
        if end > 0 {
            let defaulted = braced && [":-", "-", ":+", "+"].iter().any(|mark| body[end..].starts_with(mark));
            found.push((body[..end].to_owned(), defaulted));
        }
    }
    found
}

/// `${NAME:-value}` as it is without the shell.
fn with_defaults(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let Some((body, after)) = rest.split_once('}') else { return text.to_owned() };
    let value = body.split_once(":-").or_else(|| body.split_once('-')).map_or("", |(_, value)| value);
    format!("{before}{value}{}", with_defaults(after))
}

impl Compose<'_> {
    fn at(&self, keys: &[&str], rule: Rule, what: impl Into<String>) -> Finding {
        let keys: Vec<&str> = ["services"].iter().chain(keys).copied().collect();
        self.file.finding(yaml::line(self.text, &keys), rule, what)
    }

    fn service(&self, name: &str, service: &Value) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.names(name, service).into_iter().collect();
        let image = yaml::text_of(&service["image"]);
        if image.is_empty() {
            found.push(self.at(&[name], Rule::NoImage, format!("{name} names no image")));
        } else if image.contains('@')
            && image
                .split('@')
                .next()
                .unwrap_or_default()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .contains(':')
        {
            found.push(self.at(
                &[name, "image"],
                Rule::ImageDigest,
                format!("{image} has a tag and a digest"),
            ));
        }
        if service["init"] != Value::Bool(true) {
            found.push(self.at(&[name], Rule::NoInit, format!("{name} has no init process")));
        }
        match yaml::text_of(&service["platform"]).as_str() {
            "linux/amd64" => {}
            "" => found.push(self.at(&[name], Rule::NoPlatform, format!("{name} says no platform"))),
            other => {
                found.push(self.at(&[name, "platform"], Rule::NoPlatform, format!("{name} is for {other}")));
            }
        }
        for (key, rule) in [("pull_policy", Rule::PullPolicy), ("logging", Rule::LoggingDriver)] {
            if !service[key].is_null() {
                found.push(self.at(&[name, key], rule, format!("{name} sets `{key}:`")));
            }
        }
        let starts =
            format!("{} {}", yaml::text_of(&service["entrypoint"]), yaml::text_of(&service["command"]));
        if let Some(words) = FETCHING.iter().find(|words| starts.contains(**words)) {
            found.push(self.at(&[name], Rule::NetworkAtRunTime, format!("{name} starts with `{words}`")));
        }
        found.extend(self.volumes(name, &service["volumes"]));
        found.extend(self.order(name, service));
        let holds_commands = WAITING.iter().any(|words| starts.contains(words)) || name.starts_with("client");
        if holds_commands && !excluded(service) {
            found.push(self.at(&[name], Rule::ClientNotExcluded, format!("{name} is subject to faults")));
        }
        found
    }

    fn names(&self, name: &str, service: &Value) -> Option<Finding> {
        let container = yaml::text_of(&service["container_name"]);
        let host = yaml::text_of(&service["hostname"]);
        let what = match (container.as_str(), host.as_str()) {
            ("", _) => format!("{name} has no container_name"),
            (_, "") => format!("{name} has no hostname"),
            _ if container != host => format!("container_name is {container}, hostname is {host}"),
            _ if host.contains('_') => format!("{host} has an underscore"),
            _ => return None,
        };
        let key = if container.is_empty() { "hostname" } else { "container_name" };
        Some(self.at(&[name, key], Rule::NameMismatch, what))
    }

    fn volumes(&self, name: &str, volumes: &Value) -> Vec<Finding> {
        let mut found = Vec::new();
        for volume in volumes.as_array().into_iter().flatten() {
            let source = match volume {
                Value::Object(long)
                    if yaml::text_of(&long.get("type").cloned().unwrap_or_default()) != "bind" =>
                {
                    continue;
                }
                Value::Object(long) => yaml::text_of(&long.get("source").cloned().unwrap_or_default()),
                short => yaml::text_of(short),
            };
            if source.starts_with(['.', '/', '~']) && (volume.is_object() || source.contains(':')) {
                found.push(self.at(&[name, "volumes"], Rule::BindMount, format!("{name} mounts {source}")));
            }
        }
        found
    }

    /// That whoever is waited for can be seen to be ready, and is waited for until then.
    fn order(&self, name: &str, service: &Value) -> Vec<Finding> {
        let mut found = Vec::new();
        for (other, condition) in dependencies(service) {
            if condition != "service_healthy" && condition != "service_completed_successfully" {
                let what = format!("{name} waits only until {other} has been started");
                found.push(self.at(&[name, "depends_on"], Rule::UnorderedStart, what));
            }
        }
        let has_check =
            service["healthcheck"].is_object() && service["healthcheck"]["disable"] != Value::Bool(true);
        let waited_for =
            self.services.values().any(|other| dependencies(other).iter().any(|(on, _)| on == name));
        // Who waits for others and is waited for by nobody drives or watches; nobody needs to know when it is ready.
        if !has_check && (waited_for || dependencies(service).is_empty()) {
            found.push(self.at(
                &[name],
                Rule::NoHealthCheck,
                format!("nobody can tell when {name} is ready"),
            ));
        }
        found
    }

    fn networks(&self, networks: &Value) -> Vec<Finding> {
        let networks = networks.as_object().into_iter().flatten();
        let internal = networks.filter(|(_, network)| network["internal"] == Value::Bool(true));
        let found = internal.map(|(name, _)| {
            let line = yaml::line(self.text, &["networks", name, "internal"]);
            self.file.finding(line, Rule::InternalNetwork, format!("network {name} is internal"))
        });
        found.collect()
    }
}

/// Services that this one waits for, each with the condition.
fn dependencies(service: &Value) -> Vec<(String, String)> {
    match &service["depends_on"] {
        Value::Array(names) => {
            names.iter().map(|name| (yaml::text_of(name), "service_started".to_owned())).collect()
        }
        Value::Object(names) => {
            names.iter().map(|(name, on)| (name.clone(), yaml::text_of(&on["condition"]))).collect()
        }
        _ => Vec::new(),
    }
}

fn excluded(service: &Value) -> bool {
    let mark = |text: &str| text.contains("antithesis") && text.contains("exclude");
    ["labels", "annotations"].iter().any(|key| match &service[*key] {
        Value::Object(labels) => labels.keys().any(|name| mark(name)),
        Value::Array(labels) => labels.iter().any(|label| mark(&yaml::text_of(label))),
        _ => false,
    })
}
