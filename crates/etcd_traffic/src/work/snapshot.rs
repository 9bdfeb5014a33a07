//! A snapshot of a member: whether it is whole, and whether it holds what the member shows at the snapshot's revision.
//!
//! Where the member does not show that any more, nothing is said about it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use history::{Call, Cluster, Range, Reply, WriteError, clock};

use super::maintain::WHOLE_FILE;
use super::{BYTES_MAX, Report, Site};
use crate::client::Client;
use crate::draw::Draw;
use crate::snapshot::Contents;

/// All that is read to be compared is in the history, which is to stay small. Of a larger store a part is compared.
const KEYS_READ_MAX: usize = 20_000;
const BYTES_READ_MAX: usize = BYTES_MAX;
/// Larger ones are not kept, as the disk is not ours alone.
const COPY_BYTES_MAX: u64 = 128 << 20;

pub(super) async fn snapshot<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    site.pause().await;
    let mut copy = Copy::begin(&site.session.config().dir);
    let answer = client.snapshot(WHOLE_FILE, &mut |part| copy.write(part)).await?;
    site.count(&Call::Cluster(Cluster::Snapshot), &answer, report);
    let Ok(Reply::Snapshot { bytes, intact, .. }) = answer else { return Ok(()) };
    report.snapshot.saw(torn(&client.member().name, bytes, intact));
    let Some(file) = copy.file.filter(|_| intact) else { return Ok(()) };
    let contents = match Contents::read(&file) {
        Ok(contents) => contents,
        Err(error) if error.is_damage() => {
            report
                .contents
                .saw(Some(format!("the snapshot of {} cannot be read: {error}", client.member().name)));
            return Ok(());
        }
        // More than is read here, or a format that only newer stores know.
        Err(_) => return Ok(()),
    };
    drop(file);
    if let Some(broken) = apart(site, client, &contents, report).await? {
        report.contents.saw(broken);
    }
    Ok(())
}

/// The first key in which the member and its snapshot differ, where all of it is not too much, or in some part. The outer
/// `None`: the member did not show that, or there was nothing to compare.
async fn apart<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    contents: &Contents,
    report: &mut Report,
) -> Result<Option<Option<String>>, WriteError> {
    let until = clock::now().plus(WHOLE_FILE);
    let all = contents.len() <= KEYS_READ_MAX && contents.bytes() <= BYTES_READ_MAX;
    let begin = if all { None } else { contents.key(site.index(contents.len())) };
    let (mut from, mut first) = (begin.unwrap_or(b"\0").to_vec(), None);
    let (mut keys, mut bytes) = (0, 0);
    while clock::now() < until {
        let page = contents.page(&from);
        let range = Range {
            key: from.as_slice().into(),
            end: Some("\0".into()),
            limit: page.limit(),
            revision: contents.revision,
            serializable: true,
            ..Range::default()
        };
        let answer = site.ask(client, &Call::Range(range), report).await?;
        let Ok(Reply::Range { kvs, .. }) = answer else { return Ok(None) };
        match page.apart(&kvs) {
            // A compaction may have come between, and then asking again is refused. What is there stays.
            Some(broken) if first.is_none() => first = Some(broken),
            Some(broken) => {
                let (member, revision) = (&client.member().name, contents.revision);
                return Ok(Some(Some(format!("{broken}; {member} at revision {revision}"))));
            }
            None => {
                first = None;
                keys += page.len();
                bytes += page.bytes;
                match page.next() {
                    Some(next) if keys < KEYS_READ_MAX && bytes < BYTES_READ_MAX => from = next,
                    _ => return Ok((keys > 0).then_some(None)),
                }
            }
        }
    }
    Ok(None)
}

/// What comes of a snapshot, in a file without a name, so that nothing is left however the process ends.
struct Copy {
    /// `None` where it could not be written, or was too large.
    file: Option<File>,
    bytes: u64,
}

impl Copy {
    fn begin(dir: &Path) -> Self {
        let path = dir.join(format!("snapshot-{}-{}.tmp", std::process::id(), clock::now().0));
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.and_then(|file| fs::remove_file(&path).map(|()| file));
        Self { file: file.ok(), bytes: 0 }
    }

    fn write(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        let fits = self.bytes <= COPY_BYTES_MAX;
        self.file = self.file.take().filter(|mut file| fits && file.write_all(part).is_ok());
    }
}

/// What is wrong with a snapshot.
fn torn(member: &str, bytes: u64, intact: bool) -> Option<String> {
    (!intact).then(|| format!("{bytes} bytes of {member} do not end with their digest"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_snapshot_without_its_digest_is_seen() {
        assert_eq!(torn("etcd0", 9, true), None);
        assert_eq!(torn("etcd0", 9, false).unwrap(), "9 bytes of etcd0 do not end with their digest");
    }

    #[test]
    fn a_copy_has_no_name_and_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut copy = Copy::begin(dir.path());
        copy.write(b"one ");
        copy.write(b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut whole = [0; 7];
        copy.file.as_ref().unwrap().read_exact_at(&mut whole, 0).unwrap();
        assert_eq!(&whole, b"one two");
        copy.bytes = COPY_BYTES_MAX;
        copy.write(b".");
        assert!(copy.file.is_none());
        let mut nowhere = Copy::begin(&dir.path().join("nowhere"));
        nowhere.write(b"one");
        assert!(nowhere.file.is_none());
    }
}
