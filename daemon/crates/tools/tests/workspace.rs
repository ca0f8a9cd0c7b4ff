//! Reading stays inside the workspace and meets only regular files; task files are whole, promised and comparable.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests race a second thread, make FIFOs and grant tokens as StepCtx does"
)]

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use agentd_base::{AttemptKey, Classify, ContentHash, EffectIntent, EffectToken, ErrorClass, StepId, TaskId};
use agentd_tools::{
    EffectState, Error, TaskFiles, Workspace,
    survey::{Limits, Progress, Survey},
};
use tempfile::TempDir;

const LIMIT: u64 = 1024;

fn pair() -> (TempDir, PathBuf, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    fs::write(inside.join("sub/file"), "inside").unwrap();
    (temp, inside, outside)
}

#[test]
fn opening_says_what_is_wrong() {
    let (_temp, inside, _) = pair();
    let class = |path: &Path| Workspace::open(path).unwrap_err().class();
    assert!(matches!(Workspace::open(Path::new("relative")), Err(Error::Relative { .. })));
    assert_eq!(class(&inside.join("nothing")), ErrorClass::NotFound);
    assert!(matches!(Workspace::open(&inside.join("sub/file")), Err(Error::NotADirectory { .. })));
    assert_eq!(Workspace::open(&inside).unwrap().path(), inside);
}

#[test]
fn no_path_and_no_link_leads_out() {
    let (_temp, inside, outside) = pair();
    symlink(outside.join("secret"), inside.join("absolute")).unwrap();
    symlink("../outside/secret", inside.join("relative")).unwrap();
    symlink("../outside", inside.join("folder")).unwrap();
    symlink("folder", inside.join("chain")).unwrap();
    symlink("loop", inside.join("loop")).unwrap();
    symlink("/proc/self/root", inside.join("magic")).unwrap();
    symlink("sub/file", inside.join("inner")).unwrap();
    let workspace = Workspace::open(&inside).unwrap();
    let tries =
        ["absolute", "relative", "folder/secret", "chain/secret", "../outside/secret", "sub/../../outside/secret"];
    for path in tries {
        let error = workspace.read_file(Path::new(path), LIMIT).unwrap_err();
        assert!(matches!(error, Error::Escapes { .. }), "{path}: {error:?}");
    }
    let secret = outside.join("secret");
    for path in ["loop", "magic/etc/passwd", secret.to_str().unwrap()] {
        workspace.read_file(Path::new(path), LIMIT).unwrap_err();
    }
    assert_eq!(workspace.read_file(Path::new("inner"), LIMIT).unwrap(), b"inside");
    assert_eq!(workspace.read_file(Path::new("sub/../sub/file"), LIMIT).unwrap(), b"inside");
}

#[test]
fn only_regular_files_of_bounded_size_are_read() {
    let (_temp, inside, _) = pair();
    assert!(Command::new("mkfifo").arg(inside.join("fifo")).status().unwrap().success());
    let _socket = UnixListener::bind(inside.join("socket")).unwrap();
    fs::File::create(inside.join("sparse")).unwrap().set_len(1 << 40).unwrap();
    fs::write(inside.join("exact"), vec![b'x'; 1024]).unwrap();
    fs::write(inside.join("more"), vec![b'x'; 1025]).unwrap();
    symlink("/dev/zero", inside.join("zero")).unwrap();
    let workspace = Workspace::open(&inside).unwrap();
    let read = |path: &str| workspace.read_file(Path::new(path), LIMIT);
    for path in ["fifo", "socket", "sub"] {
        assert!(matches!(read(path), Err(Error::NotAFile { .. })), "{path}: {:?}", read(path));
    }
    for path in ["sparse", "more"] {
        assert!(matches!(read(path), Err(Error::TooLarge { .. })), "{path}");
    }
    assert!(matches!(read("zero"), Err(Error::Escapes { .. })));
    assert_eq!(read("exact").unwrap().len(), 1024);
}

#[test]
fn a_folder_swapped_for_a_link_is_no_way_out() {
    let (_temp, inside, outside) = pair();
    fs::write(outside.join("file"), "outside").unwrap();
    symlink(&outside, inside.join("link")).unwrap();
    let workspace = Workspace::open(&inside).unwrap();
    let stop = AtomicBool::new(false);
    let (mut reads, mut refusals) = (0, 0);
    std::thread::scope(|scope| {
        let racer = scope.spawn(|| {
            let (sub, link, aside) = (inside.join("sub"), inside.join("link"), inside.join("aside"));
            let mut swaps = 0_u32;
            while swaps < 20_000 || !stop.load(Ordering::Relaxed) {
                for (from, to) in [(&sub, &aside), (&link, &sub), (&sub, &link), (&aside, &sub)] {
                    fs::rename(from, to).unwrap();
                }
                swaps += 1;
            }
        });
        for round in 0..20_000 {
            match workspace.read_file(Path::new("sub/file"), LIMIT) {
                Ok(content) => {
                    assert_eq!(content, b"inside", "escaped in round {round}");
                    reads += 1;
                }
                Err(_) => refusals += 1,
            }
            if round % 100 == 0 {
                let mut survey = Survey::start(&workspace, Limits::default()).unwrap();
                while survey.step(3) == Progress::More {}
                let manifest = survey.finish();
                assert!(
                    manifest.files.iter().all(|file| !file.path.contains("secret")),
                    "listed outside: {manifest:?}"
                );
            }
        }
        stop.store(true, Ordering::Relaxed);
        racer.join().unwrap();
    });
    assert!(reads + refusals == 20_000 && reads > 0, "{reads} reads, {refusals} refusals");
}

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
    files.write_file(token(&intent, 2), b"one").unwrap();

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
    let (_temp, state, outside) = pair();
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
    let (_temp, state, outside) = pair();
    let files = TaskFiles::open(&state).unwrap();
    let folder = state.join("tasks").join(task().to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::hard_link(outside.join("secret"), folder.join("twin")).unwrap();
    let intent = files.intent(task(), Path::new("twin"), b"new").unwrap();
    files.write_file(token(&intent, 1), b"new").unwrap();
    assert_eq!(fs::read(folder.join("twin")).unwrap(), b"new");
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"outside");
}
