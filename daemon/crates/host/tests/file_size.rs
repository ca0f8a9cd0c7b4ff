//! A limit on the size of files is a fault that can be told, and no death without a word; children meet it as they always do.
//! The process that meets it is this program, started once more.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "the test starts itself once more, below a limit")]

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

const FOLDER: &str = "AGENTD_TEST_FOLDER";

/// The process below the limit; does nothing unless the test below started it.
#[test]
fn limited() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let limits = agentd_host::harden();
    assert!(limits.faults.is_empty(), "{limits:?}");
    let path = Path::new(&folder).join("large");
    let refused = fs::write(&path, [1; 64 * 1024]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FileTooLarge, "{refused}");
    let (zeros, of_child) = (File::open("/dev/zero").unwrap(), File::create(path).unwrap());
    let child = Command::new("cat").stdin(zeros).stdout(of_child).stderr(Stdio::null()).status().unwrap();
    assert!(child.signal().is_some(), "a child ends by the signal: {child:?}");
    fs::write(Path::new(&folder).join("lives"), "").unwrap();
}

#[test]
fn a_file_that_grows_too_large_is_a_fault_and_no_death() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 16; exec \"$0\" --exact limited --nocapture"]).arg(program);
    let done = limited.env(FOLDER, folder.path()).output().unwrap();
    assert!(done.status.success() && folder.path().join("lives").exists(), "{done:?}");
}
