//! The swarm configuration: what one run is like, drawn once by its first command and left where every command finds it.
//!
//! Bugs differ in what they need, and a mixture of everything at a middling rate needs none of it enough. So a run has
//! some workloads and not others, few keys or many, tiny values or large ones, one client or a crowd, and a pace of its
//! own, each over orders of magnitude.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use history::clock;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::draw::Draw;
use crate::run::{RunError, at};
use crate::session::Session;

/// The file in the run's shared directory.
pub const FILE: &str = "swarm.json";

const KEYS: [u32; 4] = [1, 3, 10, 100];
const VALUE_BYTES: [u32; 4] = [16, 64, 1_024, 8_192];
const WORKERS: [u32; 4] = [1, 2, 4, 10];
const PAUSE_US: [u64; 4] = [0, 1_000, 10_000, 60_000];
const WORK_MS: [u64; 4] = [400, 1_000, 2_000, 4_000];
/// Longer than the default faults pause anybody: before 3.6 a leader that is paused for longer than a lease lives ends it
/// when it wakes up, whoever has kept it alive meanwhile.
const LEASE_S: [i64; 3] = [3, 4, 5];
/// A workload is left out of one run in four.
const WEIGHTS: [u32; 4] = [0, 1, 3, 10];

/// Something that a driver can do, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant's text is its sentence in `Work::about`")]
pub enum Work {
    Register,
    Bank,
    Append,
    Recreate,
    Menu,
    Read,
    Follow,
    Mirror,
    Expire,
    Revoke,
    Reattach,
    Lock,
    ServiceLock,
    Elect,
    Compact,
    Defragment,
    Snapshot,
    MoveLeader,
    Learner,
    NoSpace,
    OldTransaction,
    Tombstone,
    KeepAtLeader,
    WatchAhead,
    AskProgress,
    Stall,
    FillSpace,
    Permissions,
    MoveLearner,
    FullBatch,
    RenewRevoked,
}

/// Workloads of one kind: a driver draws from one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys and transactions.
    Keys,
    /// Watches.
    Watches,
    /// Leases.
    Leases,
    /// Locks that clients make of leases and transactions.
    Locks,
    /// The store's own locks and elections.
    Service,
    /// The cluster itself.
    Maintenance,
    /// Who is a member.
    Membership,
    /// Writes beside reads of compacted revisions, which etcd before 3.7 cannot do.
    OldTransactions,
    /// Deletions at the revision that is compacted.
    Tombstones,
    /// Leases that are kept alive at whoever leads.
    LeaderLeases,
    /// Watches from the future, and of what seldom changes.
    WatchesAhead,
    /// Watches that are asked all the time how far they are.
    Progress,
    /// Many watches on a stream that is not read for a while.
    Stalls,
    /// A full quota, as it comes by itself.
    Space,
    /// Users and what they may do.
    Permissions,
    /// Learners whose address changes.
    MovedLearners,
    /// Compactions of whole batches.
    FullBatches,
    /// Leases that are kept alive at a leader of before.
    FormerLeaders,
}

impl Group {
    const ALL: [Self; 18] = [
        Self::Keys,
        Self::Watches,
        Self::Leases,
        Self::Locks,
        Self::Service,
        Self::Maintenance,
        Self::Membership,
        Self::OldTransactions,
        Self::Tombstones,
        Self::LeaderLeases,
        Self::WatchesAhead,
        Self::Progress,
        Self::Stalls,
        Self::Space,
        Self::Permissions,
        Self::MovedLearners,
        Self::FullBatches,
        Self::FormerLeaders,
    ];

    /// What has no pace of the run's, as it looks for something at one moment.
    #[must_use]
    pub fn is_narrow(self) -> bool {
        !matches!(
            self,
            Self::Keys
                | Self::Watches
                | Self::Leases
                | Self::Locks
                | Self::Service
                | Self::Maintenance
                | Self::Membership
        )
    }

    /// What belongs to it.
    #[must_use]
    pub fn works(self) -> &'static [Work] {
        use Work::*;
        match self {
            Self::Keys => &[Register, Bank, Append, Recreate, Menu, Read],
            Self::Watches => &[Follow, Mirror],
            Self::Leases => &[Expire, Revoke, Reattach],
            Self::Locks => &[Lock],
            Self::Service => &[ServiceLock, Elect],
            Self::Maintenance => &[Compact, Defragment, Snapshot, MoveLeader, NoSpace],
            Self::Membership => &[Learner],
            Self::OldTransactions => &[OldTransaction],
            Self::Tombstones => &[Tombstone],
            Self::LeaderLeases => &[KeepAtLeader],
            Self::WatchesAhead => &[WatchAhead],
            Self::Progress => &[AskProgress],
            Self::Stalls => &[Stall],
            Self::Space => &[FillSpace],
            Self::Permissions => &[Permissions],
            Self::MovedLearners => &[MoveLearner],
            Self::FullBatches => &[FullBatch],
            Self::FormerLeaders => &[RenewRevoked],
        }
    }
}

impl Work {
    /// What it does, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Register => "compare and set of contended keys",
            Self::Bank => "transfers between accounts",
            Self::Append => "appends to lists",
            Self::Recreate => "keys deleted and made again",
            Self::Menu => "transactions of any shape, up to the limits and beyond",
            Self::Read => "reads of any kind, also of old revisions and of one member's own state",
            Self::Follow => "watches against writers and compaction",
            Self::Mirror => "a list that a watch keeps up to date",
            Self::Expire => "leases that run out",
            Self::Revoke => "leases that are revoked",
            Self::Reattach => "keys that change their lease",
            Self::Lock => "locks made of leases, guarding a fenced and an unfenced resource",
            Self::ServiceLock => "the store's own locks",
            Self::Elect => "the store's own elections",
            Self::Compact => "compaction",
            Self::Defragment => "rolling defragmentation",
            Self::Snapshot => "snapshots",
            Self::MoveLeader => "moves of the leader",
            Self::Learner => "learners added and removed",
            Self::NoSpace => "no space, and the way back",
            Self::OldTransaction => "transactions that write, and read a compacted revision",
            Self::Tombstone => "deletions at the revision that is compacted",
            Self::KeepAtLeader => "leases that are kept alive at whoever leads",
            Self::WatchAhead => "watches from the future, and of what seldom changes",
            Self::AskProgress => "watches that are asked all the time how far they are",
            Self::Stall => "many watches on a stream that is not read for a while, against compaction",
            Self::FillSpace => "a quota that is filled, and the way back",
            Self::Permissions => "users and what they may do",
            Self::MoveLearner => "learners whose address changes",
            Self::FullBatch => "compactions of whole batches that end with a deletion",
            Self::RenewRevoked => {
                "leases that are revoked at whoever leads, and kept alive at who led before"
            }
        }
    }
}

/// What one run is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swarm {
    /// The run it was drawn for.
    pub run: String,
    /// The boot of its machine.
    pub boot: String,
    /// Keys begin with it, so that nothing is met that somebody else has written.
    pub salt: String,
    /// So many keys are fought over.
    pub keys: u32,
    /// Values have at most so many bytes.
    pub value_bytes: u32,
    /// So many clients of one command work beside each other.
    pub workers: u32,
    /// At most so many microseconds between two requests of a client.
    pub pause_us: u64,
    /// A command works for so long, where it is not told by what it does.
    pub work_ms: u64,
    /// Leases that are to run out are asked for with so many seconds.
    pub lease_s: i64,
    /// The share of each workload among those of its group; 0 leaves it out.
    pub weights: BTreeMap<Work, u32>,
}

impl Swarm {
    /// Draws one for the run of `config`.
    pub fn draw(config: &Config, draw: &mut impl Draw) -> Self {
        let mut weights = BTreeMap::new();
        for group in Group::ALL {
            for work in group.works() {
                weights.insert(*work, one_of(draw, &WEIGHTS));
            }
            // A group that is left with nothing does one thing.
            if group.works().iter().all(|work| weights[work] == 0) {
                weights.insert(one_of(draw, group.works()), 1);
            }
        }
        Self {
            run: config.run.clone(),
            boot: clock::boot_id(),
            salt: draw.text(),
            keys: one_of(draw, &KEYS),
            value_bytes: one_of(draw, &VALUE_BYTES),
            workers: one_of(draw, &WORKERS),
            pause_us: one_of(draw, &PAUSE_US),
            work_ms: one_of(draw, &WORK_MS),
            lease_s: one_of(draw, &LEASE_S),
            weights,
        }
    }

    /// What commands do where no first command has drawn anything: everything, with little of each.
    #[must_use]
    pub fn unasked(config: &Config) -> Self {
        let all = Group::ALL.iter().flat_map(|group| group.works());
        Self {
            run: config.run.clone(),
            boot: clock::boot_id(),
            salt: "etcd-traffic".to_owned(),
            keys: 3,
            value_bytes: 64,
            workers: 2,
            pause_us: 1_000,
            work_ms: 1_000,
            lease_s: 3,
            weights: all.map(|work| (*work, 1)).collect(),
        }
    }

    /// Leaves it for all commands of the run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, session: &Session<'_>) -> Result<(), RunError> {
        let path = Self::path(session.config());
        // A reader sees the old one or the new one, whole.
        let draft = path.with_extension(format!("{:x}.tmp", session.began().0));
        let text =
            serde_json::to_string(self).map_err(|source| RunError::Damaged { path: path.clone(), source })?;
        fs::write(&draft, text).map_err(at(&draft))?;
        fs::rename(&draft, &path).map_err(at(&path))
    }

    /// The one of this process's run, or [`Self::unasked`] where there is none.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn read(config: &Config) -> Result<Self, RunError> {
        let path = Self::path(config);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::unasked(config)),
            Err(error) => return Err(at(&path)(error)),
        };
        let swarm: Self = serde_json::from_str(&text).map_err(|source| RunError::Damaged { path, source })?;
        let ours = swarm.run == config.run && swarm.boot == clock::boot_id();
        Ok(if ours { swarm } else { Self::unasked(config) })
    }

    /// Draws what to do, among those of a group.
    pub fn choose(&self, group: Group, draw: &mut impl Draw) -> Option<Work> {
        let weight = |work: &Work| u64::from(self.weights.get(work).copied().unwrap_or(0));
        let mut left = draw.below(group.works().iter().map(weight).sum());
        group.works().iter().copied().find(|work| {
            let here = left < weight(work);
            left = left.saturating_sub(weight(work));
            here
        })
    }

    fn path(config: &Config) -> PathBuf {
        config.dir.join(FILE)
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, value_bytes, workers, pause_us, work_ms, lease_s, .. } = self;
        write!(
            f,
            "{keys} keys, values of up to {value_bytes} bytes, {workers} clients, pauses of up to {pause_us} us, \
             {work_ms} ms of work, leases of {lease_s} s; "
        )?;
        let some = self.weights.iter().filter(|(_, weight)| **weight > 0);
        let words: Vec<String> = some.map(|(work, weight)| format!("{work:?} {weight}")).collect();
        f.write_str(&words.join(", "))
    }
}

fn one_of<T: Copy>(draw: &mut impl Draw, of: &[T]) -> T {
    of[usize::try_from(draw.below(of.len() as u64)).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// SplitMix64, whole: without its last steps the low bits repeat, and few numbers have all the luck.
    fn draws() -> impl FnMut() -> u64 {
        let mut n = 0_u64;
        move || {
            n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    fn config(dir: &std::path::Path) -> Config {
        let mut config = Config::from_variables("driver", dir, |_| None).unwrap();
        config.dir = dir.to_owned();
        config
    }

    #[test]
    fn runs_differ_in_everything_and_no_group_is_left_with_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (config, mut draw) = (config(dir.path()), draws());
        let drawn: Vec<Swarm> = (0..200).map(|_| Swarm::draw(&config, &mut draw)).collect();
        let keys: BTreeSet<u32> = drawn.iter().map(|swarm| swarm.keys).collect();
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), KEYS);
        for group in Group::ALL {
            for work in group.works() {
                let with = drawn.iter().filter(|swarm| swarm.weights[work] > 0).count();
                assert!(with > 100, "{}", work.about());
                assert!(group.works().len() == 1 || with < 200, "{}", work.about());
            }
            for swarm in &drawn {
                let chosen = swarm.choose(group, &mut draw).unwrap();
                assert!(swarm.weights[&chosen] > 0 && group.works().contains(&chosen));
            }
        }
    }

    #[test]
    fn every_command_of_a_run_finds_what_its_first_one_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        assert_eq!(Swarm::read(&config).unwrap(), Swarm::unasked(&config));
        let swarm = Swarm::draw(&config, &mut draws());
        swarm.record(&Session::begin(&config).unwrap()).unwrap();
        assert_eq!(Swarm::read(&config).unwrap(), swarm);
        config.run = "another".to_owned();
        assert_eq!(Swarm::read(&config).unwrap(), Swarm::unasked(&config));
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Swarm::read(&config).unwrap_err().to_string().contains("remove the file"));
    }
}
