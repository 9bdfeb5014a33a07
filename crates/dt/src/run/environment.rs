//! What a command is told by its environment.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cluster::Endpoints;
use composer::Launch;

use crate::home;

/// What is the same for all commands of a run.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// The run's name.
    pub(super) run: String,
    /// Its directory.
    pub(super) dir: PathBuf,
    /// The variable for endpoints.
    pub(super) variable: String,
    /// Where the members are, for each client.
    pub(super) endpoints: Vec<Endpoints>,
    /// By which processes of the run are found when `dt` is gone.
    pub(super) mark: (String, String),
    /// The executable that pauses faults, once there are any.
    pub(super) stop_faults: Arc<OnceLock<PathBuf>>,
    /// What answers the draws of commands and takes what they assert.
    pub(super) library: Library,
}

/// How commands meet the desk's library.
#[derive(Clone, Debug)]
pub(super) enum Library {
    /// They do not: draws and assertions are the SDK's business.
    None,
    /// It is loaded before them.
    Preloaded(PathBuf),
    /// It is where the SDK looks for the platform's.
    InPlace,
}

impl Environment {
    /// The variables of one execution. Commands take turns in being each client.
    pub(super) fn of(&self, launch: &Launch) -> Vec<(String, String)> {
        let sdk = self.dir.join("sdk").join(format!("{}.jsonl", launch.n));
        let client = usize::try_from(launch.n).unwrap_or(0) % self.endpoints.len().max(1);
        let endpoints = self.endpoints.get(client);
        let mut variables = vec![
            named("ETCD_TRAFFIC_DIR", text(&self.dir)),
            named("ETCD_TRAFFIC_RUN", self.run.clone()),
            named("ETCD_TRAFFIC_COMMAND", launch.command.clone()),
            named("ETCD_TRAFFIC_NUMBER", launch.n.to_string()),
            named("ETCD_TRAFFIC_SEED", launch.seed.to_string()),
            named("ANTITHESIS_SDK_LOCAL_OUTPUT", text(&sdk)),
            self.mark.clone(),
            named("NO_COLOR", "1".to_owned()),
        ];
        // Where containers are, their compose file says.
        variables.extend(endpoints.map(|endpoints| (self.variable.clone(), endpoints.to_string())));
        variables.extend(self.stop_faults.get().map(|path| named("ANTITHESIS_STOP_FAULTS", text(path))));
        match &self.library {
            Library::None => {}
            Library::Preloaded(library) => {
                variables.extend(seeded(launch, &sdk));
                variables.extend(preloaded(library, endpoints));
            }
            Library::InPlace => variables.extend(seeded(launch, &sdk)),
        }
        variables
    }
}

/// Where a command's draws begin, and where its records go.
fn seeded(launch: &Launch, sdk: &Path) -> [(String, String); 3] {
    [
        named("DT_VOIDSTAR_SEED", launch.seed.to_string()),
        named("DT_VOIDSTAR_OUTPUT", text(sdk)),
        named("DT_VOIDSTAR_PROCESSES", text(&sdk.with_extension("processes"))),
    ]
}

/// How a command gets the library, and by which names it may call the members.
fn preloaded(library: &Path, endpoints: Option<&Endpoints>) -> Vec<(String, String)> {
    let members: Vec<String> = endpoints
        .map(|endpoints| endpoints.0.iter().map(|one| format!("{}={}", one.name, one.authority())).collect())
        .unwrap_or_default();
    let others = home::variable("LD_PRELOAD").map_or_else(String::new, |others| format!(":{others}"));
    let mut variables = vec![
        named("LD_PRELOAD", format!("{}{others}", library.display())),
        named("DT_VOIDSTAR_MEMBERS", members.join(",")),
    ];
    // gRPC's own resolver would ask the network for names; the C library's asks us first.
    if home::variable("GRPC_DNS_RESOLVER").is_none() {
        variables.push(named("GRPC_DNS_RESOLVER", "native".to_owned()));
    }
    variables
}

fn named(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
