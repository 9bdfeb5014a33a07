//! etcd's admin API through the JSON gateway that every release has: who leads, who is a member, and what an admin may
//! ask for. It asks members where they listen, past every proxy, and names no etcd client.

use std::time::Duration;

use bytes::Bytes;
use cluster::{Endpoint, Endpoints};
use history::{Blob, Member, Reply};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

/// What charts call this API.
pub const API: &str = "etcd-gateway";
/// Longer than an election at usual settings.
const WITHIN: Duration = Duration::from_secs(5);
/// Answers about who leads come from memory; a member that takes longer is paused or gone.
const STATUS_WITHIN: Duration = Duration::from_millis(500);
/// More than a test fills a store with; what is beyond is not read.
const SNAPSHOT_BYTES_MAX: u64 = 256 << 20;
/// How much of an unexpected answer is shown.
const SHOWN_CHARS: usize = 200;

/// The admin API of a running system.
#[derive(Debug, Clone)]
pub struct Gateway {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoints: Endpoints,
}

/// What a member says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// The member's name.
    pub(crate) name: String,
    /// Its id, as the cluster knows it.
    pub(crate) id: String,
    /// The id of whom it takes for the leader; `0` for nobody.
    pub(crate) leader: String,
    /// In which term.
    pub(crate) term: u64,
    /// Its newest revision.
    pub(crate) revision: u64,
}

/// Why an admin's request was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// There is no such member.
    #[error("there is no member {0}")]
    NoSuchMember(String),
    /// Nobody leads, or nobody says so.
    #[error("no member says that it leads")]
    NoLeader,
    /// The member did not answer.
    #[error("{member} did not answer to {path}: {reason}")]
    NoAnswer {
        /// Who was asked.
        member: String,
        /// For what.
        path: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The member refused.
    #[error("{member} refused {path} with status {status}: {answer}")]
    Refused {
        /// Who was asked.
        member: String,
        /// For what.
        path: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it said.
        answer: String,
    },
}

impl GatewayError {
    /// Whether what was asked for is certainly not done, now or later.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::NoSuchMember(_) | Self::NoLeader => true,
            Self::NoAnswer { .. } => false,
            // A server error may only say that it took too long; one of them says more.
            Self::Refused { status, answer, .. } => *status < 500 || answer.contains("unhealthy cluster"),
        }
    }
}

impl Gateway {
    /// The API of the members at `endpoints`.
    #[must_use]
    pub fn new(endpoints: Endpoints) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(WITHIN));
        // A killed member leaves dead connections behind; a new one costs nothing on loopback.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { client, endpoints }
    }

    /// The name of the member that says it leads, in the highest term; `None` when nobody does.
    pub async fn leader(&self) -> Option<String> {
        self.leading().await.map(|status| status.name)
    }

    pub(crate) async fn leading(&self) -> Option<Status> {
        let leads = |status: &Status| status.id == status.leader;
        self.statuses().await.into_iter().filter(leads).max_by_key(|status| status.term)
    }

    /// What those members say that answer at once.
    pub(crate) async fn statuses(&self) -> Vec<Status> {
        let mut asked = tokio::task::JoinSet::new();
        for endpoint in self.endpoints.0.clone() {
            let gateway = self.clone();
            asked.spawn(async move { gateway.status(&endpoint).await });
        }
        asked.join_all().await.into_iter().flatten().collect()
    }

    async fn status(&self, endpoint: &Endpoint) -> Option<Status> {
        let answer = self.ask(endpoint, "/v3/maintenance/status", &json!({}), STATUS_WITHIN).await.ok()?;
        Some(Status {
            name: endpoint.name.clone(),
            id: text(&answer["header"]["member_id"]),
            leader: text(&answer["leader"]),
            term: text(&answer["raftTerm"]).parse().ok()?,
            revision: text(&answer["header"]["revision"]).parse().ok()?,
        })
    }

    /// The leader hands leadership to the member with that id.
    pub(crate) async fn move_leader(&self, leader: &str, to: u64) -> Result<Reply<'static>, GatewayError> {
        let request = json!({"targetID": to.to_string()});
        self.call(leader, "/v3/maintenance/transfer-leadership", &request).await.map(|answer| done(&answer))
    }

    pub(crate) async fn defragment(&self, member: &str) -> Result<Reply<'static>, GatewayError> {
        self.call(member, "/v3/maintenance/defragment", &json!({})).await.map(|answer| done(&answer))
    }

    pub(crate) async fn compact(&self, member: &str, revision: u64) -> Result<Reply<'static>, GatewayError> {
        let request = json!({"revision": revision.to_string(), "physical": true});
        let answer = self.call(member, "/v3/kv/compaction", &request).await?;
        Ok(Reply::Compact { revision: self::revision(&answer) })
    }

    /// Reads a whole snapshot, and says how many bytes its encoding had.
    pub(crate) async fn snapshot(&self, member: &str) -> Result<u64, GatewayError> {
        const PATH: &str = "/v3/maintenance/snapshot";
        let endpoint = self.endpoint(member)?;
        let read = async {
            let mut body = self.send(endpoint, PATH, &json!({})).await?.into_body();
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| unanswered(endpoint, PATH, &error))?;
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > SNAPSHOT_BYTES_MAX {
                    break;
                }
            }
            Ok(bytes)
        };
        timeout(WITHIN, read).await.unwrap_or_else(|_| Err(unanswered(endpoint, PATH, &"it took too long")))
    }

    /// The members in the eyes of `through`.
    pub(crate) async fn members(&self, through: &str) -> Result<Vec<Member<'static>>, GatewayError> {
        self.call(through, "/v3/cluster/member/list", &json!({})).await.map(|answer| members(&answer))
    }

    /// Takes the member with that id out of the cluster.
    pub(crate) async fn remove_member(&self, through: &str, id: u64) -> Result<Reply<'static>, GatewayError> {
        let answer = self.call(through, "/v3/cluster/member/remove", &json!({"ID": id.to_string()})).await?;
        Ok(Reply::Members { revision: revision(&answer), members: members(&answer) })
    }

    /// Lets a member that will be reached at `peer_url` into the cluster.
    pub(crate) async fn add_member(
        &self,
        through: &str,
        peer_url: &str,
    ) -> Result<Reply<'static>, GatewayError> {
        let answer = self.call(through, "/v3/cluster/member/add", &json!({"peerURLs": [peer_url]})).await?;
        Ok(Reply::Members { revision: revision(&answer), members: members(&answer) })
    }

    async fn call(&self, member: &str, path: &'static str, body: &Value) -> Result<Value, GatewayError> {
        self.ask(self.endpoint(member)?, path, body, WITHIN).await
    }

    fn endpoint(&self, member: &str) -> Result<&Endpoint, GatewayError> {
        let found = self.endpoints.0.iter().find(|endpoint| endpoint.name == member);
        found.ok_or_else(|| GatewayError::NoSuchMember(member.to_owned()))
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        path: &'static str,
        body: &Value,
        within: Duration,
    ) -> Result<Value, GatewayError> {
        let exchange = async {
            let body = self.send(endpoint, path, body).await?.into_body();
            let bytes = body.collect().await.map_err(|error| unanswered(endpoint, path, &error))?.to_bytes();
            serde_json::from_slice(&bytes).map_err(|error| unanswered(endpoint, path, &error))
        };
        let late = || unanswered(endpoint, path, &format!("nothing within {} s", within.as_secs_f64()));
        timeout(within, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    /// Sends a request, and has the answer's body still to read.
    async fn send(
        &self,
        endpoint: &Endpoint,
        path: &'static str,
        body: &Value,
    ) -> Result<hyper::Response<Incoming>, GatewayError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", endpoint.url))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| unanswered(endpoint, path, &error))?;
        let answer =
            self.client.request(request).await.map_err(|error| unanswered(endpoint, path, &error))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).chars().take(SHOWN_CHARS).collect();
        Err(GatewayError::Refused { member: endpoint.name.clone(), path, status, answer: text })
    }
}

fn unanswered(endpoint: &Endpoint, path: &'static str, reason: &impl ToString) -> GatewayError {
    GatewayError::NoAnswer { member: endpoint.name.clone(), path, reason: reason.to_string() }
}

/// The gateway writes 64-bit numbers as text, and leaves out what is zero.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or("0").to_owned()
}

fn number<T: std::str::FromStr + Default>(value: &Value) -> T {
    text(value).parse().unwrap_or_default()
}

/// The newest revision that an answer tells; some answers have no header, and tell none.
fn revision(answer: &Value) -> i64 {
    number(&answer["header"]["revision"])
}

fn done(answer: &Value) -> Reply<'static> {
    Reply::Done { revision: revision(answer) }
}

fn members(answer: &Value) -> Vec<Member<'static>> {
    let blob = |value: &Value| Blob::from(value.as_str().unwrap_or_default().to_owned());
    let member = |value: &Value| Member {
        id: number(&value["ID"]),
        name: blob(&value["name"]),
        peers: value["peerURLs"].as_array().into_iter().flatten().map(blob).collect(),
        learner: value["isLearner"].as_bool().unwrap_or(false),
    };
    answer["members"].as_array().into_iter().flatten().map(member).collect()
}
