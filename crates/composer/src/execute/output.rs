//! Keeps what a command writes, up to a limit, and counts all of it. It reads on beyond the limit: a
//! command must not block, or die, because it talks too much.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

/// A stream ends with the last process that has it open, and those have just been killed. Only one that
/// left its process group can hold it longer.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// One stream on its way into a file.
#[derive(Debug)]
pub(super) struct Capture {
    task: JoinHandle<()>,
    bytes: Arc<AtomicU64>,
}

impl Capture {
    pub(super) fn start(stream: OwnedFd, file: File, limit: u64) -> io::Result<Capture> {
        let stream = pipe::Receiver::from_owned_fd(stream)?;
        let bytes = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(copy(stream, file, limit, Arc::clone(&bytes)));
        Ok(Capture { task, bytes })
    }

    /// Waits for the end of the stream, not for ever. Returns how many bytes came.
    pub(super) async fn finish(mut self) -> u64 {
        // Whether it ended, broke or hangs: what was counted is what came.
        let _ = tokio::time::timeout(CLOSE_LIMIT, &mut self.task).await;
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn copy(mut stream: pipe::Receiver, mut file: File, limit: u64, bytes: Arc<AtomicU64>) {
    let mut buffer = vec![0; 16 << 10];
    let mut room = limit;
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        bytes.fetch_add(count as u64, Ordering::Relaxed);
        let kept = count.min(usize::try_from(room).unwrap_or(usize::MAX));
        // Small writes to a file: handing them to another thread would cost more than they do.
        room = match file.write_all(&buffer[..kept]) {
            Ok(()) => room - kept as u64,
            // A full disk must not stop the command; the count shows what is missing.
            Err(_) => 0,
        };
    }
}
