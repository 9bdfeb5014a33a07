//! Keys: puts, reads, deletes and transactions in the client library's words, and back.
//!
//! What is sent is what the history says, argument by argument; nothing is added.

use etcd_client::{
    Client, CompareOp, DeleteOptions, DeleteResponse, GetOptions, GetResponse, PutOptions, PutResponse,
    SortOrder, SortTarget, TxnOp, TxnOpResponse, TxnResponse,
};
use history::{
    Blob, Call, Compare, Comparison, Delete, KeyValue, Put, Range, Reply, Sort, SortBy, Target, Txn,
};

use super::Response;

pub(super) async fn put(etcd: &mut Client, put: &Put<'_>) -> Response {
    let response = etcd.put(put.key.bytes(), put.value.bytes(), Some(put_options(put))).await?;
    let revision = response.header().map(etcd_client::ResponseHeader::revision);
    Ok(revision.map(|revision| of_put(response, revision)))
}

pub(super) async fn range(etcd: &mut Client, range: &Range<'_>) -> Response {
    let response = etcd.get(range.key.bytes(), Some(get_options(range))).await?;
    let revision = response.header().map(etcd_client::ResponseHeader::revision);
    Ok(revision.map(|revision| of_range(response, revision)))
}

pub(super) async fn delete(etcd: &mut Client, delete: &Delete<'_>) -> Response {
    let response = etcd.delete(delete.key.bytes(), Some(delete_options(delete))).await?;
    let revision = response.header().map(etcd_client::ResponseHeader::revision);
    Ok(revision.map(|revision| of_delete(response, revision)))
}

pub(super) async fn txn(etcd: &mut Client, txn: &Txn<'_>) -> Response {
    let response = etcd.txn(transaction(txn)?).await?;
    let revision = response.header().map(etcd_client::ResponseHeader::revision);
    Ok(revision.map(|revision| of_txn(&response, revision)))
}

fn put_options(put: &Put<'_>) -> PutOptions {
    let mut options = PutOptions::new().with_lease(put.lease);
    if put.prev_kv {
        options = options.with_prev_key();
    }
    if put.ignore_value {
        options = options.with_ignore_value();
    }
    if put.ignore_lease {
        options = options.with_ignore_lease();
    }
    options
}

fn get_options(range: &Range<'_>) -> GetOptions {
    let mut options = GetOptions::new().with_limit(range.limit).with_revision(range.revision);
    if let Some(end) = &range.end {
        options = options.with_range(end.bytes());
    }
    if range.serializable {
        options = options.with_serializable();
    }
    if range.keys_only {
        options = options.with_keys_only();
    }
    if range.count_only {
        options = options.with_count_only();
    }
    if let Some(Sort { by, descending }) = range.sort {
        let target = match by {
            SortBy::Key => SortTarget::Key,
            SortBy::Value => SortTarget::Value,
            SortBy::Version => SortTarget::Version,
            SortBy::Create => SortTarget::Create,
            SortBy::Mod => SortTarget::Mod,
        };
        options = options.with_sort(target, if descending { SortOrder::Descend } else { SortOrder::Ascend });
    }
    options
}

fn delete_options(delete: &Delete<'_>) -> DeleteOptions {
    let mut options = DeleteOptions::new();
    if let Some(end) = &delete.end {
        options = options.with_range(end.bytes());
    }
    if delete.prev_kv {
        options = options.with_prev_key();
    }
    options
}

fn transaction(txn: &Txn<'_>) -> Result<etcd_client::Txn, etcd_client::Error> {
    let compares: Vec<etcd_client::Compare> = txn.compare.iter().map(compare).collect();
    let inner = |calls: &[Call<'_>]| calls.iter().map(operation).collect::<Result<Vec<TxnOp>, _>>();
    let sent = etcd_client::Txn::new().when(compares);
    Ok(sent.and_then(inner(&txn.success)?).or_else(inner(&txn.failure)?))
}

fn operation(call: &Call<'_>) -> Result<TxnOp, etcd_client::Error> {
    Ok(match call {
        Call::Put(put) => TxnOp::put(put.key.bytes(), put.value.bytes(), Some(put_options(put))),
        Call::Range(range) => TxnOp::get(range.key.bytes(), Some(get_options(range))),
        Call::Delete(delete) => TxnOp::delete(delete.key.bytes(), Some(delete_options(delete))),
        Call::Txn(txn) => TxnOp::txn(transaction(txn)?),
        other => {
            let message = format!("a transaction cannot have a `{}` in it", other.name());
            return Err(etcd_client::Error::InvalidArgs(message));
        }
    })
}

fn compare(compare: &Compare<'_>) -> etcd_client::Compare {
    let key = compare.key.bytes();
    let how = match compare.comparison {
        Comparison::Equal => CompareOp::Equal,
        Comparison::NotEqual => CompareOp::NotEqual,
        Comparison::Greater => CompareOp::Greater,
        Comparison::Less => CompareOp::Less,
    };
    let sent = match &compare.target {
        Target::Value(value) => etcd_client::Compare::value(key, how, value.bytes()),
        Target::Version(n) => etcd_client::Compare::version(key, how, *n),
        Target::Create(n) => etcd_client::Compare::create_revision(key, how, *n),
        Target::Mod(n) => etcd_client::Compare::mod_revision(key, how, *n),
        Target::Lease(n) => etcd_client::Compare::lease(key, how, *n),
    };
    match &compare.end {
        Some(end) => sent.with_range(end.bytes()),
        None => sent,
    }
}

/// Inside of a transaction only the outer revision counts, so the replies in it carry that.
fn of_put(mut response: PutResponse, revision: i64) -> Reply<'static> {
    Reply::Put { revision, prev: response.take_prev_key().map(key_value) }
}

fn of_range(mut response: GetResponse, revision: i64) -> Reply<'static> {
    let (count, more) = (response.count(), response.more());
    Reply::Range { revision, kvs: response.take_kvs().into_iter().map(key_value).collect(), count, more }
}

fn of_delete(mut response: DeleteResponse, revision: i64) -> Reply<'static> {
    let deleted = response.deleted();
    Reply::Delete { revision, deleted, prev: response.take_prev_kvs().into_iter().map(key_value).collect() }
}

fn of_txn(response: &TxnResponse, revision: i64) -> Reply<'static> {
    let replies = response.op_responses().into_iter().map(|inner| match inner {
        TxnOpResponse::Put(put) => of_put(put, revision),
        TxnOpResponse::Get(get) => of_range(get, revision),
        TxnOpResponse::Delete(delete) => of_delete(delete, revision),
        TxnOpResponse::Txn(txn) => of_txn(&txn, revision),
    });
    Reply::Txn { revision, succeeded: response.succeeded(), replies: replies.collect() }
}

/// A key-value as the store showed it.
pub(crate) fn key_value(kv: etcd_client::KeyValue) -> KeyValue<'static> {
    let (create_revision, mod_revision) = (kv.create_revision(), kv.mod_revision());
    let (version, lease) = (kv.version(), kv.lease());
    let (key, value) = kv.into_key_value();
    KeyValue { key: Blob::from(key), value: Blob::from(value), create_revision, mod_revision, version, lease }
}
