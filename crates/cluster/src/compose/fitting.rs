//! A project as one run starts it: a copy under names of its own, so that runs do not meet, with a label on everything, and
//! with what commands and SDKs need. What the project says about its services stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::project::Project;

/// Where SDKs look for the platform's library.
const LIBRARY: &str = "/usr/lib/libvoidstar.so";

/// What is different about a project in a run.
#[derive(Debug, Clone)]
pub struct Fitting {
    /// The project's name in this run; containers, networks and volumes begin with it.
    pub project: String,
    /// On everything: name and value.
    pub label: (String, String),
    /// The run's directory: it is mounted in clients, at the same path, and what other services' SDKs write goes to
    /// `services/` in it.
    pub run_dir: PathBuf,
    /// The services that commands run in.
    pub clients: BTreeSet<String>,
    /// Ports of loopback that lead to a port of a service: here, and there.
    pub ports: BTreeMap<String, (u16, u16)>,
    /// What some services find in their environment in addition.
    pub environment: BTreeMap<String, BTreeMap<String, String>>,
    /// The library that seeds draws, on this machine.
    pub voidstar: Option<PathBuf>,
    /// What draws of services begin with.
    pub seed: u64,
}

impl Fitting {
    /// The name of a service's container.
    #[must_use]
    pub fn container(&self, service: &str) -> String {
        format!("{}-{service}", self.project)
    }

    /// Where the SDK of a service writes.
    #[must_use]
    pub fn sdk(&self, service: &str) -> PathBuf {
        self.services().join(service).join("sdk.jsonl")
    }

    /// Where each service has a directory for its SDK.
    #[must_use]
    pub fn services(&self) -> PathBuf {
        self.run_dir.join("services")
    }

    /// The project as this run starts it, for a file that compose reads.
    pub(super) fn applied(&self, project: &Project) -> Value {
        let mut document = project.document.clone();
        if let Some(document) = document.as_object_mut() {
            // The name is given on the command line, which every version takes.
            document.remove("name");
            for kind in ["networks", "volumes"] {
                let named = document.entry(kind).or_insert_with(|| json!({}));
                if kind == "networks" && named.get("default").is_none() {
                    named["default"] = json!({});
                }
                self.name_all(named);
            }
        }
        for (name, service) in document["services"].as_object_mut().into_iter().flatten() {
            self.fit(name, service);
        }
        document
    }

    /// Networks or volumes that are not somebody else's get a name and a label of this run.
    fn name_all(&self, named: &mut Value) {
        for (key, one) in named.as_object_mut().into_iter().flatten() {
            if one.is_null() {
                *one = json!({});
            }
            if one["external"].is_null() || one["external"] == false {
                one["name"] = format!("{}_{key}", self.project).into();
                self.label(one);
            }
        }
    }

    fn label(&self, labelled: &mut Value) {
        let (name, value) = &self.label;
        if !labelled["labels"].is_object() {
            labelled["labels"] = json!({});
        }
        labelled["labels"][name] = value.as_str().into();
    }

    fn fit(&self, name: &str, service: &mut Value) {
        self.label(service);
        self.alias(service);
        service["container_name"] = self.container(name).into();
        // Ports of this machine are for people; two runs could not both have them.
        let ports = self.ports.get(name).map(|(here, there)| format!("127.0.0.1:{here}:{there}"));
        service["ports"] = ports.into_iter().collect::<Vec<_>>().into();
        let mut mounts = vec![(self.services().join(name), self.services().join(name))];
        if self.clients.contains(name) {
            mounts = vec![(self.run_dir.clone(), self.run_dir.clone())];
        }
        mounts.extend(self.voidstar.iter().map(|library| (library.clone(), LIBRARY.into())));
        if !service["volumes"].is_array() {
            service["volumes"] = json!([]);
        }
        for (here, there) in mounts {
            let mounted = json!({"type": "bind", "source": here, "target": there});
            service["volumes"].as_array_mut().into_iter().for_each(|all| all.push(mounted.clone()));
        }
        self.environment(name, service);
    }

    /// The service is called by the names that it had, too, as others may know it by those.
    fn alias(&self, service: &mut Value) {
        let names: Vec<Value> =
            ["container_name", "hostname"].iter().filter_map(|key| service.get(*key)).cloned().collect();
        if service.get("network_mode").is_some_and(|mode| !mode.is_null()) || names.is_empty() {
            return;
        }
        let networks = &mut service["networks"];
        if let Some(list) = networks.as_array() {
            let named = list.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), json!({})));
            *networks = Value::Object(named.collect());
        }
        if !networks.is_object() {
            *networks = json!({"default": {}});
        }
        for network in networks.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if !network.is_object() {
                *network = json!({});
            }
            let mut aliases = network["aliases"].as_array().cloned().unwrap_or_default();
            for name in &names {
                if !aliases.contains(name) {
                    aliases.push(name.clone());
                }
            }
            network["aliases"] = aliases.into();
        }
    }

    /// What an SDK in the service needs to write where it is read; commands in it get places of their own when they start.
    fn environment(&self, name: &str, service: &mut Value) {
        let sdk = self.sdk(name);
        let directory = sdk.parent().unwrap_or(Path::new("/")).to_owned();
        let seed = format!("{}/{name}", self.seed);
        let mut variables = vec![
            ("ANTITHESIS_OUTPUT_DIR", directory.to_string_lossy().into_owned()),
            ("ANTITHESIS_SDK_LOCAL_OUTPUT", sdk.to_string_lossy().into_owned()),
        ];
        if self.voidstar.is_some() {
            variables.push(("DT_VOIDSTAR_SEED", seed));
            variables.push(("DT_VOIDSTAR_OUTPUT", sdk.to_string_lossy().into_owned()));
        }
        if !service["environment"].is_object() {
            service["environment"] = json!({});
        }
        for (name, value) in variables {
            service["environment"][name] = escaped(&value).into();
        }
        for (name, value) in self.environment.get(name).into_iter().flatten() {
            service["environment"][name] = escaped(value).into();
        }
    }
}

/// Compose puts variables where it sees a dollar.
fn escaped(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name: p\nservices:\n  store:\n    image: s:1\n    container_name: old\n    hostname: st\n    ports: ['80:80']\n    networks: {inner: null}\n    environment: {A: b}\n  client:\n    image: c:1\n    volumes: ['data:/d:rw']\nnetworks:\n  inner: {}\n  outer: {external: true, name: outer}\nvolumes:\n  data: null\n";

    fn fitting() -> Fitting {
        Fitting {
            project: "dt-1".into(),
            label: ("run".into(), "/r".into()),
            run_dir: "/r".into(),
            clients: BTreeSet::from(["client".to_owned()]),
            ports: BTreeMap::from([("store".to_owned(), (20_000, 2379))]),
            environment: BTreeMap::from([(
                "store".to_owned(),
                BTreeMap::from([("C".to_owned(), "$d".to_owned())]),
            )]),
            voidstar: Some("/v.so".into()),
            seed: 7,
        }
    }

    #[test]
    fn a_project_gets_names_labels_and_mounts_of_the_run() {
        let project = Project::of_document(Path::new("/p/docker-compose.yaml"), TEXT).unwrap();
        let fitted = fitting().applied(&project);
        let store = &fitted["services"]["store"];
        assert_eq!(store["container_name"], "dt-1-store");
        assert_eq!(store["networks"]["inner"]["aliases"], json!(["old", "st"]));
        assert_eq!(store["ports"], json!(["127.0.0.1:20000:2379"]));
        assert_eq!(store["environment"]["A"], "b");
        assert_eq!(store["environment"]["C"], "$$d");
        assert_eq!(store["environment"]["ANTITHESIS_SDK_LOCAL_OUTPUT"], "/r/services/store/sdk.jsonl");
        assert_eq!(store["environment"]["DT_VOIDSTAR_SEED"], "7/store");
        assert_eq!(store["volumes"][0]["source"], "/r/services/store", "only its own part of the run");
        assert_eq!(store["labels"]["run"], "/r");
        let client = &fitted["services"]["client"];
        assert_eq!(client["volumes"][0], "data:/d:rw");
        assert_eq!(client["volumes"][1]["source"], "/r");
        assert_eq!(client["volumes"][2]["target"], LIBRARY);
        assert_eq!(client["ports"], json!([]));
        assert_eq!(fitted["volumes"]["data"]["labels"]["run"], "/r");
        assert_eq!(fitted["networks"]["inner"]["name"], "dt-1_inner");
        assert_eq!(fitted["networks"]["outer"], json!({"external": true, "name": "outer"}));
        assert_eq!(fitted["networks"]["default"]["labels"]["run"], "/r");
        assert_eq!(fitted.get("name"), None);
    }
}
