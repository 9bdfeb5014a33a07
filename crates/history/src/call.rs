//! What a client asked for: the calls of a key-value store with revisions, transactions, leases and watches.
//!
//! These are the arguments as sent, with the store's own defaults (0, false, empty) left out of the file.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{Blob, KeyValue};

/// One request. The variant is `f` in the file, see [`Call::name`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Call<'a> {
    /// Write one key.
    Put(Put<'a>),
    /// Read one key or a range of keys.
    Range(Range<'a>),
    /// Delete one key or a range of keys.
    Delete(Delete<'a>),
    /// Compare, then do one list of calls or the other, atomically.
    Txn(Txn<'a>),
    /// Make a lease: time to live in seconds, and the wished id (0: the store chooses).
    Grant { ttl: i64, lease: i64 },
    /// End a lease and delete its keys.
    Revoke { lease: i64 },
    /// Refresh a lease once.
    KeepAlive { lease: i64 },
    /// Ask for a lease's remaining time, and its keys if wished.
    TimeToLive { lease: i64, keys: bool },
    /// Forget revisions below this one.
    Compact { revision: i64, physical: bool },
    /// Open a watch; what it delivers follows as watch lines.
    Watch(Watch<'a>),
    /// Hash of the key space at a revision (0: head), answered by one member from its own state.
    Hash { revision: i64 },
    /// One member's own view: head revision, leader, term.
    Status,
    /// All leases that are alive, in one member's eyes.
    Leases,
    /// Wait for the store's own lock of that name, which is let go with the lease.
    Lock { name: Blob<'a>, lease: i64 },
    /// Let go of the store's own lock: the key that its grant named.
    Unlock { key: Blob<'a> },
    /// Wait to lead the store's own election of that name, and proclaim `value`.
    Campaign { name: Blob<'a>, lease: i64, value: Blob<'a> },
    /// Proclaim another value as the leader who holds `key`, created at revision `created`.
    Proclaim { key: Blob<'a>, created: i64, value: Blob<'a> },
    /// End one's leadership: of who holds `key`, created at revision `created`.
    Resign { key: Blob<'a>, created: i64 },
    /// Who leads the store's own election of that name.
    Leader { name: Blob<'a> },
    /// Not a request: from here until its return the client believes that it alone holds lock `name`, by `key` whose
    /// revision of creation is `token`. It has a client number of its own, as others of the client's calls go on.
    Hold { name: Blob<'a>, key: Blob<'a>, token: i64 },
    /// A change of the cluster, or a question about it.
    Cluster(Cluster<'a>),
    /// A change of users, roles and their permissions, or of who the client is.
    Auth(Auth<'a>),
}

/// Arguments of a put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put<'a> {
    /// The key.
    pub key: Blob<'a>,
    /// The new value; meaningless with `ignore_value`.
    pub value: Blob<'a>,
    /// Lease to attach the key to; 0 for none.
    pub lease: i64,
    /// Ask for the previous key-value.
    pub prev_kv: bool,
    /// Keep the value, change only the lease.
    pub ignore_value: bool,
    /// Keep the lease, change only the value.
    pub ignore_lease: bool,
}

/// Arguments of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range<'a> {
    /// The key, or the first key of the range.
    pub key: Blob<'a>,
    /// End of the range, exclusive; `None` reads one key; a single zero byte means "no end".
    pub end: Option<Blob<'a>>,
    /// At most so many key-values; 0 for all.
    pub limit: i64,
    /// Read at this revision; 0 for head.
    pub revision: i64,
    /// Answered from the member's own state, without consensus.
    pub serializable: bool,
    /// Leave the values out.
    pub keys_only: bool,
    /// Only the count.
    pub count_only: bool,
    /// Another order than that of keys, and which key-values a limit leaves.
    pub sort: Option<Sort>,
}

/// An order of key-values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What they are ordered by.
    pub by: SortBy,
    /// From the greatest to the least.
    pub descending: bool,
}

impl Sort {
    /// Which of two key-values comes first. Those that are alike come in any order.
    #[must_use]
    pub fn compare(self, a: &KeyValue<'_>, b: &KeyValue<'_>) -> Ordering {
        let ordering = match self.by {
            SortBy::Key => a.key.bytes().cmp(b.key.bytes()),
            SortBy::Value => a.value.bytes().cmp(b.value.bytes()),
            SortBy::Version => a.version.cmp(&b.version),
            SortBy::Create => a.create_revision.cmp(&b.create_revision),
            SortBy::Mod => a.mod_revision.cmp(&b.mod_revision),
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

/// What key-values are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named like the fields of a key-value")]
pub enum SortBy {
    Key,
    Value,
    Version,
    Create,
    Mod,
}

/// Arguments of a delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete<'a> {
    /// The key, or the first key of the range.
    pub key: Blob<'a>,
    /// End of the range, exclusive; `None` deletes one key.
    pub end: Option<Blob<'a>>,
    /// Ask for what was deleted.
    pub prev_kv: bool,
}

/// Arguments of a transaction. The inner calls are puts, ranges, deletes and transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn<'a> {
    /// All must hold for `success` to be taken.
    pub compare: Vec<Compare<'a>>,
    /// Done when every comparison holds.
    pub success: Vec<Call<'a>>,
    /// Done otherwise.
    pub failure: Vec<Call<'a>>,
}

/// One comparison of a transaction: `target of key  comparison  operand`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare<'a> {
    /// The key whose property is compared.
    pub key: Blob<'a>,
    /// Compare every key of the range up to here (exclusive) when given.
    pub end: Option<Blob<'a>>,
    /// The property and the operand it is compared with.
    pub target: Target<'a>,
    /// How they are compared.
    pub comparison: Comparison,
}

/// The property of a key that a comparison looks at, with the operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The value.
    Value(Blob<'a>),
    /// Writes since creation; 0 for an absent key.
    Version(i64),
    /// Revision of creation; 0 for an absent key.
    Create(i64),
    /// Revision of the last write; 0 for an absent key.
    Mod(i64),
    /// The attached lease; 0 for none.
    Lease(i64),
}

/// How a comparison compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Equal; left out of the file.
    #[default]
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// The key's property is greater than the operand.
    #[serde(rename = ">")]
    Greater,
    /// The key's property is less than the operand.
    #[serde(rename = "<")]
    Less,
}

/// Arguments of a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch<'a> {
    /// The key, or the first key of the range.
    pub key: Blob<'a>,
    /// End of the range, exclusive; `None` watches one key.
    pub end: Option<Blob<'a>>,
    /// First revision wanted; 0 for "from now on".
    pub revision: i64,
    /// Ask for previous key-values.
    pub prev_kv: bool,
    /// Leave puts out.
    pub no_put: bool,
    /// Leave deletes out.
    pub no_delete: bool,
    /// Ask for progress notifications.
    pub progress: bool,
}

/// What is asked of a cluster as such; ids are those that the store gave to its members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Cluster<'a> {
    /// Who is a member.
    Members,
    /// Take a member in, which others reach at these URLs; a learner has no vote.
    Add { peers: Vec<Blob<'a>>, learner: bool },
    /// Put a member out.
    Remove { id: u64 },
    /// Give a learner its vote.
    Promote { id: u64 },
    /// A member is reached at other URLs.
    Update { id: u64, peers: Vec<Blob<'a>> },
    /// Make a member the leader.
    MoveLeader { id: u64 },
    /// Which alarms are raised.
    Alarms,
    /// Raise an alarm of a member, as the store does by itself.
    Raise { id: u64, alarm: Alarm },
    /// Take back an alarm of a member (0: of all).
    Disarm { id: u64, alarm: Alarm },
    /// Give the space of one member's file that is not in use back to its disk.
    Defragment,
    /// A copy of one member's whole file.
    Snapshot,
}

/// Why a store refuses to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// Its space is used up.
    NoSpace,
    /// Members hold different things.
    Corrupt,
}

/// What is asked of the store's users and roles.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's text names its fields")]
pub enum Auth<'a> {
    /// From now on the client is this user; all of its later calls are.
    Login { user: Blob<'a> },
    /// Ask for logins.
    Enable,
    /// Ask for none.
    Disable,
    /// Make a user.
    AddUser { user: Blob<'a> },
    /// End a user.
    DeleteUser { user: Blob<'a> },
    /// Make a role.
    AddRole { role: Blob<'a> },
    /// End a role.
    DeleteRole { role: Blob<'a> },
    /// Give a role to a user.
    GrantRole { user: Blob<'a>, role: Blob<'a> },
    /// Take a role from a user.
    RevokeRole { user: Blob<'a>, role: Blob<'a> },
    /// Allow a role to read and write keys.
    Allow { role: Blob<'a>, read: bool, write: bool, key: Blob<'a>, end: Option<Blob<'a>> },
    /// Take such a permission back.
    Forbid { role: Blob<'a>, key: Blob<'a>, end: Option<Blob<'a>> },
}

impl Call<'_> {
    /// The name of the call in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::Range(_) => "get",
            Self::Delete(_) => "delete",
            Self::Txn(_) => "txn",
            Self::Grant { .. } => "grant",
            Self::Revoke { .. } => "revoke",
            Self::KeepAlive { .. } => "keepalive",
            Self::TimeToLive { .. } => "ttl",
            Self::Compact { .. } => "compact",
            Self::Watch(_) => "watch",
            Self::Hash { .. } => "hash",
            Self::Status => "status",
            Self::Leases => "leases",
            Self::Lock { .. } => "lock",
            Self::Unlock { .. } => "unlock",
            Self::Campaign { .. } => "campaign",
            Self::Proclaim { .. } => "proclaim",
            Self::Resign { .. } => "resign",
            Self::Leader { .. } => "leader",
            Self::Hold { .. } => "hold",
            Self::Cluster(cluster) => cluster.name(),
            Self::Auth(auth) => auth.name(),
        }
    }
}

impl Cluster<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Add { .. } => "add-member",
            Self::Remove { .. } => "remove-member",
            Self::Promote { .. } => "promote-member",
            Self::Update { .. } => "update-member",
            Self::MoveLeader { .. } => "move-leader",
            Self::Alarms => "alarms",
            Self::Raise { .. } => "raise",
            Self::Disarm { .. } => "disarm",
            Self::Defragment => "defragment",
            Self::Snapshot => "snapshot",
        }
    }
}

impl Auth<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Login { .. } => "login",
            Self::Enable => "auth-enable",
            Self::Disable => "auth-disable",
            Self::AddUser { .. } => "add-user",
            Self::DeleteUser { .. } => "delete-user",
            Self::AddRole { .. } => "add-role",
            Self::DeleteRole { .. } => "delete-role",
            Self::GrantRole { .. } => "grant-role",
            Self::RevokeRole { .. } => "revoke-role",
            Self::Allow { .. } => "allow",
            Self::Forbid { .. } => "forbid",
        }
    }
}
