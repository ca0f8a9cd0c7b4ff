//! Programs that tests put somewhere and run. Another process writes them: what is open for writing here would be open, too, in a
//! child that another thread forks at that moment, and a program that is open for writing cannot be run ("Text file busy").

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

/// Writes a shell script, and the folder that it is in.
pub fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut write = Command::new("/bin/sh");
    write.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "write"]).arg(path).stdin(Stdio::piped());
    let mut writer = write.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{body}\n").as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

/// Another name for a program, or a copy where the disk is another.
pub fn link(program: &Path, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _none = fs::remove_file(path);
    if fs::hard_link(program, path).is_err() {
        assert!(Command::new("cp").arg(program).arg(path).status().unwrap().success());
    }
}

/// Whether others fork at a bad moment is chance; if this process wrote the scripts itself, some of so many rounds would fail.
#[test]
fn what_was_put_there_runs_at_once_whatever_other_threads_start() {
    let home = tempfile::TempDir::new().unwrap();
    let path = home.path().join("bin/script");
    std::thread::scope(|scope| {
        let writing = Arc::new(());
        for _ in 0..8 {
            let writing = Arc::downgrade(&writing);
            scope.spawn(move || {
                while writing.strong_count() > 0 {
                    // With a user of its own it is forked while the threads beside this one go on.
                    let own = rustix::process::getuid().as_raw();
                    assert!(Command::new("true").uid(own).status().unwrap().success());
                }
            });
        }
        for round in 0..120 {
            script(&path, &format!("exit {round}"));
            assert_eq!(Command::new(&path).status().unwrap().code(), Some(round));
        }
    });
}
