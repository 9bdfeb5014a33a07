//! A relay for the TCP connections of one client to one member. It knows nothing of what they say.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::link::Link;
use super::pump::{Sink, Source, pump};

/// What is read at once; replies to puts and gets are far smaller.
const READ_BYTES: usize = 16 * 1024;

/// One client and one member.
#[derive(Debug, Clone)]
pub(super) struct Relay {
    /// Where the member listens.
    pub(super) to: SocketAddr,
    /// From the client to the member.
    pub(super) there: Arc<Link>,
    /// From the member to the client.
    pub(super) back: Arc<Link>,
}

impl Relay {
    /// Serves one connection to its end.
    pub(super) async fn serve(&self, mut client: TcpStream) {
        self.there.opened();
        let outcome = self.join(&mut client).await;
        if outcome.is_err() {
            // What broke off must not look as if it had ended well.
            let _ = client.set_zero_linger();
        }
    }

    async fn join(&self, client: &mut TcpStream) -> io::Result<()> {
        let mut member = TcpStream::connect(self.to).await?;
        client.set_nodelay(true)?;
        member.set_nodelay(true)?;
        let joined = {
            let (client_read, client_write) = client.split();
            let (member_read, member_write) = member.split();
            let (mut from_client, mut to_client) = (Reading::new(client_read), client_write);
            let (mut from_member, mut to_member) = (Reading::new(member_read), member_write);
            tokio::try_join!(
                pump(&self.there, &mut from_client, &mut to_member),
                pump(&self.back, &mut from_member, &mut to_client),
            )
        };
        if joined.is_err() {
            let _ = member.set_zero_linger();
        }
        joined.map(|_| ()).map_err(io::Error::other)
    }
}

struct Reading<'a> {
    half: ReadHalf<'a>,
    buffer: BytesMut,
}

impl<'a> Reading<'a> {
    fn new(half: ReadHalf<'a>) -> Self {
        Self { half, buffer: BytesMut::new() }
    }
}

impl Source for Reading<'_> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.buffer.reserve(READ_BYTES);
        let read = self.half.read_buf(&mut self.buffer).await?;
        Ok((read > 0).then(|| self.buffer.split().freeze()))
    }
}

impl Sink for WriteHalf<'_> {
    async fn put(&mut self, bytes: Bytes) -> io::Result<()> {
        self.write_all(&bytes).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.shutdown().await
    }

    /// A closed connection shows when it is written to.
    async fn gone(&self) {
        std::future::pending::<()>().await;
    }
}
