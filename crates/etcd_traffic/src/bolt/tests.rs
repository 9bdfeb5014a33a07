//! Files of every shape, and files that are damaged in every way.

use super::draft::{Draft, Entries, PAGE, bucket, inline};
use super::*;

fn entries(of: &[(&str, &str)]) -> Entries {
    of.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// What is in the bucket `b`; `None` where there is none.
fn read(draft: &Draft) -> Result<Option<Entries>, BoltError> {
    let file = draft.file();
    let mut found = Entries::new();
    let there = Bolt::open(&file)?.bucket(b"b", &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        Ok::<(), BoltError>(())
    })?;
    Ok(there.then_some(found))
}

fn wrong(draft: &Draft) -> String {
    read(draft).unwrap_err().to_string()
}

/// A bucket with two leaves below a branch, and a value of several pages. The branch is page 7.
fn tree() -> Draft {
    let mut draft = Draft::new();
    let one = draft.leaf(&entries(&[("a", "1"), ("b", "2")]));
    let long = "x".repeat(2 * PAGE);
    let other = draft.leaf(&entries(&[("c", &long)]));
    let branch = draft.branch(&[(b"a", one), (b"c", other)]);
    assert_eq!((one, other, branch), (3, 4, 7));
    draft.close(&vec![(b"b".to_vec(), bucket(branch))])
}

#[test]
fn trees_inline_buckets_and_long_values_are_read_in_order() {
    let found = read(&tree()).unwrap().unwrap();
    let keys: Vec<&[u8]> = found.iter().map(|(key, _)| &key[..]).collect();
    assert_eq!(keys, [b"a", b"b", b"c"]);
    assert_eq!((found[1].1.len(), found[2].1.len()), (1, 2 * PAGE));

    let small = entries(&[("a", "1"), ("b", "2")]);
    let others = [(b"a".to_vec(), bucket(2)), (b"b".to_vec(), inline(&small)), (b"c".to_vec(), bucket(2))];
    let draft = Draft::new().close(&others.to_vec());
    assert_eq!(read(&draft).unwrap().unwrap(), small);
    let empty = Draft::new().close(&vec![(b"b".to_vec(), inline(&Entries::new()))]);
    assert_eq!(read(&empty).unwrap(), Some(Entries::new()));
    assert_eq!(read(&Draft::new().close(&Entries::new())).unwrap(), None);
}

#[test]
fn the_whole_meta_page_of_the_later_transaction_counts() {
    // Page 2 of the earlier one is damaged, and nobody asks for it.
    let mut draft = tree();
    let next = draft.next();
    let mut root = draft.bytes[2 * PAGE..3 * PAGE].to_vec();
    root[..8].copy_from_slice(&next.to_le_bytes());
    draft.bytes.extend(root);
    draft.bytes[2 * PAGE..3 * PAGE].fill(0xff);
    draft.meta(1, VERSION, next, next + 1, 9);
    assert_eq!(read(&draft).unwrap().unwrap().len(), 3);
    draft.meta(0, VERSION, 2, next, 10);
    assert_eq!(wrong(&draft), "page 2 says that it is another one");
    // A torn one does not count, wherever it is.
    draft.bytes[20] ^= 1;
    assert_eq!(read(&draft).unwrap().unwrap().len(), 3);
    draft.bytes[PAGE + 70] ^= 1;
    assert_eq!(wrong(&draft), "page 0 and page 1 are no whole meta pages");
    draft.meta(0, 3, 2, next, 10);
    assert!(matches!(read(&draft), Err(BoltError::Version(3))));
}

#[test]
fn what_a_damaged_file_says_is_not_believed() {
    let edited = |edit: &dyn Fn(&mut Draft)| {
        let mut draft = tree();
        edit(&mut draft);
        wrong(&draft)
    };
    let set = |draft: &mut Draft, page: usize, at: usize, bytes: &[u8]| {
        draft.bytes[page * PAGE + at..][..bytes.len()].copy_from_slice(bytes);
    };
    let kind = edited(&|draft| set(draft, 3, 8, &[16, 0]));
    assert_eq!(kind, "page 3 is neither a branch nor a leaf");
    assert_eq!(edited(&|draft| set(draft, 4, 12, &[0xff; 4])), "page 4 runs over the end of the file");
    // What is behind its last element is none.
    assert_eq!(edited(&|draft| set(draft, 3, 10, &[0xff; 2])), "page 3 has keys that are not in order");
    assert_eq!(edited(&|draft| set(draft, 4, 28, &[0xff; 4])), "page 4 has a key that is cut off");
    assert_eq!(edited(&|draft| set(draft, 7, 10, &[0xff; 2])), "page 7 has more children than it is long");
    assert_eq!(edited(&|draft| set(draft, 7, 10, &[0; 2])), "page 7 is a branch without children");
    let far = edited(&|draft| set(draft, 7, 24, &[0xff; 8]));
    assert_eq!(far, format!("page {} is asked for and not in use", u64::MAX));
    assert_eq!(edited(&|draft| set(draft, 7, 24, &[1])), "page 1 is asked for and not in use");
    // The first child twice, and the branch below itself.
    assert_eq!(edited(&|draft| set(draft, 7, 40, &[3])), "page 3 has keys that are not in order");
    let turned = edited(&|draft| set(draft, 7, 24, &[7]));
    assert_eq!(turned, "page 7 is one more than the file has");
    assert!(edited(&|draft| draft.bytes.truncate(7 * PAGE)).ends_with("behind the end of the file"));
    assert_eq!(edited(&|draft| draft.bytes.clear()), "page 0 and page 1 are no whole meta pages");
    // The bucket's own words are behind one element of the root and its key.
    let cut = Draft::new().close(&vec![(b"b".to_vec(), vec![0; 9])]);
    assert_eq!(wrong(&cut), "page 2 has a bucket that is cut off");
    let cut = Draft::new().close(&vec![(b"b".to_vec(), bucket(0))]);
    assert_eq!(wrong(&cut), "page 2 has a bucket that is cut off");
}

#[test]
fn a_tree_without_end_ends() {
    // Each branch has the next one many times: followed to its end it would take longer than anybody waits.
    let mut draft = Draft::new();
    for id in 3..40 {
        draft.branch(&[(&b"k"[..], id + 1); 50]);
    }
    draft.leaf(&Entries::new());
    let draft = draft.close(&vec![(b"b".to_vec(), bucket(3))]);
    assert_eq!(wrong(&draft), "page 35 lies deeper than any tree reaches");
    let mut draft = Draft::new();
    for id in 3..20 {
        draft.branch(&[(&b"k"[..], id + 1); 50]);
    }
    draft.leaf(&Entries::new());
    let draft = draft.close(&vec![(b"b".to_vec(), bucket(3))]);
    assert_eq!(wrong(&draft), "page 20 is one more than the file has");
}

#[test]
fn no_byte_that_is_changed_makes_it_panic() {
    let whole = tree();
    let used = (0..whole.bytes.len()).filter(|at| at % PAGE < 100);
    for at in used {
        for flip in [1, 0x80, 0xff] {
            let mut draft = Draft { bytes: whole.bytes.clone() };
            draft.bytes[at] ^= flip;
            read(&draft).ok();
        }
    }
}
