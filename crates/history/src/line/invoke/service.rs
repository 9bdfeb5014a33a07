//! Calls that are about the cluster and its users rather than about keys.

use super::InvokeLine;
use crate::line::ParseLineError;
use crate::{Auth, Blob, Call, Cluster};

impl<'a> InvokeLine<'a> {
    pub(super) fn cluster(self, cluster: &'a Cluster<'a>) -> Self {
        let borrow_all = |peers: &'a [Blob<'a>]| peers.iter().map(Blob::borrow).collect();
        match cluster {
            Cluster::Members | Cluster::Alarms | Cluster::Defragment | Cluster::Snapshot => self,
            Cluster::Add { peers, learner } => Self { peers: borrow_all(peers), learner: *learner, ..self },
            Cluster::Update { id, peers } => Self { id: *id, peers: borrow_all(peers), ..self },
            Cluster::Remove { id } | Cluster::Promote { id } | Cluster::MoveLeader { id } => {
                Self { id: *id, ..self }
            }
            Cluster::Raise { id, alarm } | Cluster::Disarm { id, alarm } => {
                Self { id: *id, alarm: Some(*alarm), ..self }
            }
        }
    }

    pub(super) fn auth(self, auth: &'a Auth<'a>) -> Self {
        match auth {
            Auth::Enable | Auth::Disable => self,
            Auth::Login { user } | Auth::AddUser { user } | Auth::DeleteUser { user } => {
                Self { user: Some(user.borrow()), ..self }
            }
            Auth::AddRole { role } | Auth::DeleteRole { role } => Self { role: Some(role.borrow()), ..self },
            Auth::GrantRole { user, role } | Auth::RevokeRole { user, role } => {
                Self { user: Some(user.borrow()), role: Some(role.borrow()), ..self }
            }
            Auth::Allow { role, read, write, key, end } => Self {
                role: Some(role.borrow()),
                read: *read,
                write: *write,
                k: Some(key.borrow()),
                end: end.as_ref().map(Blob::borrow),
                ..self
            },
            Auth::Forbid { role, key, end } => Self {
                role: Some(role.borrow()),
                k: Some(key.borrow()),
                end: end.as_ref().map(Blob::borrow),
                ..self
            },
        }
    }

    pub(super) fn into_service(self) -> Result<Call<'a>, ParseLineError> {
        let user = |user: Option<Blob<'a>>| user.ok_or(ParseLineError::Missing("user"));
        let role = |role: Option<Blob<'a>>| role.ok_or(ParseLineError::Missing("role"));
        let key = |key: Option<Blob<'a>>| key.ok_or(ParseLineError::Missing("k"));
        Ok(match &*self.f {
            "members" => Call::Cluster(Cluster::Members),
            "add-member" => Call::Cluster(Cluster::Add { peers: self.peers, learner: self.learner }),
            "remove-member" => Call::Cluster(Cluster::Remove { id: self.id }),
            "promote-member" => Call::Cluster(Cluster::Promote { id: self.id }),
            "update-member" => Call::Cluster(Cluster::Update { id: self.id, peers: self.peers }),
            "move-leader" => Call::Cluster(Cluster::MoveLeader { id: self.id }),
            "alarms" => Call::Cluster(Cluster::Alarms),
            "raise" => Call::Cluster(Cluster::Raise {
                id: self.id,
                alarm: self.alarm.ok_or(ParseLineError::Missing("alarm"))?,
            }),
            "disarm" => Call::Cluster(Cluster::Disarm {
                id: self.id,
                alarm: self.alarm.ok_or(ParseLineError::Missing("alarm"))?,
            }),
            "defragment" => Call::Cluster(Cluster::Defragment),
            "snapshot" => Call::Cluster(Cluster::Snapshot),
            "login" => Call::Auth(Auth::Login { user: user(self.user)? }),
            "auth-enable" => Call::Auth(Auth::Enable),
            "auth-disable" => Call::Auth(Auth::Disable),
            "add-user" => Call::Auth(Auth::AddUser { user: user(self.user)? }),
            "delete-user" => Call::Auth(Auth::DeleteUser { user: user(self.user)? }),
            "add-role" => Call::Auth(Auth::AddRole { role: role(self.role)? }),
            "delete-role" => Call::Auth(Auth::DeleteRole { role: role(self.role)? }),
            "grant-role" => Call::Auth(Auth::GrantRole { user: user(self.user)?, role: role(self.role)? }),
            "revoke-role" => Call::Auth(Auth::RevokeRole { user: user(self.user)?, role: role(self.role)? }),
            "allow" => Call::Auth(Auth::Allow {
                role: role(self.role)?,
                read: self.read,
                write: self.write,
                key: key(self.k)?,
                end: self.end,
            }),
            "forbid" => Call::Auth(Auth::Forbid { role: role(self.role)?, key: key(self.k)?, end: self.end }),
            other => return Err(ParseLineError::UnknownCall(other.to_owned())),
        })
    }
}
