//! Every way in which a command can end is seen, recorded and scored for what it is.

use crate::desk::{Desk, PATIENCE, WELL, lives, until};
use composer::builtin::{RUN_TO_COMPLETION, Status, ZERO_EXIT_CODE, properties};
use composer::{Conclusion, Ending, Killer, NoTerminal, Progress, TerminalChoice};
use std::time::Duration;

/// Short enough to wait for; the scripts that must keep it have nothing to do.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn exit_codes_and_crashes_are_recorded_and_scored() {
    let desk = Desk::new(&[
        ("first_prepare", "exit 0"),
        ("parallel_driver_good", "exit 0"),
        ("parallel_driver_bad", "exit 3"),
        ("parallel_driver_crash", "kill -SEGV $$"),
        ("anytime_never", "exit 0"),
    ]);
    let drivers = ["parallel_driver_good", "parallel_driver_bad", "parallel_driver_crash"];
    let conclusion = desk.run(desk.plan(&drivers, TerminalChoice::None, PATIENCE), 4).await;
    assert_eq!(conclusion, Conclusion::NoTerminal(NoTerminal::NotPlanned));
    assert_eq!(desk.endings("first_prepare"), [WELL]);
    assert_eq!(desk.endings("parallel_driver_good"), [WELL]);
    assert_eq!(desk.endings("parallel_driver_bad"), [Ending::Exited { code: 3 }]);
    assert_eq!(desk.endings("parallel_driver_crash"), [Ending::Signalled { signal: 11 }]);

    let scored = properties(&desk.template().listing(), &desk.log().commands);
    let status = |group, file| {
        let name = format!("main/{file}");
        scored.iter().find(|p| p.group == group && p.name == name).map(|p| p.status)
    };
    for (file, exit_code, completion) in [
        ("parallel_driver_good", Status::Passing, Status::Passing),
        ("parallel_driver_bad", Status::Failing, Status::Passing),
        ("parallel_driver_crash", Status::Failing, Status::Failing),
        ("anytime_never", Status::NotExercised, Status::NotExercised),
    ] {
        assert_eq!(status(ZERO_EXIT_CODE, file), Some(exit_code), "{file}");
        assert_eq!(status(RUN_TO_COMPLETION, file), Some(completion), "{file}");
    }
}

#[tokio::test]
async fn output_is_kept_up_to_its_limit_and_counted_beyond() {
    let desk = Desk::new(&[
        ("parallel_driver_garbage", "printf 'a\\377\\000b\\n'; echo trouble >&2"),
        ("parallel_driver_loud", "head -c 300000 /dev/zero"),
    ]);
    let plan =
        desk.plan(&["parallel_driver_garbage", "parallel_driver_loud"], TerminalChoice::None, PATIENCE);
    let mut settings = desk.settings();
    settings.output_limit_bytes = 1_000;
    let mut composition = composer::Composition::new(&desk.template(), plan, settings).unwrap();
    composition.first().await.unwrap();
    composition.drive(until(|| desk.finished() == 2)).await.unwrap();
    composition.terminal().await.unwrap();

    let read = |name: &str| std::fs::read(desk.path("run/commands").join(name)).unwrap();
    assert_eq!((read("1.out"), read("1.err")), (b"a\xff\0b\n".to_vec(), b"trouble\n".to_vec()));
    assert_eq!(read("2.out").len(), 1_000);
    let loud = desk.of("parallel_driver_loud").remove(0).finished.unwrap();
    assert_eq!((loud.ending, loud.stdout_bytes, loud.stderr_bytes), (WELL, 300_000, 0));
}

#[tokio::test]
async fn what_hangs_is_killed_at_its_deadline_even_if_it_ignores_every_plea() {
    let ignores = "trap '' TERM INT HUP; echo $$ > $DESK/pid; while :; do sleep 1000; done";
    let desk = Desk::new(&[("singleton_driver_hang", ignores)]);
    desk.run(desk.plan(&[], TerminalChoice::None, SHORT), 1).await;
    assert_eq!(desk.endings("singleton_driver_hang"), [Ending::Killed { by: Killer::Deadline }]);
    let record = desk.of("singleton_driver_hang").remove(0);
    assert!(!lives(&record.pid.unwrap().to_string()));
}

#[tokio::test]
async fn nothing_outlives_the_command_that_started_it() {
    // It holds the output open, too: nobody may wait for that.
    let leaves = "sh -c 'trap \"\" TERM HUP; sleep 1000' & echo $! > $DESK/grandchild; exit 0";
    let desk = Desk::new(&[("parallel_driver_leaves", leaves)]);
    desk.run(desk.plan(&["parallel_driver_leaves"], TerminalChoice::None, PATIENCE), 1).await;
    assert_eq!(desk.endings("parallel_driver_leaves"), [WELL]);
    let grandchild = desk.left("grandchild").await;
    until(|| !lives(&grandchild)).await;
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_a_recorded_failure_with_a_reason() {
    let desk = Desk::new(&[("parallel_driver_good", "exit 0"), ("parallel_driver_locked", "exit 0")]);
    desk.executable("parallel_driver_alien", b"\x7fELF and then nothing of the kind");
    desk.executable("parallel_driver_orphan", b"#!/no/such/interpreter\n");
    let drivers =
        ["parallel_driver_alien", "parallel_driver_orphan", "parallel_driver_locked", "parallel_driver_good"];
    let mut composition = desk.composition(desk.plan(&drivers, TerminalChoice::None, PATIENCE));
    use std::os::unix::fs::PermissionsExt;
    let locked = desk.path("main/parallel_driver_locked");
    std::fs::set_permissions(locked, std::fs::Permissions::from_mode(0o600)).unwrap();
    composition.first().await.unwrap();
    composition.drive(until(|| desk.finished() == 4)).await.unwrap();
    composition.terminal().await.unwrap();

    for (file, what_to_do) in [
        ("parallel_driver_alien", "build it for this architecture"),
        ("parallel_driver_orphan", "wants /no/such/interpreter, which is not there"),
        ("parallel_driver_locked", "run chmod +x"),
    ] {
        let record = desk.of(file).remove(0);
        let Ending::NotStarted { reason } = record.finished.unwrap().ending else { panic!("{file} started") };
        assert!(reason.contains(file) && reason.contains(what_to_do), "{reason}");
        assert_eq!(record.pid, None);
    }
    assert_eq!(desk.endings("parallel_driver_good"), [WELL]);
}

#[tokio::test]
async fn each_execution_has_its_number_and_seed_and_watchers_see_what_the_record_says() {
    let desk = Desk::new(&[
        ("first_a", "echo $N $SEED > $DESK/seen.$N"),
        ("parallel_driver_a", "echo $N $SEED > $DESK/seen.$N"),
    ]);
    let plan = desk.plan(&["parallel_driver_a", "parallel_driver_a"], TerminalChoice::None, PATIENCE);
    let first_seed = plan.first.clone().unwrap().seed;
    desk.run(plan, 3).await;
    let log = desk.log().commands;
    assert_eq!(log.iter().map(|c| c.seed).collect::<Vec<_>>(), [first_seed, 100, 101]);
    for record in &log {
        let seen = desk.left(&format!("seen.{}", record.n)).await;
        assert_eq!(seen, format!("{} {}", record.n, record.seed));
    }
    let progress = desk.progress.lock().unwrap();
    for record in &log {
        let told = progress.iter().any(|event| {
            matches!(event, Progress::Finished { launch, finish }
                if launch.n == record.n && Some(finish) == record.finished.as_ref())
        });
        assert!(told, "nobody was told of the end of {record:?}");
    }
}
