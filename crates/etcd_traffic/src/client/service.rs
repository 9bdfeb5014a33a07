//! What is not keys: leases, locks and elections, the cluster itself, users and roles.

use etcd_client::{
    AlarmAction, AlarmOptions, AlarmType, Client, CompactionOptions, LeaderKey, LeaseGrantOptions,
    LeaseTimeToLiveOptions, LockOptions, MemberAddOptions, Permission, PermissionType, ProclaimOptions,
    ResignOptions, ResponseHeader, RoleRevokePermissionOptions,
};
use history::{Alarm, Auth, Blob, Call, Cluster, Member, Reply};
use sha2::{Digest as _, Sha256};

use super::Response;
use super::kv::key_value;

/// Every user of a test has this password: who is who matters here, not whether anybody can guess.
const PASSWORD: &str = "password";

pub(super) async fn compact(etcd: &mut Client, revision: i64, physical: bool) -> Response {
    let options = CompactionOptions::new();
    let options = if physical { options.with_physical() } else { options };
    let response = etcd.compact(revision, Some(options)).await?;
    Ok(response.header().map(|header| Reply::Compact { revision: header.revision() }))
}

pub(super) async fn status(etcd: &mut Client) -> Response {
    let response = etcd.status().await?;
    let (leader, term, applied) = (response.leader(), response.raft_term(), response.raft_applied_index());
    Ok(response.header().map(|header| Reply::Status {
        revision: header.revision(),
        id: header.member_id(),
        leader,
        term,
        applied,
    }))
}

pub(super) async fn hash(etcd: &mut Client, revision: i64) -> Response {
    let response = etcd.hash_kv(revision).await?;
    let (hash, compacted) = (response.hash(), response.compact_version());
    Ok(response.header().map(|header| Reply::Hash { revision: header.revision(), hash, compacted }))
}

pub(super) async fn grant(etcd: &mut Client, ttl: i64, lease: i64) -> Response {
    let response = etcd.lease_grant(ttl, Some(LeaseGrantOptions::new().with_id(lease))).await?;
    let (lease, ttl) = (response.id(), response.ttl());
    Ok(response.header().map(|header| Reply::Grant { revision: header.revision(), lease, ttl }))
}

pub(super) async fn revoke(etcd: &mut Client, lease: i64) -> Response {
    let response = etcd.lease_revoke(lease).await?;
    Ok(response.header().map(|header| Reply::Revoke { revision: header.revision() }))
}

/// The client library keeps the first answer of a stream to itself, so it is asked twice: refreshing once or twice is
/// the same to whoever counts from the first.
pub(super) async fn keep_alive(etcd: &mut Client, lease: i64) -> Response {
    let gone = |revision| Ok(Some(Reply::KeepAlive { revision, ttl: 0 }));
    let (mut keeper, mut answers) = match etcd.lease_keep_alive(lease).await {
        Ok(stream) => stream,
        // In these words it says that the answer was a time of 0.
        Err(etcd_client::Error::LeaseKeepAliveError(words)) if words == "lease not found" => return gone(0),
        Err(error) => return Err(error),
    };
    keeper.keep_alive().await?;
    let Some(answer) = answers.message().await? else { return Ok(None) };
    let Some(header) = answer.header() else { return Ok(None) };
    match answer.ttl() {
        ..=0 => gone(header.revision()),
        ttl => Ok(Some(Reply::KeepAlive { revision: header.revision(), ttl })),
    }
}

pub(super) async fn time_to_live(etcd: &mut Client, lease: i64, keys: bool) -> Response {
    let options = LeaseTimeToLiveOptions::new();
    let options = if keys { options.with_keys() } else { options };
    let response = etcd.lease_time_to_live(lease, Some(options)).await?;
    Ok(response.header().map(|header| Reply::TimeToLive {
        revision: header.revision(),
        ttl: response.ttl(),
        granted: response.granted_ttl(),
        keys: response.keys().iter().map(|key| Blob::from(key.clone())).collect(),
    }))
}

pub(super) async fn leases(etcd: &mut Client) -> Response {
    let response = etcd.leases().await?;
    let leases = response.leases().iter().map(etcd_client::LeaseStatus::id).collect();
    Ok(response.header().map(|header| Reply::Leases { revision: header.revision(), leases }))
}

/// The store's own locks and elections.
pub(super) async fn recipe(etcd: &mut Client, call: &Call<'_>) -> Response {
    let done = |header: Option<&ResponseHeader>| Ok(header.map(of_done));
    match call {
        Call::Lock { name, lease } => {
            let response = etcd.lock(name.bytes(), Some(LockOptions::new().with_lease(*lease))).await?;
            let key = Blob::from(response.key().to_vec());
            Ok(response.header().map(|header| Reply::Held { revision: header.revision(), key, created: 0 }))
        }
        Call::Unlock { key } => done(etcd.unlock(key.bytes()).await?.header()),
        Call::Campaign { name, lease, value } => {
            let response = etcd.campaign(name.bytes(), value.bytes(), *lease).await?;
            let (Some(header), Some(leader)) = (response.header(), response.leader()) else {
                return Ok(None);
            };
            let (key, created) = (Blob::from(leader.key().to_vec()), leader.rev());
            Ok(Some(Reply::Held { revision: header.revision(), key, created }))
        }
        Call::Proclaim { key, created, value } => {
            let options = ProclaimOptions::new().with_leader(leader_key(key, *created));
            done(etcd.proclaim(value.bytes(), Some(options)).await?.header())
        }
        Call::Resign { key, created } => {
            let options = ResignOptions::new().with_leader(leader_key(key, *created));
            done(etcd.resign(Some(options)).await?.header())
        }
        Call::Leader { name } => {
            let mut response = etcd.leader(name.bytes()).await?;
            let kv = response.take_kv().map(key_value);
            Ok(response.header().map(|header| Reply::Leader { revision: header.revision(), kv }))
        }
        other => Err(not_sent(other)),
    }
}

/// The name and the lease of a leader's key are in the key: `name/lease`, the lease in hexadecimal digits.
fn leader_key(key: &Blob<'_>, created: i64) -> LeaderKey {
    let at = key.bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let lease = std::str::from_utf8(key.bytes().get(at + 1..).unwrap_or_default()).unwrap_or_default();
    LeaderKey::new()
        .with_name(&key.bytes()[..at])
        .with_key(key.bytes())
        .with_rev(created)
        .with_lease(i64::from_str_radix(lease, 16).unwrap_or(0))
}

pub(super) async fn cluster(etcd: &mut Client, cluster: &Cluster<'_>) -> Response {
    let texts = |urls: &[Blob<'_>]| urls.iter().map(ToString::to_string).collect::<Vec<String>>();
    match cluster {
        Cluster::Members => {
            let response = etcd.member_list().await?;
            Ok(response.header().map(|header| of_members(header, response.members())))
        }
        Cluster::Add { peers, learner } => {
            let options = MemberAddOptions::new();
            let options = if *learner { options.with_is_learner() } else { options };
            let response = etcd.member_add(texts(peers), Some(options)).await?;
            Ok(response.header().map(|header| of_members(header, response.member_list())))
        }
        Cluster::Remove { id } => {
            let response = etcd.member_remove(*id).await?;
            Ok(response.header().map(|header| of_members(header, response.members())))
        }
        Cluster::Promote { id } => {
            let response = etcd.member_promote(*id).await?;
            Ok(response.header().map(|header| of_members(header, response.members())))
        }
        Cluster::Update { id, peers } => {
            let response = etcd.member_update(*id, texts(peers)).await?;
            Ok(response.header().map(|header| of_members(header, response.members())))
        }
        Cluster::MoveLeader { id } => Ok(Some(etcd.move_leader(*id).await?.header().map_or(BARE, of_done))),
        Cluster::Alarms => alarm(etcd, AlarmAction::Get, AlarmType::None, 0).await,
        Cluster::Raise { id, alarm: kind } => alarm(etcd, AlarmAction::Activate, of_alarm(*kind), *id).await,
        Cluster::Disarm { id, alarm: kind } => {
            alarm(etcd, AlarmAction::Deactivate, of_alarm(*kind), *id).await
        }
        Cluster::Defragment => Ok(Some(etcd.defragment().await?.header().map_or(BARE, of_done))),
        Cluster::Snapshot => snapshot(etcd, &mut |_| {}).await,
    }
}

async fn alarm(etcd: &mut Client, action: AlarmAction, kind: AlarmType, member: u64) -> Response {
    let mut options = AlarmOptions::new();
    options.with_member(member);
    let response = etcd.alarm(action, kind, Some(options)).await?;
    let alarms = response.alarms().iter().filter_map(|raised| match raised.alarm() {
        AlarmType::Nospace => Some((raised.member_id(), Alarm::NoSpace)),
        AlarmType::Corrupt => Some((raised.member_id(), Alarm::Corrupt)),
        AlarmType::None => None,
    });
    let alarms = alarms.collect();
    Ok(response.header().map(|header| Reply::Alarms { revision: header.revision(), alarms }))
}

fn of_alarm(alarm: Alarm) -> AlarmType {
    match alarm {
        Alarm::NoSpace => AlarmType::Nospace,
        Alarm::Corrupt => AlarmType::Corrupt,
    }
}

/// Read to its end; its last bytes are the digest of all before them, which are given to `keep`.
pub(super) async fn snapshot(etcd: &mut Client, keep: &mut dyn FnMut(&[u8])) -> Response {
    const DIGEST: usize = 32;
    let mut stream = etcd.snapshot().await?;
    let (mut digest, mut bytes, mut revision) = (Sha256::new(), 0_u64, None);
    let mut held: Vec<u8> = Vec::new();
    while let Some(part) = stream.message().await? {
        revision = revision.or_else(|| part.header().map(ResponseHeader::revision));
        bytes += part.blob().len() as u64;
        held.extend_from_slice(part.blob());
        let known = held.len().saturating_sub(DIGEST);
        digest.update(&held[..known]);
        keep(&held[..known]);
        held.drain(..known);
    }
    let intact = digest.finalize()[..] == held[..];
    // Older members send no header with it.
    Ok(Some(Reply::Snapshot { revision: revision.unwrap_or(0), bytes, intact }))
}

pub(super) async fn auth(etcd: &mut Client, auth: &Auth<'_>) -> Response {
    let done = |header: Option<&ResponseHeader>| Ok(header.map(of_done));
    match auth {
        Auth::Login { user } => {
            etcd.update_user(Some((user.to_string(), PASSWORD.to_owned()))).await?;
            Ok(Some(Reply::Done { revision: 0 }))
        }
        Auth::Enable => done(etcd.auth_enable().await?.header()),
        Auth::Disable => done(etcd.auth_disable().await?.header()),
        Auth::AddUser { user } => done(etcd.user_add(user.to_string(), PASSWORD, None).await?.header()),
        Auth::DeleteUser { user } => done(etcd.user_delete(user.to_string()).await?.header()),
        Auth::AddRole { role } => done(etcd.role_add(role.to_string()).await?.header()),
        Auth::DeleteRole { role } => done(etcd.role_delete(role.to_string()).await?.header()),
        Auth::GrantRole { user, role } => {
            done(etcd.user_grant_role(user.to_string(), role.to_string()).await?.header())
        }
        Auth::RevokeRole { user, role } => {
            done(etcd.user_revoke_role(user.to_string(), role.to_string()).await?.header())
        }
        Auth::Allow { role, read, write, key, end } => {
            let kind = match (read, write) {
                (true, true) => PermissionType::Readwrite,
                (_, true) => PermissionType::Write,
                _ => PermissionType::Read,
            };
            let permission = Permission::new(kind, key.bytes());
            let permission = match end {
                Some(end) => permission.with_range_end(end.bytes()),
                None => permission,
            };
            done(etcd.role_grant_permission(role.to_string(), permission).await?.header())
        }
        Auth::Forbid { role, key, end } => {
            let options =
                end.as_ref().map(|end| RoleRevokePermissionOptions::new().with_range_end(end.bytes()));
            done(etcd.role_revoke_permission(role.to_string(), key.bytes(), options).await?.header())
        }
    }
}

/// Some members answer to what changes no data without telling any revision.
const BARE: Reply<'static> = Reply::Done { revision: 0 };

fn of_done(header: &ResponseHeader) -> Reply<'static> {
    Reply::Done { revision: header.revision() }
}

fn of_members(header: &ResponseHeader, members: &[etcd_client::Member]) -> Reply<'static> {
    let members = members.iter().map(|member| Member {
        id: member.id(),
        name: Blob::from(member.name().to_owned()),
        peers: member.peer_urls().iter().map(|url| Blob::from(url.clone())).collect(),
        learner: member.is_learner(),
    });
    Reply::Members { revision: header.revision(), members: members.collect() }
}

/// What is no request, or one with a life of its own.
pub(super) fn not_sent(call: &Call<'_>) -> etcd_client::Error {
    etcd_client::Error::InvalidArgs(format!("a `{}` is not sent by itself", call.name()))
}
