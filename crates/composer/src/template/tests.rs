//! Directories that the platform accepts, and one for each reason to reject.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

struct Draft {
    root: tempfile::TempDir,
}

impl Draft {
    fn new() -> Draft {
        let draft = Draft { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(draft.path("")).unwrap();
        draft
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("main").join(name)
    }

    fn file(&self, name: &str, content: &[u8], mode: u32) -> &Draft {
        std::fs::write(self.path(name), content).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn command(&self, name: &str) -> &Draft {
        self.file(name, SCRIPT.as_bytes(), 0o755)
    }

    fn rules(&self) -> Vec<(String, Rule)> {
        match Template::discover(&self.path("")) {
            Err(TemplateError::Rejected { findings, .. }) => findings
                .into_iter()
                .map(|f| (f.path.file_name().unwrap().to_string_lossy().into_owned(), f.rule))
                .collect(),
            other => panic!("not rejected: {other:?}"),
        }
    }
}

#[test]
fn commands_are_sorted_and_named_after_the_directory() {
    let draft = Draft::new();
    draft.command("parallel_driver_b.py").command("anytime_a").file("first_z", b"\x7fELF....", 0o755);
    let template = Template::discover(&draft.path("")).unwrap();
    assert_eq!(template.name, "main");
    let names: Vec<_> = template.listing().into_iter().map(|l| (l.command, l.kind)).collect();
    assert_eq!(
        names,
        [
            ("main/anytime_a".into(), Kind::Anytime),
            ("main/first_z".into(), Kind::First),
            ("main/parallel_driver_b.py".into(), Kind::ParallelDriver),
        ]
    );
    assert!(template.command("main/first_z").is_some_and(|c| c.path.ends_with("main/first_z")));
}

#[test]
fn helpers_are_ignored_whatever_they_are() {
    let draft = Draft::new();
    draft.command("anytime_a").file("helper_data.bin", b"", 0o600);
    std::fs::create_dir(draft.path("helper_lib")).unwrap();
    symlink("/nowhere/at/all", draft.path("helper_link")).unwrap();
    assert_eq!(Template::discover(&draft.path("")).unwrap().commands.len(), 1);
}

#[test]
fn links_to_commands_work_and_keep_their_own_name() {
    let draft = Draft::new();
    draft.command("helper_traffic");
    symlink(draft.path("helper_traffic"), draft.path("serial_driver_linked")).unwrap();
    std::fs::hard_link(draft.path("helper_traffic"), draft.path("anytime_hard")).unwrap();
    let template = Template::discover(&draft.path("")).unwrap();
    assert!(template.commands[1].path.ends_with("serial_driver_linked"));
    assert_eq!(template.commands.len(), 2);
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let draft = Draft::new();
    draft.command("parallel_driver_good").file("README.md", b"hello", 0o644).file(".gitkeep", b"", 0o644);
    draft.file("serial_driver_plain", SCRIPT.as_bytes(), 0o644).command("first_");
    draft.file("anytime_text", b"echo no shebang\n", 0o755).file("finally_empty", b"", 0o755);
    draft.file("finally_bare", b"#!\n", 0o755);
    std::fs::create_dir(draft.path("__pycache__")).unwrap();
    std::fs::create_dir(draft.path("eventually_dir")).unwrap();
    symlink("/nowhere/at/all", draft.path("singleton_driver_gone")).unwrap();
    let expected = [
        (".gitkeep", Rule::Unrecognised),
        ("README.md", Rule::Unrecognised),
        ("__pycache__", Rule::UnrecognisedDirectory),
        ("anytime_text", Rule::NeitherBinaryNorScript),
        ("eventually_dir", Rule::NotAFile),
        ("finally_bare", Rule::NeitherBinaryNorScript),
        ("finally_empty", Rule::NeitherBinaryNorScript),
        ("first_", Rule::Unrecognised),
        ("serial_driver_plain", Rule::NotExecutable),
        ("singleton_driver_gone", Rule::DanglingLink),
    ];
    assert_eq!(draft.rules(), expected.map(|(name, rule)| (name.to_owned(), rule)));
}

#[test]
fn the_message_names_the_file_and_what_to_do() {
    let draft = Draft::new();
    draft.file("serial_driver_plain", SCRIPT.as_bytes(), 0o644);
    let text = Template::discover(&draft.path("")).unwrap_err().to_string();
    assert!(text.contains("serial_driver_plain: not executable by this user; run chmod +x"), "{text}");
}

#[test]
fn a_template_without_drivers_and_anytime_has_nothing_to_schedule() {
    let draft = Draft::new();
    draft.command("first_a").command("eventually_b").command("finally_c");
    assert_eq!(draft.rules(), [("main".to_owned(), Rule::NothingToSchedule)]);
    draft.file("notes.txt", b"", 0o644);
    assert_eq!(draft.rules().len(), 2, "a stray file does not hide it");
    std::fs::remove_file(draft.path("notes.txt")).unwrap();
    draft.command("anytime_d");
    assert!(Template::discover(&draft.path("")).is_ok());
}

#[test]
fn names_that_are_not_utf8_are_rejected() {
    use std::os::unix::ffi::OsStrExt;
    let draft = Draft::new();
    draft.command("anytime_a");
    let name = std::ffi::OsStr::from_bytes(b"anytime_\xff");
    std::fs::write(draft.path("").join(name), SCRIPT).unwrap();
    assert_eq!(draft.rules()[0].1, Rule::NameNotUtf8);
}

#[test]
fn a_directory_that_is_not_there_is_unreadable() {
    let draft = Draft::new();
    let error = Template::discover(&draft.path("nope")).unwrap_err();
    assert!(matches!(error, TemplateError::Unreadable { .. }));
    assert!(error.to_string().contains("main/nope"));
}

#[test]
fn the_interpreter_of_a_script_is_read_from_its_first_line() {
    assert_eq!(shebang(b"#!/bin/sh -e\nx"), Some("/bin/sh".into()));
    assert_eq!(shebang(b"#! /usr/bin/env python3"), Some("/usr/bin/env".into()));
    assert_eq!(shebang(b"#!  \n/bin/sh"), None);
    assert_eq!(shebang(b"echo"), None);
}

#[test]
fn entries_that_somebody_else_has_seen_obey_the_same_rules() {
    use super::{Entry, EntryShape};
    let file = |name: &str, executable, head: &[u8]| Entry {
        file: name.into(),
        shape: EntryShape::File { executable, head: head.to_vec() },
    };
    let directory = std::path::Path::new("/opt/antithesis/test/v1/main");
    let fine = vec![file("serial_driver_b", true, b"\x7fELF"), file("anytime_a", true, b"#!/bin/sh\n")];
    let template = Template::of_entries(directory, fine).unwrap();
    let names: Vec<&str> = template.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["main/anytime_a", "main/serial_driver_b"]);
    let wrong = vec![
        file("README.md", false, b""),
        file("serial_driver_plain", false, b"#!/bin/sh\n"),
        file("serial_driver_text", true, b"echo"),
        Entry { file: "anytime_link".into(), shape: EntryShape::Dangling },
        Entry { file: "lib".into(), shape: EntryShape::Directory },
        Entry { file: "helper_lib".into(), shape: EntryShape::Directory },
    ];
    let TemplateError::Rejected { findings, .. } = Template::of_entries(directory, wrong).unwrap_err() else {
        panic!("it is refused for what is in it")
    };
    let rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(
        rules,
        [
            Rule::Unrecognised,
            Rule::DanglingLink,
            Rule::UnrecognisedDirectory,
            Rule::NotExecutable,
            Rule::NeitherBinaryNorScript
        ]
    );
}
