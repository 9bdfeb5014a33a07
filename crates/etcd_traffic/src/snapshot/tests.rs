//! Snapshots with revisions of every kind, and what differs between them and a store.

use super::*;
use crate::bolt::draft::{Draft, Entries, bucket, inline};

/// What a record is kept under.
fn at(main: i64, sub: i64, mark: &str) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes(), mark.as_bytes()].concat()
}

fn kv(key: &str, value: &str, created: i64, modified: i64, version: i64) -> KeyValue<'static> {
    KeyValue {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        create_revision: created,
        mod_revision: modified,
        version,
        lease: 0,
    }
}

fn put(kv: &KeyValue<'_>, sub: i64) -> (Vec<u8>, Vec<u8>) {
    let record = Record {
        key: kv.key.bytes().to_vec(),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value.bytes().to_vec(),
        lease: kv.lease,
    };
    (at(kv.mod_revision, sub, ""), record.encode_to_vec())
}

fn delete(key: &str, main: i64, sub: i64) -> (Vec<u8>, Vec<u8>) {
    (at(main, sub, "t"), Record { key: key.into(), ..Record::default() }.encode_to_vec())
}

/// A snapshot with these records, all in one leaf, and a compaction that was begun.
fn snapshot(records: &Entries, compacted: Option<i64>) -> Result<Contents, SnapshotError> {
    let mut draft = Draft::new();
    let leaf = draft.leaf(records);
    let mut meta: Entries = vec![(b"consistent_index".to_vec(), vec![9; 8])];
    meta.extend(compacted.map(|revision| (b"scheduledCompactRev".to_vec(), at(revision, 0, ""))));
    let buckets = vec![(b"key".to_vec(), bucket(leaf)), (b"meta".to_vec(), inline(&meta))];
    Contents::read(&draft.close(&buckets).file())
}

/// Some history: a put twice, a put and deleted, one transaction of two puts, a key with a lease.
fn some() -> (Entries, Vec<KeyValue<'static>>) {
    let (a, c, d) = (kv("a", "2", 2, 4, 2), kv("c", "1", 5, 5, 1), kv("d", "1", 5, 5, 1));
    let e = KeyValue { lease: 7, ..kv("e", "", 6, 6, 1) };
    let records = vec![
        put(&kv("a", "1", 2, 2, 1), 0),
        put(&kv("b", "1", 3, 3, 1), 0),
        put(&a, 0),
        put(&c, 0),
        put(&d, 1),
        put(&e, 0),
        delete("b", 7, 0),
    ];
    (records, vec![a, c, d, e])
}

#[test]
fn the_last_record_of_each_key_counts() {
    let (records, shown) = some();
    let contents = snapshot(&records, None).unwrap();
    assert_eq!((contents.revision, contents.len(), contents.bytes()), (7, 4, 7));
    let page = contents.page(b"\0");
    assert_eq!((page.limit(), page.next(), page.apart(&shown)), (5, None, None));
    // The deletion is gone with a compaction, and its revision is not.
    let contents = snapshot(&records[2..6].to_vec(), Some(7)).unwrap();
    assert_eq!(contents.revision, 7);
    assert_eq!(contents.page(b"\0").apart(&shown), None);
    assert_eq!(snapshot(&records, Some(3)).unwrap().revision, 7);

    let nothing = snapshot(&Entries::new(), None).unwrap();
    assert_eq!((nothing.revision, nothing.len(), nothing.page(b"\0").limit()), (1, 0, 1));
    // A store that was restored with a higher revision.
    let raised = snapshot(&vec![put(&shown[0], 0), (at(1_000, 0, ""), Vec::new())], None).unwrap();
    assert_eq!((raised.revision, raised.len()), (1_000, 1));
}

#[test]
fn any_difference_between_a_snapshot_and_its_store_is_seen() {
    let (records, shown) = some();
    let contents = snapshot(&records, None).unwrap();
    let apart = |edit: &dyn Fn(&mut Vec<KeyValue<'static>>)| {
        let mut shown = shown.clone();
        edit(&mut shown);
        contents.page(b"\0").apart(&shown).unwrap()
    };
    let value = apart(&|shown| shown[0].value = "3".into());
    assert!(value.starts_with("key a: the snapshot holds 1 bytes ("), "{value}");
    assert!(
        apart(&|shown| shown[0].mod_revision = 2)
            .contains("of revision 4, version 2 since 2, lease 0, the store")
    );
    assert!(apart(&|shown| shown[1].version = 2).starts_with("key c"));
    assert!(apart(&|shown| shown[2].create_revision = 4).starts_with("key d"));
    assert!(apart(&|shown| shown[3].lease = 0).starts_with("key e"));
    // One half of a transaction.
    let torn = apart(&|shown| drop(shown.remove(2)));
    assert!(torn.starts_with("key d") && torn.ends_with("the store nothing"), "{torn}");
    let torn = snapshot(&[&records[..3], &records[4..]].concat(), None).unwrap();
    let torn = torn.page(b"\0").apart(&shown).unwrap();
    assert!(torn.starts_with("key c: the snapshot holds nothing, the store 1 bytes"), "{torn}");
    assert!(
        apart(&|shown| shown.push(kv("z", "", 7, 7, 1))).starts_with("key z: the snapshot holds nothing")
    );
    assert!(apart(&|shown| shown.clear()).ends_with("the store nothing"));
}

#[test]
fn many_keys_are_compared_page_by_page() {
    let kvs: Vec<_> = (0..2_500).map(|n| kv(&format!("k{n:04}"), "v", n + 2, n + 2, 1)).collect();
    let mut draft = Draft::new();
    let leaves: Vec<(Vec<u8>, u64)> = kvs
        .chunks(100)
        .map(|some| {
            let records: Entries = some.iter().map(|kv| put(kv, 0)).collect();
            (records[0].0.clone(), draft.leaf(&records))
        })
        .collect();
    let children: Vec<(&[u8], u64)> = leaves.iter().map(|(key, leaf)| (&key[..], *leaf)).collect();
    let branch = draft.branch(&children);
    let contents = Contents::read(&draft.close(&vec![(b"key".to_vec(), bucket(branch))]).file()).unwrap();
    assert_eq!((contents.len(), contents.revision), (2_500, 2_501));

    let (mut from, mut seen, mut pages) = (vec![0], 0, Vec::new());
    loop {
        let page = contents.page(&from);
        let limit = usize::try_from(page.limit()).unwrap();
        let shown = &kvs[seen..(seen + limit).min(kvs.len())];
        assert_eq!(page.apart(shown), None);
        pages.push(limit);
        seen += shown.len();
        let Some(next) = page.next() else { break };
        from = next;
    }
    assert_eq!((seen, pages), (2_500, vec![1_000, 1_000, 501]));
    assert_eq!((contents.key(7), contents.key(2_500)), (Some(&b"k0007"[..]), None));
    assert_eq!((contents.page(b"k2499").len(), contents.page(b"k2498").bytes), (1, 12));
    assert!(contents.page(b"k1000").apart(&kvs[1_000..1_999]).unwrap().starts_with("key k1999"));
}

#[test]
fn what_no_etcd_writes_is_damage() {
    let wrong = |key: Vec<u8>, value: Vec<u8>| {
        let error = snapshot(&vec![(key, value)], None).unwrap_err();
        assert!(error.is_damage(), "{error}");
        error.to_string()
    };
    assert_eq!(wrong(b"\0\0".to_vec(), Vec::new()), r"record \x00\x00 has no revision for a key");
    assert!(wrong(at(2, 0, "x"), Vec::new()).ends_with("has no revision for a key"));
    assert!(wrong(at(-2, 0, ""), Vec::new()).ends_with("has no revision for a key"));
    assert!(wrong(at(2, 0, ""), vec![0xff; 9]).ends_with("is no key-value"));
    let none = Contents::read(&Draft::new().close(&Entries::new()).file()).unwrap_err();
    assert!(none.is_damage() && none.to_string() == "there is no bucket `key`");
    let cut = vec![(b"key".to_vec(), bucket(77))];
    assert!(Contents::read(&Draft::new().close(&cut).file()).unwrap_err().is_damage());
}
