//! Ctrl-C, a closed terminal and a polite kill: the run ends in order, and what was recorded stays.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes true at the first SIGINT, SIGQUIT, SIGHUP or SIGTERM. Installed before anything is started that would need ending.
pub(crate) fn listen() -> std::io::Result<watch::Receiver<bool>> {
    let (tell, told) = watch::channel(false);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = quit.recv() => {}
                _ = hangup.recv() => {}
                _ = terminate.recv() => {}
            }
            tell.send_replace(true);
        }
    });
    Ok(told)
}
