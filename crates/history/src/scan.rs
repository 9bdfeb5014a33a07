//! Reading fast: whole operations handed to a visitor, in several threads, with nothing kept that is done with.
//!
//! A file is scanned in parts if it is regular: complete lines in the writer's own style, operations numbered from 0
//! without a gap, returns that fit. Any other file is read by [`crate::History`]'s reader and handed out whole, so
//! that what is said of damage is said in one place.

mod line;
mod quick;

pub use self::quick::{Answer, Begun, Compared, End, Ended, Guard, Shown, Step};

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::thread;

use crate::line::{FooterLine, InvokeLine, ReturnLine, Shape, WatchLine};
use crate::reader::{self, FileReport, Source};
use crate::{Blob, Call, Header, Nanos, Operation, Outcome, ReadError, Sources, WatchUpdate};

/// Parts smaller than this are not worth a thread.
const LEAST_PART: usize = 1 << 20;

/// Bytes that are seen to be text at once: few enough to be near still when they are read.
const AT_ONCE: usize = 1 << 17;

/// More threads than this wait for memory.
const MOST_THREADS: usize = 4;

/// Takes the operations of a part of a file as they are completed.
pub trait Visitor<'a>: Send {
    /// It takes operations of a common kind line by line, so that nothing is built for them.
    const QUICK: bool = false;

    /// An operation begins. The order is that of the file, and of their numbers, without a gap.
    fn begins(&mut self, number: u64);

    /// An operation with its outcome; open ones come last. The order is that of their returns.
    fn operation(&mut self, operation: &Operation<'a>);

    /// A message of a watch.
    fn watched(&mut self, update: &WatchUpdate<'a>);

    /// An operation of a common kind begins, of this file. Stands for [`Visitor::begins`] and [`Visitor::operation`]:
    /// if no return follows, it stays open.
    fn begun(&mut self, _file: usize, _begun: &Begun<'a>) {}

    /// An operation of a common kind returned; `None` if this does not fit what began, or nothing such is open.
    fn ended(&mut self, _ended: &Ended<'a>) -> Option<()> {
        None
    }
}

/// What scanning came to.
#[derive(Debug)]
pub struct Scan<'a, V> {
    /// The visitors of all parts of regular files.
    pub parts: Vec<V>,
    /// Files that had to be read whole.
    pub others: Vec<Others<'a>>,
    /// One for each file, in the order of their names.
    pub files: Vec<FileReport>,
}

/// What a file holds that was read whole.
#[derive(Debug)]
pub struct Others<'a> {
    /// In the order of their lines.
    pub operations: Vec<Operation<'a>>,
    /// In the order of their lines.
    pub watched: Vec<WatchUpdate<'a>>,
}

impl Sources {
    /// Reads all files, with a visitor for each part of a regular one; `make` is given the bytes of its part.
    ///
    /// # Errors
    /// When the files are of another format version or of different boots, as [`crate::History::parse`].
    pub fn scan<'a, V: Visitor<'a>>(
        &'a self,
        make: impl Fn(usize) -> V + Sync,
    ) -> Result<Scan<'a, V>, ReadError> {
        let mut scan = Scan { parts: Vec::new(), others: Vec::new(), files: Vec::new() };
        for (index, Source { path, bytes, .. }) in self.files.iter().enumerate() {
            if let Some((parts, report)) = regular(index, path, bytes, &make) {
                scan.parts.extend(parts);
                scan.files.push(report);
            } else {
                let file = reader::parse_file(index, path, bytes);
                scan.others.push(Others { operations: file.operations, watched: file.watched });
                scan.files.push(file.report);
            }
        }
        reader::note_lost(&mut scan.files, self);
        reader::check_headers(&scan.files)?;
        Ok(scan)
    }
}

/// Scans a file in parts; `None` if there is anything irregular about it.
fn regular<'a, V: Visitor<'a>>(
    index: usize,
    path: &Path,
    bytes: &'a [u8],
    make: &(impl Fn(usize) -> V + Sync),
) -> Option<(Vec<V>, FileReport)> {
    let (header, rest) = split_line(bytes)?;
    let header: Header = serde_json::from_slice(header).ok()?;
    let (rest, footer) = footer(rest);
    let pieces = pieces(rest);
    let scanned: Vec<Option<Part<'a, V>>> = thread::scope(|scope| {
        let workers: Vec<_> =
            pieces.iter().map(|piece| scope.spawn(|| Part::scan(index, piece, make(piece.len())))).collect();
        workers.into_iter().map(|worker| worker.join().ok().flatten()).collect()
    });
    let mut parts = scanned.into_iter().collect::<Option<Vec<_>>>()?;
    let mut next = 0;
    for at in 0..parts.len() {
        if parts[at].count > 0 && parts[at].first != next {
            return None;
        }
        next += parts[at].count;
        let (before, own) = parts.split_at_mut(at);
        for orphan in std::mem::take(&mut own[0].orphans) {
            let number = line::number(orphan)?;
            let home = before.iter_mut().find(|part| part.has(number))?;
            home.next(orphan)?;
            if !home.orphans.is_empty() {
                // It belongs to nothing that is open.
                return None;
            }
        }
    }
    if footer.is_some_and(|footer| footer != next) {
        return None;
    }
    let open = parts.iter().map(|part| part.open.len() + part.quick).sum();
    let report = FileReport {
        path: path.to_owned(),
        header: Some(header),
        operations: usize::try_from(next).ok()?,
        open,
        closed: footer.is_some(),
        torn: false,
        broken: 0,
        missing: 0,
        lost: 0,
        troubles: Vec::new(),
    };
    Some((parts.into_iter().map(Part::close).collect(), report))
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Takes the footer off the end, if there is one.
fn footer(bytes: &[u8]) -> (&[u8], Option<u64>) {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let start = memchr::memrchr(b'\n', body).map_or(0, |end| end + 1);
    match serde_json::from_slice::<FooterLine>(&body[start..]) {
        Ok(footer) => (&bytes[..start], Some(footer.z)),
        Err(_) => (bytes, None),
    }
}

/// Cuts at line ends, one piece for each thread.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let size = (bytes.len() / threads).max(LEAST_PART);
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while rest.len() > size + LEAST_PART {
        let Some(end) = memchr::memchr(b'\n', &rest[size..]) else { break };
        let (piece, after) = rest.split_at(size + end + 1);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// A part of a file on its way to a visitor.
struct Part<'a, V> {
    file: usize,
    visitor: V,
    /// The number of its first operation, and how many it has.
    first: u64,
    count: u64,
    open: HashMap<u64, Operation<'a>, rustc_hash::FxBuildHasher>,
    /// Of a common kind, and open.
    quick: usize,
    begun: Begun<'a>,
    ended: Ended<'a>,
    /// Lines about operations that were invoked in an earlier part, each with its end.
    orphans: Vec<&'a str>,
}

impl<'a, V: Visitor<'a>> Part<'a, V> {
    fn scan(file: usize, bytes: &'a [u8], visitor: V) -> Option<Self> {
        if bytes.last().is_some_and(|&last| last != b'\n') {
            // The last line may be torn.
            return None;
        }
        let mut part = Self {
            file,
            visitor,
            first: 0,
            count: 0,
            open: HashMap::default(),
            quick: 0,
            begun: Begun::default(),
            ended: Ended::default(),
            orphans: Vec::new(),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.get(AT_ONCE..).and_then(|after| memchr::memchr(b'\n', after));
            let (lines, after) = rest.split_at(end.map_or(rest.len(), |end| AT_ONCE + end + 1));
            let mut text = std::str::from_utf8(lines).ok()?;
            while !text.is_empty() {
                text = part.next(text)?;
            }
            rest = after;
        }
        Some(part)
    }

    /// Whether an operation was invoked in this part.
    fn has(&self, number: u64) -> bool {
        number.checked_sub(self.first).is_some_and(|at| at < self.count)
    }

    /// Takes the next line, and gives back what follows it.
    fn next(&mut self, text: &'a str) -> Option<&'a str> {
        if V::QUICK
            && let Some(rest) = self.quick(text.as_bytes())
        {
            return text.get(text.len() - rest..);
        }
        let end = memchr::memchr(b'\n', text.as_bytes())?;
        self.line(&text[..=end])?;
        Some(&text[end + 1..])
    }

    /// Takes a line of a common kind, and says how much follows it; `None` if it is none, or not to be taken as one.
    fn quick(&mut self, text: &'a [u8]) -> Option<usize> {
        if let Some(rest) = self.begun.read(text) {
            let number = self.begun.number;
            if self.count == 0 {
                self.first = number;
            }
            if number != self.first + self.count {
                return None;
            }
            self.count += 1;
            self.quick += 1;
            self.visitor.begun(self.file, &self.begun);
            return Some(rest.len());
        }
        let rest = self.ended.read(text)?;
        let number = self.ended.number;
        if !self.has(number) || (!self.open.is_empty() && self.open.contains_key(&number)) {
            return None;
        }
        self.visitor.ended(&self.ended)?;
        self.quick = self.quick.checked_sub(1)?;
        Some(rest.len())
    }

    /// Takes any line, with its end.
    fn line(&mut self, whole: &'a str) -> Option<()> {
        let text = whole.strip_suffix('\n')?;
        match Shape::quick(text.as_bytes())? {
            Shape::Invoke => self.invoke(text),
            Shape::Return => self.returned(text, whole),
            Shape::Watch => self.watch(text, whole),
            Shape::Header | Shape::Footer => None,
        }
    }

    fn invoke(&mut self, text: &'a str) -> Option<()> {
        let operation = match line::invoked(text) {
            Some(line::Invoked { number, t, client, member, call }) => Operation {
                file: self.file,
                number,
                client,
                member: Cow::Borrowed(member),
                call,
                invoked: t,
                returned: None,
                outcome: Outcome::Unknown(None),
            },
            None => by_grammar(self.file, text)?,
        };
        if self.count == 0 {
            self.first = operation.number;
        }
        if operation.number != self.first + self.count {
            return None;
        }
        self.count += 1;
        self.visitor.begins(operation.number);
        self.open.insert(operation.number, operation);
        Some(())
    }

    fn returned(&mut self, text: &'a str, whole: &'a str) -> Option<()> {
        let number = line::number(text)?;
        let Some(mut operation) = self.open.remove(&number) else {
            if self.has(number) {
                return self.ended_otherwise(text);
            }
            self.orphans.push(whole);
            return Some(());
        };
        let (t, outcome) = match line::returned(text, &operation.call) {
            Some(found) => found,
            None => returned_by_grammar(text, &operation)?,
        };
        operation.returned = Some(t);
        operation.outcome = outcome;
        self.visitor.operation(&operation);
        Some(())
    }

    /// An operation of a common kind ended without an answer, and with words that are not plain.
    fn ended_otherwise(&mut self, text: &str) -> Option<()> {
        let line: ReturnLine<'_> = serde_json::from_str(text).ok()?;
        let (number, t) = (line.r?, line.t?);
        let end = match line.into_outcome(&Call::Status).ok()? {
            Outcome::Ok(_) => return None,
            Outcome::Failed(_) => End::Failed,
            Outcome::Unknown(_) => End::Unknown,
        };
        self.ended = Ended { number, t, end, answers: Vec::new() };
        self.visitor.ended(&self.ended)?;
        self.quick = self.quick.checked_sub(1)?;
        Some(())
    }

    fn watch(&mut self, text: &'a str, whole: &'a str) -> Option<()> {
        if !self.open.contains_key(&line::number(text)?) {
            self.orphans.push(whole);
            return Some(());
        }
        let line: WatchLine<'a> = borrowing(text)?;
        let events =
            line.ev.into_iter().map(crate::line::EventFields::typed).collect::<Result<_, _>>().ok()?;
        let update = WatchUpdate { file: self.file, watch: line.w, t: line.t, revision: line.rev, events };
        self.visitor.watched(&update);
        Some(())
    }

    /// Hands out what stayed open.
    fn close(mut self) -> V {
        for operation in self.open.values() {
            self.visitor.operation(operation);
        }
        self.visitor
    }
}

/// Reads a line by the grammar, if all of its strings can be borrowed.
fn borrowing<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Option<T> {
    let owns = memchr::memchr(b'\\', text.as_bytes()).is_some() || text.contains("\"b64\"");
    if owns { None } else { serde_json::from_str(text).ok() }
}

fn by_grammar(file: usize, text: &str) -> Option<Operation<'_>> {
    let mut line: InvokeLine<'_> = borrowing(text)?;
    let member = line.m.take().map_or(Cow::Borrowed(""), Blob::into_text);
    Some(Operation {
        file,
        number: line.i?,
        client: line.c.unwrap_or(0),
        member,
        invoked: line.t?,
        call: line.into_call().ok()?,
        returned: None,
        outcome: Outcome::Unknown(None),
    })
}

fn returned_by_grammar<'a>(text: &'a str, operation: &Operation<'a>) -> Option<(Nanos, Outcome<'a>)> {
    let line: ReturnLine<'a> = borrowing(text)?;
    Some((line.t?, line.into_outcome(&operation.call).ok()?))
}
