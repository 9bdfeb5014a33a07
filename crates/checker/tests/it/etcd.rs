//! The revisions engine against generated histories, against brute force, and against histories made wrong.

#[path = "etcd/attack.rs"]
mod attack;
#[path = "etcd/edited.rs"]
mod edited;
#[path = "etcd/evidence.rs"]
mod evidence;
#[path = "etcd/generate.rs"]
pub(super) mod generate;
#[path = "etcd/generated.rs"]
mod generated;
#[path = "etcd/held.rs"]
mod held;
#[path = "etcd/model.rs"]
pub(super) mod model;
#[path = "etcd/oracle.rs"]
mod oracle;
#[path = "etcd/recipe.rs"]
mod recipe;
#[path = "etcd/record.rs"]
mod record;
#[path = "etcd/rules.rs"]
mod rules;
#[path = "etcd/scanned.rs"]
mod scanned;
#[path = "etcd/services.rs"]
mod services;
#[path = "etcd/single.rs"]
mod single;
#[path = "etcd/strangers.rs"]
mod strangers;
#[path = "etcd/strict.rs"]
mod strict;
#[path = "etcd/tape.rs"]
mod tape;
