//! The start of a child: in a group of its own, with three descriptors and nothing else. On Linux the child borrows the memory of
//! the parent until it is the new program, as with posix_spawn: nothing is copied, however large the daemon is, and none of
//! its threads meets a page that has to be copied later. Unlike posix_spawn it can place and bound itself meanwhile.

#[cfg(target_os = "linux")]
mod linux;

use std::{ffi::OsString, os::fd::OwnedFd, path::PathBuf};
#[cfg(target_os = "macos")]
use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::atomic::{AtomicI32, Ordering},
};

#[cfg(target_os = "linux")]
pub(crate) use linux::spawn;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program, by an absolute path, and its arguments.
    pub(crate) line: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    /// It reads from a pipe; else from `/dev/null`.
    pub(crate) has_input: bool,
    /// What it does to itself before it is the program. What the system refuses is left as it was: the parent reads back what
    /// the child got.
    #[cfg(target_os = "linux")]
    pub(crate) wishes: super::InChild,
}

/// A child that has become its program, and our ends of its pipes.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: i32,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Writes the process id into `number` as soon as there is one: on Linux before the child can end.
#[cfg(target_os = "macos")]
pub(crate) fn spawn(launch: &Launch, number: &AtomicI32) -> io::Result<Spawned> {
    #[expect(clippy::disallowed_methods, reason = "this is where children are started")]
    let mut command = Command::new(&launch.line[0]);
    let mut child = command
        .args(&launch.line[1..])
        .current_dir(&launch.cwd)
        .env_clear()
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .stdin(if launch.has_input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pid = i32::try_from(child.id()).expect("the kernel's process ids are positive i32");
    number.store(pid, Ordering::Relaxed);
    Ok(Spawned {
        pid,
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().expect("it was asked for").into(),
        stderr: child.stderr.take().expect("it was asked for").into(),
    })
}
