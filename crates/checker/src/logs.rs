//! What a member's own log says of its end: panics, fatal errors and fatal log lines. Text in, findings out.
//!
//! Only the shapes in which Go and etcd themselves write them count, and only at the beginning of a line: what clients
//! wrote stands in logs too, inside of other lines.

/// A line that a member does not write while all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatalLine<'t> {
    /// Its number, from 1.
    pub line: usize,
    /// What kind of end it tells of.
    pub kind: Ending,
    /// The line itself.
    pub text: &'t str,
}

/// How a member says that it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A Go panic.
    Panic,
    /// An error of the Go runtime, such as concurrent writes to a map.
    Runtime,
    /// A signal that the program's own fault raised.
    Signal,
    /// A line that the program logged at its highest levels, after which it ends.
    Logged,
}

/// Beginnings of lines, as the Go runtime writes them.
const BEGINNINGS: [(&str, Ending); 10] = [
    ("panic: ", Ending::Panic),
    ("fatal error: ", Ending::Runtime),
    ("runtime: out of memory", Ending::Runtime),
    ("unexpected fault address ", Ending::Signal),
    ("SIGSEGV: ", Ending::Signal),
    ("SIGBUS: ", Ending::Signal),
    ("[signal SIG", Ending::Signal),
    // zap writes its level first, and leaves it to nobody else.
    ("{\"level\":\"fatal\"", Ending::Logged),
    ("{\"level\":\"panic\"", Ending::Logged),
    ("{\"level\":\"dpanic\"", Ending::Logged),
];

/// The fatal lines of a log, in order. A log that was cut off at either end is read as far as it goes.
pub fn fatal_lines(log: &str) -> impl Iterator<Item = FatalLine<'_>> {
    (1..).zip(log.lines()).filter_map(|(line, text)| Some(FatalLine { line, kind: ending(text)?, text }))
}

fn ending(line: &str) -> Option<Ending> {
    let found = BEGINNINGS.iter().find(|(beginning, _)| line.starts_with(beginning));
    found.map(|(_, ending)| *ending).or_else(|| critical(line).then_some(Ending::Logged))
}

/// The older format, `2026-11-25 10:01:34.000000 C | etcdserver: ...`, where C is critical; and zap for people, where the
/// level stands between tabs behind the time.
fn critical(line: &str) -> bool {
    let begins_with_time = line.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let mut words = line.splitn(4, ' ');
    let capnslog = words.nth(2) == Some("C") && words.next().is_some_and(|rest| rest.starts_with("| "));
    let level = line.split('\t').nth(1);
    begins_with_time && (capnslog || matches!(level, Some("FATAL" | "PANIC" | "DPANIC")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(log: &str) -> Vec<(usize, Ending)> {
        fatal_lines(log).map(|found| (found.line, found.kind)).collect()
    }

    #[test]
    fn every_shape_of_an_end_is_found() {
        let log = "panic: runtime error: index out of range\n\
            fatal error: concurrent map writes\n\
            [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x0]\n\
            {\"level\":\"fatal\",\"ts\":\"2026-11-25T10:01:34.000Z\",\"msg\":\"failed to save\"}\n\
            {\"level\":\"panic\",\"msg\":\"tocommit(11) is out of range [lastIndex(8)]\"}\n\
            2026-11-25 10:01:34.000000 C | etcdserver: read wal error\n\
            2026-11-25T10:01:34.000Z\tFATAL\tetcdmain/etcd.go:204\tdiscovery failed\n";
        let all = [
            Ending::Panic,
            Ending::Runtime,
            Ending::Signal,
            Ending::Logged,
            Ending::Logged,
            Ending::Logged,
            Ending::Logged,
        ];
        assert_eq!(kinds(log), (1..).zip(all).collect::<Vec<_>>());
    }

    #[test]
    fn what_clients_wrote_and_what_a_member_writes_while_it_lives_is_none() {
        let log = "{\"level\":\"warn\",\"msg\":\"apply request took too long\",\"request\":\"put:<key:\\\"panic: x\\\">\"}\n\
            {\"level\":\"info\",\"msg\":\"received signal; shutting down\",\"signal\":\"terminated\"}\n\
            {\"level\":\"error\",\"msg\":\"fatal error: no\",\"error\":\"{\\\"level\\\":\\\"fatal\\\"}\"}\n\
            2026-11-25 10:01:34.000000 I | etcdserver: C | panic: \n\
            2026-11-25 10:01:34.000000 W | rafthttp: lost the TCP streaming connection\n\
            goroutine 1 [running]:\n {\"level\":\"fa";
        assert_eq!(kinds(log), []);
    }

    #[test]
    fn a_log_that_is_cut_off_is_read_as_far_as_it_goes() {
        let log = "panic: assertion failed: page 9 already freed\ngoroutine 99";
        assert_eq!(kinds(log), [(1, Ending::Panic)]);
        for cut in 0..log.len() {
            assert!(kinds(&log[..cut]).len() <= 1);
        }
    }
}
