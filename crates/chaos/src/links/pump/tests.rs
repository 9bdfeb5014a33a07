//! What each disruption does to a stream, told by counters and contents, never by the time it took.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::fault::Disruption;

struct From(mpsc::Receiver<Bytes>);

impl Source for From {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.0.recv().await)
    }
}

struct To(mpsc::Sender<Bytes>);

impl Sink for To {
    async fn put(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.send(bytes).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
    async fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
    async fn gone(&self) {
        self.0.closed().await;
    }
}

struct Stream {
    link: Arc<Link>,
    say: mpsc::Sender<Bytes>,
    hear: mpsc::Receiver<Bytes>,
    end: tokio::task::JoinHandle<Result<(), Broken>>,
}

fn stream() -> Stream {
    let link = Arc::new(Link::default());
    let ((say, source), (sink, hear)) = (mpsc::channel(9), mpsc::channel(9));
    let pumped = Arc::clone(&link);
    let end = tokio::spawn(async move { pump(&pumped, &mut From(source), &mut To(sink)).await });
    Stream { link, say, hear, end }
}

impl Stream {
    async fn say(&self, text: &'static str) {
        self.say.send(Bytes::from_static(text.as_bytes())).await.unwrap();
    }

    /// Waits until a counter says so.
    async fn until(&self, counted: impl Fn(crate::Counts) -> bool) {
        while !counted(self.link.counts()) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_idle_link_lets_everything_through() {
    let mut stream = stream();
    stream.say("one").await;
    assert_eq!(stream.hear.recv().await.unwrap(), "one");
    drop(stream.say);
    assert_eq!(stream.end.await.unwrap(), Ok(()));
    let counts = stream.link.counts();
    assert_eq!((counts.bytes, counts.dropped, counts.held, counts.delayed), (3, 0, 0, 0));
}

#[tokio::test]
async fn what_a_cut_has_taken_never_arrives_and_ends_the_stream() {
    let mut stream = stream();
    stream.link.disturb(1, Disruption::Cut);
    stream.say("lost").await;
    stream.until(|counts| counts.dropped == 4).await;
    assert!(stream.hear.try_recv().is_err());
    assert!(!stream.end.is_finished(), "nobody hears of it while it lasts");
    stream.link.lift(1);
    assert_eq!(stream.end.await.unwrap(), Err(Broken::Lost));
    assert_eq!(stream.link.counts().bytes, 0);
}

#[tokio::test]
async fn a_cut_that_took_nothing_leaves_the_stream_alone() {
    let mut stream = stream();
    stream.link.disturb(1, Disruption::Cut);
    tokio::task::yield_now().await;
    stream.link.lift(1);
    stream.say("late").await;
    assert_eq!(stream.hear.recv().await.unwrap(), "late");
}

#[tokio::test]
async fn nobody_hears_of_an_end_over_a_cut_link() {
    let stream = stream();
    stream.link.disturb(1, Disruption::Cut);
    drop(stream.say);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!stream.end.is_finished());
    stream.link.lift(1);
    assert_eq!(stream.end.await.unwrap(), Err(Broken::Lost));
}

#[tokio::test]
async fn what_is_held_arrives_in_order_when_it_is_released() {
    let mut stream = stream();
    stream.link.disturb(1, Disruption::Hold);
    stream.say("one").await;
    stream.say("two").await;
    stream.until(|counts| counts.held == 6).await;
    assert!(stream.hear.try_recv().is_err());
    stream.link.lift(1);
    assert_eq!(stream.hear.recv().await.unwrap(), "one");
    assert_eq!(stream.hear.recv().await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn delayed_bytes_arrive_in_order_after_their_time() {
    let mut stream = stream();
    stream.link.disturb(1, Disruption::Delay { mean_ms: 1_000, jitter_ms: 900 });
    let begin = Instant::now();
    for text in ["a", "b", "c", "d"] {
        stream.say(text).await;
    }
    let mut heard = String::new();
    for _ in 0..4 {
        heard += &String::from_utf8_lossy(&stream.hear.recv().await.unwrap());
    }
    assert_eq!(heard, "abcd");
    assert!(Instant::now() - begin >= std::time::Duration::from_millis(100), "on the clock of the test");
    assert_eq!(stream.link.counts().delayed, 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_paced_arrives_when_the_fault_is_lifted_and_not_when_it_would_have() {
    let mut stream = stream();
    stream.link.disturb(1, Disruption::Bandwidth { bytes_per_s: 1 });
    let begin = Instant::now();
    stream.say("half a minute of bytes now").await;
    stream.until(|counts| counts.paced == 26).await;
    stream.link.disturb(2, Disruption::Delay { mean_ms: 1_000, jitter_ms: 0 });
    stream.link.lift(1);
    assert_eq!(stream.hear.recv().await.unwrap(), "half a minute of bytes now");
    stream.link.lift(2);
    stream.say("behind it").await;
    assert_eq!(stream.hear.recv().await.unwrap(), "behind it");
    assert!(Instant::now() - begin < std::time::Duration::from_secs(2), "on the clock of the test");
}

#[tokio::test]
async fn a_reset_ends_the_stream_at_once() {
    let stream = stream();
    stream.link.disturb(1, Disruption::Reset);
    assert_eq!(stream.end.await.unwrap(), Err(Broken::Reset));
    assert_eq!(stream.link.counts().resets, 1);
}

#[tokio::test]
async fn a_stream_ends_when_its_receiver_has_gone() {
    let stream = stream();
    drop(stream.hear);
    assert_eq!(stream.end.await.unwrap(), Err(Broken::Gone));
}

#[tokio::test]
async fn a_head_is_lost_held_or_reset_as_a_whole() {
    let link = Arc::new(Link::default());
    pass(&link, 10).await.unwrap();
    link.disturb(1, Disruption::Reset);
    assert_eq!(pass(&link, 10).await, Err(Broken::Reset));
    link.lift(1);
    let passing = |link: &Arc<Link>| {
        let link = Arc::clone(link);
        tokio::spawn(async move { pass(&link, 10).await })
    };

    link.disturb(2, Disruption::Cut);
    let cut = passing(&link);
    while link.counts().dropped == 0 {
        tokio::task::yield_now().await;
    }
    link.lift(2);
    assert_eq!(cut.await.unwrap(), Err(Broken::Lost));

    link.disturb(3, Disruption::Hold);
    let held = passing(&link);
    while link.counts().held == 0 {
        tokio::task::yield_now().await;
    }
    link.lift(3);
    assert_eq!(held.await.unwrap(), Ok(()));
    assert_eq!(link.counts().bytes, 20);
}
