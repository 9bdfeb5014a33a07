//! Reads bbolt's file format, in which etcd keeps its data: the keys of one bucket, in their order, page by page.
//!
//! A file may be damaged in any way. What it says of itself is looked at before it is believed, so that nothing panics, goes
//! on for ever, or takes memory without a bound. It must not know what the keys mean, and never writes.

#[cfg(test)]
pub(crate) mod draft;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use thiserror::Error;

const MAGIC: u32 = 0xed0c_daed;
const VERSION: u32 = 2;
/// Bytes of a page's header, of an element's, and of what a bucket says of itself.
const HEADER: usize = 16;
/// Bytes of what a meta page says, its checksum at the end.
const META: usize = 64;
/// What a page's flags make of it.
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// The flag of an element of a leaf whose value is a bucket.
const BUCKET: u32 = 1;
/// Pages 0 and 1 are the meta pages.
const FIRST_PAGE: u64 = 2;
/// As many bytes as a page can have.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 9..=16;
/// Each level has many pages for one of the level above, so no tree that fits on a disk is so deep.
const DEPTH_MAX: usize = 32;
/// Of a branch all children are remembered while they are read. With short keys it is one page long.
const BRANCH_BYTES_MAX: u64 = 1 << 20;
/// A leaf of four keys or less is not split however long they are, and etcd takes requests of 1.5 MiB unless it is told
/// otherwise.
const LEAF_BYTES_MAX: u64 = 8 << 20;

/// A file cannot be read.
#[derive(Debug, Error)]
pub(crate) enum BoltError {
    /// The system says so.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It may well be right, but nobody here knows.
    #[error("version {0} of the format is not known here")]
    Version(u32),
    /// It may be right, but is more than is held in memory.
    #[error("page {page} of {bytes} bytes is longer than any that is read here")]
    TooLong {
        /// The page.
        page: u64,
        /// Its length.
        bytes: u64,
    },
    /// It contradicts the format or itself.
    #[error("page {page} {what}")]
    Damaged {
        /// The page.
        page: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

fn damaged(page: u64, what: &'static str) -> BoltError {
    BoltError::Damaged { page, what }
}

/// What is done with a key and its value.
pub(crate) type Take<'t, E> = dyn FnMut(&[u8], &[u8]) -> Result<(), E> + 't;

type TakeElement<'t, E> = dyn FnMut(Element<'_>) -> Result<(), E> + 't;

/// A file as its last transaction left it.
#[derive(Debug)]
pub(crate) struct Bolt<'f> {
    file: &'f File,
    page_bytes: u64,
    /// Pages from here on are in nobody's use.
    pages: u64,
    root: u64,
}

impl<'f> Bolt<'f> {
    /// Reads the meta pages.
    pub(crate) fn open(file: &'f File) -> Result<Self, BoltError> {
        let bytes = file.metadata()?.len();
        let Meta { page_bytes, root, pages, .. } = Meta::latest(file, bytes)?;
        if pages > bytes / page_bytes {
            return Err(damaged(pages, "is in use and behind the end of the file"));
        }
        Ok(Self { file, page_bytes, pages, root })
    }

    /// Gives every key of the bucket `name` with its value to `take`, in the order of keys; buckets in it are left out.
    /// Whether there is such a bucket.
    pub(crate) fn bucket<E: From<BoltError>>(&self, name: &[u8], take: &mut Take<'_, E>) -> Result<bool, E> {
        let mut found = None;
        self.walk(self.root, &mut |element| {
            if element.key == name {
                found = element.bucket.then(|| element.value.to_vec());
            }
            Ok::<(), BoltError>(())
        })?;
        let Some(found) = found else { return Ok(false) };
        let no_bucket = || damaged(self.root, "has a bucket that is cut off");
        let root = u64_at(&found, 0).filter(|_| found.len() >= HEADER).ok_or_else(no_bucket)?;
        let mut keys =
            |element: Element<'_>| if element.bucket { Ok(()) } else { take(element.key, element.value) };
        if root == 0 {
            // So small that its only page is its value.
            let page = Page { id: self.root, bytes: found[HEADER..].to_vec() };
            let header = page.header().ok_or_else(no_bucket)?;
            if header.kind != LEAF {
                return Err(damaged(self.root, "has a bucket in it that is no leaf").into());
            }
            page.elements(header.count, &mut Walk::of(self.pages), &mut keys)?;
        } else {
            self.walk(root, &mut keys)?;
        }
        Ok(true)
    }

    fn walk<E: From<BoltError>>(&self, root: u64, take: &mut TakeElement<'_, E>) -> Result<(), E> {
        self.descend(root, 0, &mut Walk::of(self.pages), take)
    }

    fn descend<E: From<BoltError>>(
        &self,
        id: u64,
        depth: usize,
        walk: &mut Walk,
        take: &mut TakeElement<'_, E>,
    ) -> Result<(), E> {
        let (page, header) = self.page(id, walk)?;
        if header.kind == LEAF {
            return page.elements(header.count, walk, take);
        }
        if depth == DEPTH_MAX {
            return Err(damaged(id, "lies deeper than any tree reaches").into());
        }
        let children = page.children(header.count)?;
        // Only one long page is in memory at a time.
        drop(page);
        for child in children {
            self.descend(child, depth + 1, walk, take)?;
        }
        Ok(())
    }

    /// A branch or a leaf, with all pages that it runs over to.
    fn page(&self, id: u64, walk: &mut Walk) -> Result<(Page, Header), BoltError> {
        if !(FIRST_PAGE..self.pages).contains(&id) {
            return Err(damaged(id, "is asked for and not in use"));
        }
        let at = id * self.page_bytes;
        let mut page = Page { id, bytes: vec![0; HEADER] };
        self.file.read_exact_at(&mut page.bytes, at)?;
        let header = page.header().ok_or_else(|| damaged(id, "has no header"))?;
        if header.id != id {
            return Err(damaged(id, "says that it is another one"));
        }
        let most = match header.kind {
            BRANCH => BRANCH_BYTES_MAX,
            LEAF => LEAF_BYTES_MAX,
            _ => return Err(damaged(id, "is neither a branch nor a leaf")),
        };
        if header.pages > self.pages - id {
            return Err(damaged(id, "runs over the end of the file"));
        }
        // A tree that comes back to itself ends here, too.
        let left = walk.pages_left.checked_sub(header.pages);
        walk.pages_left = left.ok_or_else(|| damaged(id, "is one more than the file has"))?;
        let bytes = header.pages * self.page_bytes;
        if bytes > most {
            return Err(BoltError::TooLong { page: id, bytes });
        }
        page.bytes.resize(usize::try_from(bytes).unwrap_or(0), 0);
        self.file.read_exact_at(&mut page.bytes, at)?;
        Ok((page, header))
    }
}

/// How far a walk through one tree has come.
struct Walk {
    pages_left: u64,
    last: Vec<u8>,
}

impl Walk {
    fn of(pages: u64) -> Self {
        Self { pages_left: pages, last: Vec::new() }
    }
}

struct Page {
    id: u64,
    bytes: Vec<u8>,
}

struct Header {
    id: u64,
    kind: u16,
    count: usize,
    /// This page and those that it runs over to.
    pages: u64,
}

/// One key of a leaf.
struct Element<'p> {
    bucket: bool,
    key: &'p [u8],
    value: &'p [u8],
}

impl Page {
    fn header(&self) -> Option<Header> {
        let bytes = &self.bytes;
        let (kind, count) = (u16_at(bytes, 8)?, u16_at(bytes, 10)?);
        let pages = 1 + u64::from(u32_at(bytes, 12)?);
        Some(Header { id: u64_at(bytes, 0)?, kind, count: count.into(), pages })
    }

    fn children(&self, count: usize) -> Result<Vec<u64>, BoltError> {
        if count == 0 {
            return Err(damaged(self.id, "is a branch without children"));
        }
        let child = |n| u64_at(&self.bytes, HEADER + n * HEADER + 8);
        let children: Option<Vec<u64>> = (0..count).map(child).collect();
        children.ok_or_else(|| damaged(self.id, "has more children than it is long"))
    }

    fn elements<E: From<BoltError>>(
        &self,
        count: usize,
        walk: &mut Walk,
        take: &mut TakeElement<'_, E>,
    ) -> Result<(), E> {
        for n in 0..count {
            let element = self.element(n).ok_or_else(|| damaged(self.id, "has a key that is cut off"))?;
            // An empty key is kept by nobody, so the first key is behind it, too.
            if element.key <= &walk.last[..] {
                return Err(damaged(self.id, "has keys that are not in order").into());
            }
            walk.last.clear();
            walk.last.extend_from_slice(element.key);
            take(element)?;
        }
        Ok(())
    }

    fn element(&self, n: usize) -> Option<Element<'_>> {
        let at = HEADER + n * HEADER;
        let number = |field| u32_at(&self.bytes, at + field).map(|number| number as usize);
        let key = at.checked_add(number(4)?)?;
        let value = key.checked_add(number(8)?)?;
        let end = value.checked_add(number(12)?)?;
        let bucket = u32_at(&self.bytes, at)? & BUCKET != 0;
        Some(Element { bucket, key: self.bytes.get(key..value)?, value: self.bytes.get(value..end)? })
    }
}

/// What a meta page says.
struct Meta {
    page_bytes: u64,
    root: u64,
    pages: u64,
    transaction: u64,
}

impl Meta {
    /// The one of the later transaction, of those that are whole.
    fn latest(file: &File, bytes: u64) -> Result<Self, BoltError> {
        let first = Self::read(file, bytes, 0)?;
        let mut metas: Vec<Self> = Vec::new();
        // Where the first does not say how long pages are, the second is at one of these places.
        for size in PAGE_SIZES.map(|bits| 1_u64 << bits) {
            if first.as_ref().is_none_or(|first| first.page_bytes == size)
                && let Some(second) = Self::read(file, bytes, size)?
                && second.page_bytes == size
            {
                metas.push(second);
            }
        }
        metas.extend(first);
        let latest = metas.into_iter().max_by_key(|meta| meta.transaction);
        latest.ok_or_else(|| damaged(0, "and page 1 are no whole meta pages"))
    }

    /// `None` where there is no whole one.
    fn read(file: &File, bytes: u64, at: u64) -> Result<Option<Self>, BoltError> {
        let mut meta = [0; META];
        let at = at + HEADER as u64;
        if bytes < at + META as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut meta, at)?;
        let (short, long) = (|field| u32_at(&meta, field), |field| u64_at(&meta, field));
        if short(0) != Some(MAGIC) || long(META - 8) != Some(fnv(&meta[..META - 8])) {
            return Ok(None);
        }
        if let Some(version) = short(4).filter(|version| *version != VERSION) {
            return Err(BoltError::Version(version));
        }
        let page_bytes =
            short(8).filter(|size| PAGE_SIZES.contains(&size.trailing_zeros()) && size.is_power_of_two());
        let fields = (page_bytes, long(16), long(40), long(48));
        let (Some(page_bytes), Some(root), Some(pages), Some(transaction)) = fields else { return Ok(None) };
        Ok(Some(Self { page_bytes: page_bytes.into(), root, pages, transaction }))
    }
}

/// The checksum of a meta page: FNV-1a, of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|number| u16::from_le_bytes(*number))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|number| u64::from_le_bytes(*number))
}
