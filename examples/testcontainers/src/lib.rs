//! An etcd cluster in containers, for tests: members on a network of their own, each of which can be paused and stopped.
//!
//! Everything is removed when the [`Cluster`] is dropped.

use std::path::Path;

use etcd_traffic::Config;
use etcd_traffic::config::{self, ConfigError};
use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _, TestcontainersError};

const CLIENTS: ContainerPort = ContainerPort::Tcp(2379);

/// Members in containers.
pub struct Cluster {
    members: Vec<ContainerAsync<GenericImage>>,
}

impl Cluster {
    /// Starts `size` members from `image` with this `tag`, on a network called `name`. They are not waited for:
    /// [`etcd_traffic::recovery::wait_until_healthy`] does that, and records it.
    ///
    /// # Errors
    /// When the engine does not answer, or has no such image and cannot pull it.
    pub async fn start(name: &str, size: usize, image: &str, tag: &str) -> Result<Self, TestcontainersError> {
        // Containers find each other by name, and names are unique on the machine.
        let host = |n: usize| format!("{name}-etcd{n}");
        let peers: Vec<String> = (0..size).map(|n| format!("etcd{n}=http://{}:2380", host(n))).collect();
        let mut members = Vec::new();
        for n in 0..size {
            let told = [
                ("ETCD_NAME", format!("etcd{n}")),
                ("ETCD_LISTEN_CLIENT_URLS", "http://0.0.0.0:2379".to_owned()),
                ("ETCD_ADVERTISE_CLIENT_URLS", format!("http://{}:2379", host(n))),
                ("ETCD_LISTEN_PEER_URLS", "http://0.0.0.0:2380".to_owned()),
                ("ETCD_INITIAL_ADVERTISE_PEER_URLS", format!("http://{}:2380", host(n))),
                ("ETCD_INITIAL_CLUSTER", peers.join(",")),
                ("ETCD_INITIAL_CLUSTER_STATE", "new".to_owned()),
                ("ETCD_INITIAL_CLUSTER_TOKEN", name.to_owned()),
            ];
            let image =
                GenericImage::new(image, tag).with_exposed_port(CLIENTS).with_wait_for(WaitFor::Nothing);
            let request = image.with_container_name(host(n)).with_network(name);
            let request =
                told.into_iter().fold(request, |request, (key, value)| request.with_env_var(key, value));
            members.push(request.start().await?);
        }
        Ok(Self { members })
    }

    /// The container of one member: to pause, to stop, to start.
    #[must_use]
    pub fn member(&self, n: usize) -> &ContainerAsync<GenericImage> {
        &self.members[n]
    }

    /// What a session needs to know. `dir` is where all sessions of one test record. A container that was started again
    /// may have another port: who did that asks again.
    ///
    /// # Errors
    /// When a member does not run.
    pub async fn config(&self, dir: &Path) -> Result<Config, Box<dyn std::error::Error>> {
        let mut endpoints = Vec::new();
        for (n, member) in self.members.iter().enumerate() {
            let (host, port) = (member.get_host().await?, member.get_host_port_ipv4(CLIENTS).await?);
            endpoints.push(format!("etcd{n}=http://{host}:{port}"));
        }
        let endpoints = endpoints.join(",");
        let told = |name: &str| match name {
            config::ENDPOINTS => Some(endpoints.clone()),
            config::DIR => Some(dir.display().to_string()),
            _ => None,
        };
        let config: Result<Config, ConfigError> = Config::from_variables("test", dir, told);
        Ok(config?)
    }
}
