//! What is looked at all the time, whatever happens: which members answer, and what the links have counted a moment
//! ago. So a fault does not have to wait for either.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cluster::Cluster;
use history::{Nanos, clock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::links::{LinkRow, Links};

/// Often enough to see an election, seldom enough to be no load.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// A member that has owed an answer for longer counts as silent.
const SILENT_AFTER: Duration = Duration::from_millis(500);
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// The latest of everything.
#[derive(Debug)]
pub(crate) struct Samples {
    members: watch::Sender<BTreeMap<String, Answer>>,
    /// The last two samples of all links, the older first.
    links: Mutex<[Vec<LinkRow>; 2]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    ready: bool,
    /// When a question was asked that is not answered yet.
    asked: Option<Nanos>,
}

impl Samples {
    pub(crate) fn new() -> Self {
        Self { members: watch::Sender::new(BTreeMap::new()), links: Mutex::default() }
    }

    /// Which members answered lately.
    pub(crate) fn healthy(&self) -> BTreeMap<String, bool> {
        let now = clock::now();
        let answers = |answer: &Answer| {
            answer.ready && answer.asked.is_none_or(|asked| now.since(asked) < SILENT_AFTER)
        };
        self.members.borrow().iter().map(|(name, answer)| (name.clone(), answers(answer))).collect()
    }

    /// What the links had counted between half a second and a second ago.
    pub(crate) fn lately(&self) -> Vec<LinkRow> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)[0].clone()
    }

    /// Looks for ever.
    pub(crate) async fn watch(&self, cluster: Option<&Cluster>, links: Option<&Links>) {
        let asking = async {
            let Some(cluster) = cluster else { return std::future::pending().await };
            self.ask_all(cluster).await;
        };
        let sampling = async {
            let Some(links) = links else { return std::future::pending().await };
            loop {
                let sample = links.matrix();
                {
                    let mut last = self.links.lock().unwrap_or_else(PoisonError::into_inner);
                    last[0] = std::mem::replace(&mut last[1], sample);
                }
                sleep(SAMPLE_EVERY).await;
            }
        };
        tokio::join!(asking, sampling);
    }

    /// Each member by itself, since a silent one keeps its questioner waiting.
    async fn ask_all(&self, cluster: &Cluster) {
        let mut askers = JoinSet::new();
        for member in cluster.members() {
            let (cluster, name, answers) = (cluster.clone(), member.name().to_owned(), self.members.clone());
            askers.spawn(async move {
                loop {
                    let note = |change: &dyn Fn(&mut Answer)| {
                        answers.send_modify(|all| change(all.entry(name.clone()).or_default()));
                    };
                    note(&|answer| answer.asked = Some(clock::now()));
                    let ready = cluster.ask(&name).await.is_ok();
                    note(&|answer| *answer = Answer { ready, asked: None });
                    sleep(ASK_EVERY).await;
                }
            });
        }
        // They end with this future.
        while askers.join_next().await.is_some() {}
    }
}
