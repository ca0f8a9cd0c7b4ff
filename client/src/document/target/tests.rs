//! What may stand at a path, and what is left there.

use std::os::fd::AsRawFd;

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Target::check(path.to_owned(), &|_| None)?.write(content.to_vec()))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.md");
    for content in [&b"old"[..], b"new and longer", b""] {
        write(&path, content).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    let one = Temporary::beside(&path, 0o600).unwrap();
    let other = Temporary::beside(&path, 0o600).unwrap();
    assert_ne!(one.path, other.path, "names cannot be known beforehand");
    drop((one, other));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write(&folder.path().join("nowhere/report.md"), b"x").is_err());
}

#[test]
fn what_is_there_keeps_its_mode_and_a_file_that_nobody_may_write_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.md");
    for (before, content) in [(0o600, &b"new"[..]), (0o664, b"new"), (0o444, b"old")] {
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        assert_eq!(Target::check(path.clone(), &|_| None).is_ok(), content == b"new", "{before:o}");
        assert_eq!(write(&path, b"new").is_ok(), content == b"new", "{before:o}");
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode(&path)), (content, before));
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_new_file_has_the_mode_of_new_files_whoever_makes_one_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, alone, raced] = ["plain", "alone", "raced"].map(|name| folder.path().join(name));
    std::fs::write(&plain, "").unwrap();
    write(&alone, b"new").unwrap();
    assert!(matches!(look(&raced), Ok(Found::Nothing)));
    std::fs::write(&raced, "of somebody else").unwrap();
    replace(&raced, None, b"new").unwrap();
    assert_eq!((mode(&alone), mode(&raced)), (mode(&plain), mode(&plain)));
}

/// Acts as other users, which only root can; each thread of Linux may be somebody else.
#[cfg(target_os = "linux")]
#[test]
fn a_file_keeps_its_owner_and_its_group_whoever_writes() {
    use rustix::{
        process::{Gid, Uid, geteuid},
        thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
    };
    const ALICE: u32 = 60_001;
    const BOB: u32 = 60_002;
    const TEAM: u32 = 60_003;
    if !geteuid().is_root() {
        println!("skipped: only root can act as another user");
        return;
    }
    let act = |user: u32, groups: &[u32], path: &Path| {
        let (group, groups) = (groups[0], groups.iter().copied().map(Gid::from_raw).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            let acted = scope.spawn(|| {
                set_thread_groups(&groups).unwrap();
                let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
                set_thread_res_gid(group, group, group).unwrap();
                set_thread_res_uid(user, user, user).unwrap();
                write(path, b"new").unwrap();
            });
            acted.join().unwrap();
        });
    };
    // Who writes, of which groups, into a folder of which mode; and whether the file can be replaced.
    for (who, user, groups, folder_mode, replaced) in [
        ("a colleague", BOB, &[BOB, TEAM][..], 0o777, false),
        ("its owner, of the group", ALICE, &[ALICE, TEAM], 0o777, true),
        ("its owner, who has left the group", ALICE, &[ALICE], 0o777, false),
        ("its owner, in a folder of others", ALICE, &[TEAM], 0o755, false),
        ("root", 0, &[0], 0o755, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
        let path = folder.path().join("report.md");
        std::fs::write(&path, "old and longer").unwrap();
        std::os::unix::fs::chown(&path, Some(ALICE), Some(TEAM)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o660)).unwrap();
        // Kept open, so that its number is not given to a new file.
        let before = File::open(&path).unwrap();
        act(user, groups, &path);
        let after = path.metadata().unwrap();
        assert_eq!((after.uid(), after.gid(), mode(&path)), (ALICE, TEAM, 0o660), "{who}");
        assert_eq!(after.ino() != before.metadata().unwrap().ino(), replaced, "{who}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new", "{who}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{who}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
fn links_are_followed_and_what_is_no_file_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("below")).unwrap();
    for (link, target) in [("link", "below/report.md"), ("second", "link")] {
        std::os::unix::fs::symlink(target, at(link)).unwrap();
        for content in ["made by it", "replaced"] {
            write(&at(link), content.as_bytes()).unwrap();
            assert!(at(link).is_symlink() && std::fs::read_to_string(at("below/report.md")).unwrap() == content);
        }
    }
    let pipe = at("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Open for both, so that neither side waits for the other.
    let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
    write(&pipe, b"through it").unwrap();
    let mut through = [0; 10];
    io::Read::read_exact(&mut reader, &mut through).unwrap();
    assert_eq!(&through, b"through it");
    assert!(!pipe.metadata().unwrap().is_file());
}

/// The offset is one for both: nobody writes over the other.
#[test]
fn what_is_open_is_written_on_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open");
    let open = File::create(&path).unwrap();
    let link = folder.path().join("link");
    let number = open.as_raw_fd();
    std::os::unix::fs::symlink(format!("/dev/fd/{number}"), &link).unwrap();
    (&open).write_all(b"before; ").unwrap();
    for name in [PathBuf::from(format!("/dev/fd/{number}")), link] {
        assert_eq!(opened(&name), Some(Opened::Here(number)));
        write(&name, b"written; ").unwrap();
        (&open).write_all(b"after; ").unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before; written; after; written; after; ");
    let reading = File::open(&path).unwrap();
    for number in [reading.as_raw_fd(), 1_000_000] {
        assert!(Target::check(format!("/dev/fd/{number}").into(), &|_| None).is_err(), "{number}");
    }
}

#[test]
fn the_streams_are_known_by_each_of_their_names() {
    let names = [("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/../dev/stderr", 2), ("/dev/fd/2", 2)];
    for (name, number) in names {
        assert_eq!(opened(Path::new(name)), Some(Opened::Here(number)), "{name}");
    }
    for name in ["/dev/null", "/dev/tty", "report.md", "/", "fd/1"] {
        assert_eq!(opened(Path::new(name)), None, "{name}");
    }
}
