//! Downloads that survive interruption: what has arrived stays in a `.part` file, and the next try asks for
//! the rest. A file is complete only when its digest is the pinned one. It blocks; it belongs on a thread
//! that may.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::Sha256;
use crate::obtain::source::{Reason, verify};
use crate::obtain::{Note, Notes};

/// A transfer that breaks off is taken up again this often.
const TRIES: usize = 3;
/// A machine without a route to the server shall not keep the user waiting.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A server that has stopped sending is not coming back.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// No program under test is as large; a server that sends more sends something else.
const LARGEST: u64 = 1 << 30;
/// How often the user hears of progress, in bytes.
const NOTE_EVERY: u64 = 1 << 20;

/// One file to download.
pub(crate) struct Download {
    pub(crate) url: String,
    pub(crate) sum: Sha256,
    /// Where the file and its unfinished part are kept, by digest.
    pub(crate) dir: PathBuf,
    pub(crate) notes: Notes,
}

/// Downloads the file, or the rest of it, and compares its digest.
pub(crate) fn fetch(download: &Download) -> Result<PathBuf, Reason> {
    let part = download.dir.join(format!("{}.part", download.sum));
    let done = download.dir.join(download.sum.to_string());
    fs::create_dir_all(&download.dir).map_err(Reason::disk(&download.dir))?;
    let mut last = None;
    for _ in 0..TRIES {
        let have = fs::metadata(&part).map_or(0, |metadata| metadata.len());
        match transfer(download, &part, have) {
            Ok(()) => match verify(&part, download.sum) {
                Ok(()) => {
                    fs::rename(&part, &done).map_err(Reason::disk(&done))?;
                    return Ok(done);
                }
                // The old part may be what is wrong: once more, from nothing.
                Err(wrong) if have > 0 => last = Some(named(wrong, &download.url)),
                Err(wrong) => return Err(named(wrong, &download.url)),
            },
            Err(Broken::ForGood(message)) => {
                return Err(Reason::Transfer { url: download.url.clone(), message });
            }
            Err(Broken::ForNow(message)) => {
                last = Some(Reason::Transfer { url: download.url.clone(), message });
            }
        }
    }
    let message = "was not tried".to_owned();
    Err(last.unwrap_or(Reason::Transfer { url: download.url.clone(), message }))
}

/// A digest's error names the URL instead of the part's name.
fn named(reason: Reason, url: &str) -> Reason {
    match reason {
        Reason::Digest { expected, actual, .. } => Reason::Digest { what: url.to_owned(), expected, actual },
        other => other,
    }
}

enum Broken {
    /// Trying again is of no use.
    ForGood(String),
    /// What arrived is kept.
    ForNow(String),
}

fn transfer(download: &Download, part: &Path, have: u64) -> Result<(), Broken> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(READ_WITHIN))
        .timeout_per_read(Some(READ_WITHIN))
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(&download.url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let answer = request.call().map_err(|error| Broken::ForGood(error.to_string()))?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let resumes = header("Content-Range").is_some_and(|range| range.starts_with(&format!("bytes {have}-")));
    let start = match answer.status().as_u16() {
        206 if resumes => have,
        200 => 0,
        // The part is longer than the file, or the server cannot give the rest.
        206 | 416 if have > 0 => {
            fs::remove_file(part).map_err(|error| Broken::ForGood(error.to_string()))?;
            return Err(Broken::ForNow(format!("status {} for the rest", answer.status())));
        }
        status => return Err(Broken::ForGood(format!("status {status}"))),
    };
    let of = header("Content-Length").and_then(|length| length.parse::<u64>().ok()).map(|rest| start + rest);
    let mut options = OpenOptions::new();
    let options =
        if start > 0 { options.append(true) } else { options.write(true).create(true).truncate(true) };
    let mut file = options.open(part).map_err(|error| Broken::ForGood(error.to_string()))?;
    let mut body = answer.into_body();
    let arrived = copy(&mut body.as_reader(), &mut file, start, of, &download.notes)
        .map_err(|error| Broken::ForNow(error.to_string()))?;
    match of {
        Some(of) if arrived < of => Err(Broken::ForNow(format!("broke off after {arrived} of {of} bytes"))),
        _ => Ok(()),
    }
}

fn copy(
    body: &mut impl Read,
    file: &mut File,
    start: u64,
    of: Option<u64>,
    notes: &Notes,
) -> io::Result<u64> {
    let (mut bytes, mut noted) = (start, start);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = body.read(&mut buffer)?;
        file.write_all(&buffer[..read])?;
        bytes += read as u64;
        if read == 0 {
            return Ok(bytes);
        } else if bytes > LARGEST {
            return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
        } else if bytes - noted >= NOTE_EVERY {
            noted = bytes;
            notes(Note::Downloaded { bytes, of });
        }
    }
}
