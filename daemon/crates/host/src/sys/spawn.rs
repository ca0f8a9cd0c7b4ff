//! The start of a child: in a group of its own, with three descriptors and nothing else. On Linux the child borrows the memory of
//! the parent until it is the new program, as with posix_spawn: nothing is copied, however large the daemon is, and none of
//! its threads meets a page that has to be copied later. Unlike posix_spawn it can place and bound itself meanwhile.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "macos")]
use std::process::Command;
use std::{
    ffi::OsString,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
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

/// What the child reads and writes, and our other ends.
struct Pipes {
    theirs: [OwnedFd; 3],
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Pipes {
    /// All of them close when a program is started, this one or another.
    fn open(has_input: bool) -> io::Result<Self> {
        let (input, stdin) = if has_input {
            let (input, stdin) = io::pipe()?;
            (input.into(), Some(stdin.into()))
        } else {
            (std::fs::File::open("/dev/null")?.into(), None)
        };
        let ((stdout, output), (stderr, errors)) = (io::pipe()?, io::pipe()?);
        let theirs = [above_standard(input)?, above_standard(output.into())?, above_standard(errors.into())?];
        Ok(Self { theirs, stdin, stdout: stdout.into(), stderr: stderr.into() })
    }

    fn spawned(self, pid: i32) -> Spawned {
        Spawned { pid, stdin: self.stdin, stdout: self.stdout, stderr: self.stderr }
    }
}

/// None of them has a number that another one is to get.
fn above_standard(end: OwnedFd) -> io::Result<OwnedFd> {
    if end.as_raw_fd() > libc::STDERR_FILENO { Ok(end) } else { end.try_clone() }
}

#[cfg(target_os = "macos")]
pub(crate) fn spawn(launch: &Launch) -> io::Result<Spawned> {
    use std::os::unix::process::CommandExt;

    let pipes = Pipes::open(launch.has_input)?;
    let [input, output, errors] = &pipes.theirs;
    #[expect(clippy::disallowed_methods, reason = "this is where children are started")]
    let mut command = Command::new(&launch.line[0]);
    command
        .args(&launch.line[1..])
        .current_dir(&launch.cwd)
        .env_clear()
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .stdin(input.try_clone()?)
        .stdout(output.try_clone()?)
        .stderr(errors.try_clone()?)
        .process_group(0);
    let pid = i32::try_from(command.spawn()?.id()).expect("the kernel's process ids are positive i32");
    Ok(pipes.spawned(pid))
}
