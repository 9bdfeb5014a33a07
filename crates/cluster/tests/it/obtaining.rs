//! Finding a program: in every place, in the right order, and in spite of bad lines and bad files. The
//! program is a toy, served from loopback; the real sources are used by the tests of etcd.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cluster::config::Places;
use cluster::digest::Sha256;
use cluster::obtain::{Binary, Note, Notes, ObtainError, Wanted};
use cluster::{Chart, obtain, yaml};
use tempfile::TempDir;

use crate::file_server::FileServer;

/// A program that tells this version.
fn toy(version: &str) -> String {
    // Long, so that an archive of it does not fit into one packet.
    format!("#!/bin/sh\necho 'Toy Version: {version}'\n# {}\n", noise())
}

/// Text that does not compress to nothing.
fn noise() -> String {
    (0..4_000_u32).map(|at| Sha256::of(&at.to_le_bytes()).to_string()).collect()
}

/// A `.tar.gz` with the program `toy` inside.
fn archive(version: &str) -> Vec<u8> {
    let text = toy(version);
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, content) in [("README", "nothing"), ("toy-dir/toy", text.as_str())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

struct Fixture {
    chart: Chart,
    places: Places,
    dir: TempDir,
}

/// A chart of the toy; its sources are added.
const CHART: &str = "\
name: toy
about: a toy
process: {sizes: [1], sizes_because: it is a toy, member: toy, ports: {client: http}, arguments: []}
address: {port: client, environment: TOYS}
ready: {tcp: {send: a, expect: b}}
binary:
  file: toy
  version: {arguments: [], after: 'Toy Version: '}
  prefer: [1.2.3]
  sources:
";

/// A source of that chart.
const SOURCE: &str = "
    - archive:
        title: source INDEX
        url: URL/toy-{version}-{arch}
        member: toy-dir/toy
        versions: {1.2.3: {amd64: SUM, arm64: SUM}}
";

/// The toy's version 1.2.3 at each of the URLs, with the digest of `file`, and places that are still empty.
fn fixture(urls: &[&str], file: &[u8]) -> Fixture {
    let sum = Sha256::of(file).to_string();
    let mut text = CHART.to_owned();
    for (at, url) in urls.iter().enumerate() {
        text += &SOURCE.replace("INDEX", &at.to_string()).replace("URL", url).replace("SUM", &sum);
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let places =
        Places { cache: at("cache"), path: vec![at("bin")], apt: at("apt"), os_release: at("os-release") };
    Fixture { chart: yaml::from_text(Path::new("toy.yaml"), &text).unwrap(), places, dir }
}

impl Fixture {
    async fn get(&self, wanted: &Wanted) -> Result<Binary, ObtainError> {
        obtain(&self.chart, wanted, &self.places, Arc::new(|_| {})).await
    }

    fn program(&self, path: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn downloads(&self) -> PathBuf {
        self.places.cache.join("toy/downloads")
    }

    /// What is in the cache, but for locks.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.places.cache.join("toy")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.ends_with(".lock")).collect();
        names.sort();
        names
    }
}

fn version(text: &str) -> Wanted {
    Wanted { version: Some(text.parse().unwrap()), bin: None }
}

#[tokio::test]
async fn a_download_is_verified_unpacked_and_kept() {
    let file = archive("1.2.3");
    let server = FileServer::start(file.clone(), usize::MAX);
    let fixture = fixture(&[&server.url], &file);
    let notes: Arc<Mutex<Vec<Note>>> = Arc::default();
    let sink = Arc::clone(&notes);
    let sink: Notes = Arc::new(move |note| sink.lock().unwrap().push(note));
    let found = obtain(&fixture.chart, &Wanted::default(), &fixture.places, sink).await.unwrap();
    assert_eq!((found.version.as_str(), found.from.as_str()), ("1.2.3", "source 0"));
    assert_eq!(fs::read_to_string(&found.path).unwrap(), toy("1.2.3"));
    assert!(matches!(&notes.lock().unwrap()[0], Note::Trying { source, .. } if source == "source 0"));

    let again = fixture.get(&version("v1.2.3")).await.unwrap();
    assert_eq!(again.path, found.path);
    assert_eq!(again.from, "the cache (it came from source 0)");
    assert_eq!(server.seen().len(), 1, "the second time nothing is downloaded");
    assert_eq!(fixture.cached(), ["1.2.3", "downloads"]);
    assert_eq!(fs::read_dir(fixture.downloads()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_wrong_file_is_refused_by_name_and_removed() {
    let (pinned, served) = (archive("1.2.3"), archive("6.6.6"));
    let server = FileServer::start(served.clone(), usize::MAX);
    let fixture = fixture(&[&server.url], &pinned);
    let error = fixture.get(&Wanted::default()).await.unwrap_err().to_string();
    let (expected, actual) = (Sha256::of(&pinned), Sha256::of(&served));
    let reason = format!("has the wrong SHA-256 and was removed: expected {expected}, got {actual}");
    assert!(error.contains(&reason), "{error}");
    assert!(error.contains(&server.url), "{error}");
    assert_eq!(fs::read_dir(fixture.downloads()).unwrap().count(), 0);
    assert_eq!(fixture.cached(), ["downloads"]);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let file = archive("1.2.3");
    let server = FileServer::start(file.clone(), 30_000);
    let fixture = fixture(&[&server.url], &file);
    fixture.get(&Wanted::default()).await.unwrap();
    assert_eq!(server.seen(), ["", "bytes=30000-"]);
}

#[tokio::test]
async fn what_an_earlier_run_left_is_used_or_thrown_away() {
    let file = archive("1.2.3");
    for (left, requests) in [
        (file[..1000].to_vec(), vec!["bytes=1000-"]),
        // As long as the file, but another: once more, from nothing.
        (vec![7; 1000], vec!["bytes=1000-", ""]),
        (vec![7; file.len() + 5], vec![&*format!("bytes={}-", file.len() + 5), ""]),
    ] {
        let server = FileServer::start(file.clone(), usize::MAX);
        let fixture = fixture(&[&server.url], &file);
        fs::create_dir_all(fixture.downloads()).unwrap();
        fs::write(fixture.downloads().join(format!("{}.part", Sha256::of(&file))), left).unwrap();
        fixture.get(&Wanted::default()).await.unwrap();
        assert_eq!(server.seen(), requests);
    }
}

#[tokio::test]
async fn a_source_that_does_not_serve_is_passed_over_and_remembered() {
    let file = archive("1.2.3");
    let server = FileServer::start(file.clone(), usize::MAX);
    let fixture = fixture(&["http://127.0.0.1:1", &server.url], &file);
    let found = fixture.get(&Wanted::default()).await.unwrap();
    assert_eq!(found.from, "source 1");
    let tried: Vec<_> = found.tried.iter().map(ToString::to_string).collect();
    assert_eq!(tried.len(), 1);
    assert!(tried[0].starts_with("1.2.3 from source 0: http://127.0.0.1:1/toy-1.2.3-"), "{}", tried[0]);
    assert!(tried[0].contains("refused"), "{}", tried[0]);
}

#[tokio::test]
async fn when_nothing_serves_every_place_is_listed() {
    let fixture = fixture(&["http://127.0.0.1:1", "http://127.0.0.1:2"], b"");
    fixture.program("bin/toy", &toy("0.9"));
    let error = fixture.get(&version("1.2.3")).await.unwrap_err().to_string();
    let lines: Vec<_> = error.lines().map(str::trim).collect();
    assert_eq!(lines[0], "toy could not be had. Tried:");
    assert!(lines[1].starts_with("1.2.3 from the PATH: ") && lines[1].ends_with("is version 0.9"), "{error}");
    assert!(lines[2].starts_with("1.2.3 from source 0: http://127.0.0.1:1/"), "{error}");
    assert!(lines[3].starts_with("1.2.3 from source 1: http://127.0.0.1:2/"), "{error}");
    assert_eq!(lines[4], "Give a program that is there, or put one on the PATH");
}

#[tokio::test]
async fn the_path_serves_where_its_version_does() {
    let fixture = fixture(&["http://127.0.0.1:1"], b"");
    let path = fixture.program("bin/toy", &toy("0.9"));
    for wanted in [Wanted::default(), version("0.9")] {
        let found = fixture.get(&wanted).await.unwrap();
        assert_eq!((&found.path, found.from.as_str()), (&path, "the PATH"));
    }
    assert!(!fixture.places.cache.exists(), "the cache is not even made");
}

#[tokio::test]
async fn a_named_program_is_used_or_refused_never_replaced() {
    let fixture = fixture(&["http://127.0.0.1:1"], b"");
    let bin = fixture.program("my-toy", &toy("0.9"));
    let wanted = Wanted { bin: Some(bin.clone()), version: None };
    assert_eq!(fixture.get(&wanted).await.unwrap().version.as_str(), "0.9");

    let wanted = Wanted { bin: Some(bin.clone()), ..version("1.2.3") };
    let error = fixture.get(&wanted).await.unwrap_err().to_string();
    assert_eq!(error, format!("{} is version 0.9, not 1.2.3: leave out one of the two", bin.display()));

    let mute = fixture.program("mute", "#!/bin/sh\n");
    let error = fixture.get(&Wanted { bin: Some(mute), version: None }).await.unwrap_err().to_string();
    assert!(error.ends_with("prints no version after `Toy Version: `"), "{error}");
    let missing = Wanted { bin: Some("/nowhere/toy".into()), version: None };
    let error = fixture.get(&missing).await.unwrap_err().to_string();
    assert_eq!(error, "cannot use /nowhere/toy: toy: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_version_that_nobody_has_is_refused_with_the_nearest() {
    let fixture = fixture(&["http://127.0.0.1:1"], b"");
    let error = fixture.get(&version("1.2.4")).await.unwrap_err().to_string();
    let expected = "no source has toy 1.2.4 (did you mean 1.2.3?); known versions: 1.2.3. ";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn runs_at_the_same_time_download_once() {
    let file = archive("1.2.3");
    let server = FileServer::start(file.clone(), usize::MAX);
    let fixture = Arc::new(fixture(&[&server.url], &file));
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let fixture = Arc::clone(&fixture);
        runs.spawn(async move { fixture.get(&Wanted::default()).await.unwrap().path });
    }
    let paths = runs.join_all().await;
    assert!(paths.iter().all(|path| *path == paths[0]));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_cached_program_that_is_not_what_it_claims_is_replaced() {
    let file = archive("1.2.3");
    let server = FileServer::start(file.clone(), usize::MAX);
    let fixture = fixture(&[&server.url], &file);
    let path = fixture.program("cache/toy/1.2.3/toy", &toy("6.6.6"));
    let found = fixture.get(&Wanted::default()).await.unwrap();
    assert_eq!(found.tried[0].to_string(), "1.2.3 from the cache: it gave version 6.6.6");
    assert_eq!((&found.path, found.from.as_str()), (&path, "source 0"));
    assert_eq!(fs::read_to_string(path).unwrap(), toy("1.2.3"));
}

#[tokio::test]
async fn an_archive_with_another_version_inside_is_refused() {
    let file = archive("1.2.2");
    let server = FileServer::start(file.clone(), usize::MAX);
    let fixture = fixture(&[&server.url], &file);
    let error = fixture.get(&Wanted::default()).await.unwrap_err().to_string();
    assert!(error.contains("1.2.3 from source 0: it gave version 1.2.2"), "{error}");
    assert_eq!(fixture.cached(), ["downloads"]);
}
