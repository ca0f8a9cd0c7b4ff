//! Reading stays inside the workspace and meets only regular files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests race a second thread and make FIFOs")]

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use agentd_base::{Classify, ErrorClass};
use agentd_tools::{
    Error, Workspace,
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
