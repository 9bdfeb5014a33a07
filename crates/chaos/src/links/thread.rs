//! The thread that all proxies of a run share, with a runtime of its own: what else this process does must not delay
//! what goes over links.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Proxy;

/// When the system has no descriptor left for a connection, one may be free again soon.
const RETRY_ACCEPT: Duration = Duration::from_millis(20);
/// So many failures to accept in a row are no passing trouble.
const ACCEPT_FAILURES_MAX: u32 = 100;

/// The running proxies. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Thread {
    stop: Option<oneshot::Sender<()>>,
    failure: watch::Receiver<Option<String>>,
    handle: Option<std::thread::JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start(proxies: Vec<Proxy>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, failure) = watch::channel(None);
        let run = move || {
            let reason = runtime.block_on(async {
                tokio::select! {
                    reason = serve(proxies) => Some(reason),
                    _ = stopped => None,
                }
            });
            if reason.is_some() {
                tell.send_replace(reason);
            }
        };
        let handle = std::thread::Builder::new().name("links".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), failure, handle: Some(handle) })
    }

    pub(super) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.handle.take().map(std::thread::JoinHandle::join);
    }
}

/// Runs all proxies until the first of them dies, and says why it did.
async fn serve(proxies: Vec<Proxy>) -> String {
    let mut running = JoinSet::new();
    for proxy in proxies {
        match proxy {
            Proxy::Forward(forward, listener) => running.spawn(accept(listener, move |connection| {
                let forward = forward.clone();
                async move { forward.serve(connection).await }
            })),
            Proxy::Relay(relay, listener) => running.spawn(accept(listener, move |connection| {
                let relay = relay.clone();
                async move { relay.serve(connection).await }
            })),
        };
    }
    match running.join_next().await {
        None => std::future::pending().await,
        Some(Ok(error)) => format!("a proxy died: {error}"),
        Some(Err(panicked)) => format!("a proxy died: {panicked}"),
    }
}

/// Accepts connections for ever; returns why that is not possible.
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F) -> io::Error
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    let mut failures = 0;
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                failures = 0;
                tokio::spawn(serve(connection));
            }
            Err(error) if failures >= ACCEPT_FAILURES_MAX => return error,
            Err(_) => {
                failures += 1;
                sleep(RETRY_ACCEPT).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::links::relay::Relay;

    #[tokio::test]
    async fn a_proxy_that_dies_is_told_of() {
        // A socket that has something, but no connection to accept.
        let (socket, other) = UnixDatagram::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        other.send(b"x").unwrap();
        let listener = TcpListener::from(OwnedFd::from(socket));
        let (there, back) = Default::default();
        let relay = Relay { to: ([127, 0, 0, 1], 1).into(), there, back };
        let thread = Thread::start(vec![Proxy::Relay(relay, listener)]).unwrap();
        let mut failure = thread.failure();
        let waiting = tokio::time::timeout(Duration::from_secs(60), failure.wait_for(Option::is_some));
        let reason = waiting.await.unwrap().unwrap().clone().unwrap();
        assert!(reason.starts_with("a proxy died: "), "{reason}");
    }
}
