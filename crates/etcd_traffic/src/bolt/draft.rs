//! Small bbolt files for tests, laid down byte by byte as the format says; what is wrong with one, a test does to it.

use std::fs::File;
use std::io::Write as _;

pub(crate) const PAGE: usize = 1_024;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;

/// Keys with what belongs to them, in the order in which they are laid down.
pub(crate) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Pages 0 and 1 are the meta pages, page 2 is the root of the file.
pub(crate) struct Draft {
    pub(crate) bytes: Vec<u8>,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; 3 * PAGE] }
    }

    /// The number of the next page.
    pub(crate) fn next(&self) -> u64 {
        (self.bytes.len() / PAGE) as u64
    }

    /// A leaf of these keys, over as many pages as it takes; its first page.
    pub(crate) fn leaf(&mut self, entries: &Entries) -> u64 {
        let id = self.next();
        let mut page = leaf(id, entries, 0);
        page.resize(page.len().next_multiple_of(PAGE), 0);
        let over = (page.len() / PAGE - 1) as u32;
        page[12..16].copy_from_slice(&over.to_le_bytes());
        self.bytes.extend(page);
        id
    }

    pub(crate) fn branch(&mut self, children: &[(&[u8], u64)]) -> u64 {
        let id = self.next();
        let mut page = header(id, BRANCH, children.len());
        let mut keys = Vec::new();
        for (n, (key, child)) in children.iter().enumerate() {
            let pos = (children.len() - n) * 16 + keys.len();
            page.extend((pos as u32).to_le_bytes());
            page.extend((key.len() as u32).to_le_bytes());
            page.extend(child.to_le_bytes());
            keys.extend_from_slice(key);
        }
        page.extend(keys);
        page.resize(PAGE, 0);
        self.bytes.extend(page);
        id
    }

    /// The root with these buckets, and both meta pages, the second of the later transaction.
    pub(crate) fn close(mut self, buckets: &Entries) -> Self {
        let root = leaf(2, buckets, 1);
        self.bytes[2 * PAGE..2 * PAGE + root.len()].copy_from_slice(&root);
        for (page, transaction) in [(0, 7), (1, 8)] {
            let next = self.next();
            self.meta(page, 2, 2, next, transaction);
        }
        self
    }

    pub(crate) fn meta(&mut self, page: usize, version: u32, root: u64, pages: u64, transaction: u64) {
        let mut meta = header(page as u64, 4, 0);
        for number in [0xed0c_daed, version, PAGE as u32, 0] {
            meta.extend(number.to_le_bytes());
        }
        for number in [root, 0, 2, pages, transaction] {
            meta.extend(number.to_le_bytes());
        }
        meta.extend(super::fnv(&meta[16..]).to_le_bytes());
        self.bytes[page * PAGE..page * PAGE + meta.len()].copy_from_slice(&meta);
    }

    pub(crate) fn file(&self) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&self.bytes).unwrap();
        file
    }
}

/// What is said of a bucket whose keys are below this page.
pub(crate) fn bucket(root: u64) -> Vec<u8> {
    [root.to_le_bytes(), 0_u64.to_le_bytes()].concat()
}

/// What is said of a bucket whose keys are right there.
pub(crate) fn inline(entries: &Entries) -> Vec<u8> {
    [bucket(0), leaf(0, entries, 0)].concat()
}

fn header(id: u64, kind: u16, count: usize) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(kind.to_le_bytes());
    page.extend((count as u16).to_le_bytes());
    page.extend(0_u32.to_le_bytes());
    page
}

fn leaf(id: u64, entries: &Entries, flags: u32) -> Vec<u8> {
    let mut page = header(id, LEAF, entries.len());
    let mut data = Vec::new();
    for (n, (key, value)) in entries.iter().enumerate() {
        let pos = (entries.len() - n) * 16 + data.len();
        for number in [flags, pos as u32, key.len() as u32, value.len() as u32] {
            page.extend(number.to_le_bytes());
        }
        data.extend_from_slice(key);
        data.extend_from_slice(value);
    }
    page.extend(data);
    page
}
