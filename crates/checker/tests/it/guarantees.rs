//! The promises, against histories that an etcd makes, and against the same with one thing wrong.

#[path = "guarantees/broken.rs"]
mod broken;
#[path = "guarantees/kept.rs"]
mod kept;
#[path = "guarantees/leases.rs"]
mod leases;
#[path = "guarantees/locks.rs"]
mod locks;
#[path = "guarantees/watchers.rs"]
mod watchers;
#[path = "guarantees/world.rs"]
mod world;

use crate::etcd::generate::Random;
use crate::etcd::model::Etcd;
