//! The forward proxy of one member: takes its HTTP requests to peers, and brings them there over the links between the
//! two. A connection may carry requests to several peers, so each request is decided by itself; and since a peer may
//! send messages in the body of an answer, each byte is decided by the direction it goes in, not by who asked.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName};
use hyper::http::uri::{Authority, Scheme};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::link::Link;
use super::pump::{Broken, Sink, Source, pass, pump};

/// Frames that wait between the two ends of a body: enough to keep both busy, few enough to press back.
const FRAMES: usize = 4;
/// A request line and the usual headers of a peer.
const HEAD_BYTES: usize = 400;

/// The way to one peer.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// From the proxy's member to the peer.
    pub(super) there: Arc<Link>,
    /// From the peer to the proxy's member.
    pub(super) back: Arc<Link>,
}

/// The proxy of one member.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    /// By host and port, as requests name them.
    routes: Arc<BTreeMap<String, Route>>,
    client: Client<HttpConnector, Carried>,
}

impl Forward {
    pub(super) fn new(routes: BTreeMap<String, Route>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { routes: Arc::new(routes), client }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, connection: TcpStream) {
        if connection.set_nodelay(true).is_err() {
            return;
        }
        let service = service_fn(|request| self.answer(request));
        // How it ended is seen by those at its ends, and counted on the links.
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(connection), service)
            .await;
    }

    /// An error ends the connection without an answer.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Carried>, Broken> {
        let Some(route) = request.uri().authority().and_then(|name| self.routes.get(name.as_str())) else {
            return Ok(refusal(StatusCode::NOT_FOUND));
        };
        route.there.opened();
        pass(&route.there, HEAD_BYTES).await?;
        let (head, body) = request.into_parts();
        let Some(mut onward) = rewritten(head, route.address) else {
            return Ok(refusal(StatusCode::BAD_REQUEST));
        };
        strip(&mut onward.headers);
        let body = carry(Arc::clone(&route.there), body);
        let Ok(response) = self.client.request(Request::from_parts(onward, body)).await else {
            // The peer does not run, or the body broke off.
            return Ok(refusal(StatusCode::BAD_GATEWAY));
        };
        pass(&route.back, HEAD_BYTES).await?;
        let (mut head, body) = response.into_parts();
        strip(&mut head.headers);
        Ok(Response::from_parts(head, carry(Arc::clone(&route.back), body)))
    }
}

/// The same request with the peer's address in its URI; whom it was meant for stays in its headers.
fn rewritten(mut head: hyper::http::request::Parts, to: SocketAddr) -> Option<hyper::http::request::Parts> {
    if !head.headers.contains_key(HOST) {
        let host = head.uri.authority()?.as_str().parse().ok()?;
        head.headers.insert(HOST, host);
    }
    let mut uri = head.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(to.to_string().parse::<Authority>().ok()?);
    head.uri = Uri::from_parts(uri).ok()?;
    Some(head)
}

/// Takes away what is between the two ends of one connection only.
fn strip(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove(HeaderName::from_static("proxy-connection"));
    headers.remove(HeaderName::from_static("keep-alive"));
}

fn refusal(status: StatusCode) -> Response<Carried> {
    let mut response = Response::new(Carried { frames: None });
    *response.status_mut() = status;
    response
}

/// A body that comes over a link.
#[derive(Debug)]
pub(super) struct Carried {
    /// `None` for a body of nothing.
    frames: Option<mpsc::Receiver<Result<Bytes, Broken>>>,
}

/// Lets a body go over a link, by a task that ends with either of its ends.
fn carry(link: Arc<Link>, mut body: Incoming) -> Carried {
    if body.is_end_stream() {
        return Carried { frames: None };
    }
    let (frames, receiver) = mpsc::channel(FRAMES);
    tokio::spawn(async move {
        let mut sink = Frames(frames);
        if let Err(broken) = pump(&link, &mut body, &mut sink).await {
            // Where the receiver has gone, nobody needs to know.
            let _ = sink.0.send(Err(broken)).await;
        }
    });
    Carried { frames: Some(receiver) }
}

struct Frames(mpsc::Sender<Result<Bytes, Broken>>);

impl Sink for Frames {
    async fn put(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.send(Ok(bytes)).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// The channel closes when it is dropped.
    async fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Source for Incoming {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(io::Error::other(error)),
                // Trailers carry nothing between peers.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.frames {
            None => Poll::Ready(None),
            Some(frames) => frames.poll_recv(context).map(|next| next.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_none()
    }
}
