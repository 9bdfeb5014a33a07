//! A client of etcd's JSON gateway with one connection that stays open, for the examples only.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(3);

/// A connection to one member.
pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    /// Connects to `host:port`.
    pub(crate) async fn connect(authority: &str) -> Option<Self> {
        let stream = timeout(WITHIN, TcpStream::connect(authority)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Self(sender))
    }

    /// The answer to a request; `None` when there is none, or an error.
    pub(crate) async fn ask(&mut self, path: &str, body: &Value) -> Option<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", "etcd")
            .body(Full::new(Bytes::from(body.to_string())))
            .ok()?;
        let exchange = async {
            self.0.ready().await.ok()?;
            let answer = self.0.send_request(request).await.ok()?;
            let ok = answer.status().is_success();
            let bytes = answer.into_body().collect().await.ok()?.to_bytes();
            serde_json::from_slice(&bytes).ok().filter(|_| ok)
        };
        timeout(WITHIN, exchange).await.ok()?
    }

    /// Puts a key; the revision, if it was acknowledged.
    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Option<u64> {
        let body = serde_json::json!({"key": base64(key), "value": base64(value)});
        let answer = self.ask("/v3/kv/put", &body).await?;
        answer["header"]["revision"].as_str()?.parse().ok()
    }
}

/// The gateway takes bytes in base64.
pub(crate) fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)];
        encoded.extend(digits.iter().take(group.len() + 1));
        encoded.extend(std::iter::repeat_n('=', 3 - group.len()));
    }
    encoded
}
