//! A server of one file on loopback, which honours ranges and can break off in the middle, as bad lines do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves until the test's process ends.
pub(crate) struct FileServer {
    pub(crate) url: String,
    /// Of each request, the `Range` header's value, or nothing.
    pub(crate) ranges: Arc<Mutex<Vec<String>>>,
}

impl FileServer {
    /// Serves `file` under every path. The first answer stops after `first_gives` bytes of it.
    pub(crate) fn start(file: Vec<u8>, first_gives: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        std::thread::spawn(move || {
            let mut gives = first_gives;
            for stream in listener.incoming() {
                let range = answer(&stream.unwrap(), &file, gives);
                seen.lock().unwrap().push(range);
                gives = usize::MAX;
            }
        });
        Self { url, ranges }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.ranges.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, file: &[u8], gives: usize) -> String {
    let mut range = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
            value.clone_into(&mut range);
        }
    }
    let start = range.strip_prefix("bytes=").and_then(|rest| rest.strip_suffix('-'));
    let start: usize = start.map_or(0, |start| start.parse().unwrap());
    let rest = file.get(start..).unwrap_or_default();
    let status = match start {
        0 => "200 OK".to_owned(),
        _ if rest.is_empty() => "416 Range Not Satisfiable\r\nContent-Range: bytes */0".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{0}", file.len()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    // The client may hang up first; that is its right.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&rest[..rest.len().min(gives)]);
    range
}
