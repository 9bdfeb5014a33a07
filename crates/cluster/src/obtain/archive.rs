//! The program inside a `.tar.gz` at a URL.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::chart::Archive;
use crate::obtain::download::{self, Download};
use crate::obtain::source::{Order, Reason};

pub(crate) async fn fill(order: &Order<'_>, archive: &Archive) -> Result<PathBuf, Reason> {
    let (arch, sum) = Order::pin(archive.versions.get(order.version))?;
    let url = order.text(&archive.url, arch)?;
    let member = order.text(&archive.member, arch)?;
    let download = Download { url, sum, dir: order.downloads.to_owned(), notes: order.notes.clone() };
    let out = order.work.join("program");
    in_background(move || {
        let file = download::fetch(&download)?;
        unpack(&file, &member, &out)?;
        // Once unpacked it is of no more use, and it is as large as the program.
        std::fs::remove_file(&file).map_err(Reason::disk(&file))?;
        Ok(out)
    })
    .await
}

/// Runs blocking work where it blocks nobody.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Reason> + Send + 'static,
) -> Result<T, Reason> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Reason::Tool { tool: "download".into(), message: error.to_string() }))
}

/// Copies one member of an archive to `out`. Nothing else of the archive touches the disk.
fn unpack(archive: &Path, member: &str, out: &Path) -> Result<(), Reason> {
    let file = File::open(archive).map_err(Reason::disk(archive))?;
    let mut entries = tar::Archive::new(GzDecoder::new(file));
    for entry in entries.entries().map_err(Reason::disk(archive))? {
        let mut entry = entry.map_err(Reason::disk(archive))?;
        if entry.path().is_ok_and(|path| path == Path::new(member)) {
            let mut file = File::create(out).map_err(Reason::disk(out))?;
            io::copy(&mut entry, &mut file).map_err(Reason::disk(out))?;
            return Ok(());
        }
    }
    Err(Reason::NoMember { what: archive.display().to_string(), member: member.to_owned() })
}
