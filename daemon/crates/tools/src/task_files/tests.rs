//! Task files are whole, promised and comparable, also after a crash at any point.
#![allow(clippy::disallowed_methods, reason = "tests grant tokens as StepCtx does")]

mod power;

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
};

use agentd_base::{Classify, ErrorClass, StepId};

use super::*;

fn task() -> TaskId {
    TaskId::from_parts(1_700_000_000_000, 7)
}

fn token(intent: &EffectIntent, attempt: u32) -> EffectToken {
    EffectToken::granted(AttemptKey { task: task(), step: StepId(3), attempt }, intent.clone())
}

#[test]
fn task_files_are_written_once_and_seen_as_done() {
    let state = tempfile::tempdir().unwrap();
    let files = TaskFiles::open(state.path()).unwrap();
    let intent = files.intent(task(), Path::new("a/report.md"), b"one").unwrap();
    let EffectIntent::WriteFile { path, before, .. } = &intent;
    assert_eq!((path.clone(), *before), (PathBuf::from(format!("tasks/{}/a/report.md", task())), None));
    assert_eq!(files.observe(&intent).unwrap(), EffectState::NotDone);
    let wrong = files.write_file(token(&intent, 1), b"two").unwrap_err();
    assert!(matches!(wrong, Error::WrongContent { .. }));
    files.write_file(token(&intent, 1), b"one").unwrap();
    assert_eq!(files.observe(&intent).unwrap(), EffectState::Done);
    // A second time nothing is written: the very same file stays.
    let inode = || fs::metadata(state.path().join(path)).unwrap().ino();
    let first = inode();
    files.write_file(token(&intent, 2), b"one").unwrap();
    assert_eq!(inode(), first);

    let next = files.intent(task(), Path::new("a/report.md"), b"two").unwrap();
    fs::write(state.path().join(path), "by hand").unwrap();
    assert_eq!(files.observe(&next).unwrap(), EffectState::Drift);
    assert_eq!(files.write_file(token(&next, 1), b"two").unwrap_err().class(), ErrorClass::Drift);
    assert_eq!(fs::read(state.path().join(path)).unwrap(), b"by hand");
}

#[test]
fn every_point_of_a_crash_leaves_the_old_file_or_the_new_one() {
    let state = tempfile::tempdir().unwrap();
    let files = TaskFiles::open(state.path()).unwrap();
    let folder = state.path().join("tasks").join(task().to_string());
    let intent = files.intent(task(), Path::new("out.txt"), b"new").unwrap();
    let leftover = folder.join(".agentd-3-1.tmp");
    // What a crash leaves behind: nothing; some folders; a torn temporary file; a whole one; the renamed file.
    let crashes: [(&str, &dyn Fn()); 5] = [
        ("before anything", &|| ()),
        ("after a folder", &|| fs::create_dir_all(&folder).unwrap()),
        ("in the middle of the temporary file", &|| fs::write(&leftover, b"n").unwrap()),
        ("before the rename", &|| fs::write(&leftover, b"new").unwrap()),
        ("temporary name taken by a link", &|| {
            let _ = fs::remove_file(&leftover);
            symlink("/dev/null", &leftover).unwrap();
        }),
    ];
    for (when, crash) in crashes {
        let _ = fs::remove_file(folder.join("out.txt"));
        crash();
        assert_eq!(files.observe(&intent).unwrap(), EffectState::NotDone, "{when}");
        files.write_file(token(&intent, 1), b"new").unwrap();
        assert_eq!(files.observe(&intent).unwrap(), EffectState::Done, "{when}");
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["out.txt"], "{when}");
    }
    fs::write(&leftover, b"n").unwrap();
    assert_eq!(files.observe(&intent).unwrap(), EffectState::Done, "a leftover beside the new file is harmless");
}

#[test]
fn task_files_stay_in_the_folder_of_their_task() {
    let temp = tempfile::tempdir().unwrap();
    let (state, outside) = (temp.path().join("state"), temp.path().join("outside"));
    fs::create_dir(&state).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    let files = TaskFiles::open(&state).unwrap();
    let other = TaskId::from_parts(1, 1);
    let bad = ["../x", "../../x", "/etc/x", "a/../../x", ".git/config", "a/.GIT/config", ".agentd-1-1.tmp", "", "./"];
    for name in bad {
        let refused = files.intent(task(), Path::new(name), b"").unwrap_err();
        assert!(matches!(refused, Error::BadTaskPath { .. }), "{name}: {refused:?}");
    }
    let foreign = files.intent(other, Path::new("x"), b"x").unwrap();
    assert!(matches!(files.write_file(token(&foreign, 1), b"x"), Err(Error::BadTaskPath { .. })));

    // Links on the way, at the end and as the task's own folder.
    let folder = state.join("tasks").join(task().to_string());
    fs::create_dir_all(&folder).unwrap();
    symlink(&outside, folder.join("way")).unwrap();
    symlink(outside.join("secret"), folder.join("end")).unwrap();
    for name in ["way/secret", "end"] {
        let path = PathBuf::from(format!("tasks/{}/{name}", task()));
        let intent = EffectIntent::WriteFile { path, before: None, after: ContentHash::of(b"x") };
        assert_eq!(files.observe(&intent).unwrap(), EffectState::Drift, "{name}");
        assert!(files.write_file(token(&intent, 1), b"x").is_err(), "{name}");
    }
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"outside");
}

#[test]
fn a_file_with_two_names_is_replaced_and_not_changed_in_place() {
    let temp = tempfile::tempdir().unwrap();
    let (state, outside) = (temp.path().join("state"), temp.path().join("outside"));
    fs::create_dir(&state).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    let files = TaskFiles::open(&state).unwrap();
    let folder = state.join("tasks").join(task().to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::hard_link(outside.join("secret"), folder.join("twin")).unwrap();
    let intent = files.intent(task(), Path::new("twin"), b"new").unwrap();
    files.write_file(token(&intent, 1), b"new").unwrap();
    assert_eq!(fs::read(folder.join("twin")).unwrap(), b"new");
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"outside");
}

/// With each switch that leaves out one sync, order or check, one of these must turn red.
#[cfg(feature = "sabotage")]
mod sabotage {
    use crate::sabotage::{Check, first_red, prove};

    const CHECKS: [Check<'_>; 5] = [
        ("task_files_are_written_once_and_seen_as_done", &super::task_files_are_written_once_and_seen_as_done),
        (
            "every_point_of_a_crash_leaves_the_old_file_or_the_new_one",
            &super::every_point_of_a_crash_leaves_the_old_file_or_the_new_one,
        ),
        ("task_files_stay_in_the_folder_of_their_task", &super::task_files_stay_in_the_folder_of_their_task),
        ("what_was_told_as_done_survives_power_cuts", &super::power::what_was_told_as_done_survives_power_cuts),
        (
            "what_a_killed_attempt_wrote_is_durable_before_it_counts",
            &super::power::what_a_killed_attempt_wrote_is_durable_before_it_counts,
        ),
    ];

    #[test]
    fn every_switch_turns_the_tests_red() {
        assert_eq!(first_red(&CHECKS), None, "without a switch all is green");
        println!("{}", prove(&CHECKS));
    }
}
