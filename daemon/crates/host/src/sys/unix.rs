//! What Linux and macOS have in common: clocks, limits, signals to groups, waiting, free space.

#![expect(unsafe_code, reason = "system calls; each block says what the callee demands")]

use std::{
    ffi::CString,
    io,
    mem::MaybeUninit,
    os::{fd::AsRawFd, fd::BorrowedFd, unix::ffi::OsStrExt},
    path::Path,
    time::Duration,
};

/// `0` becomes `Ok`, anything else the error in `errno`.
pub(crate) fn zero_or_errno(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads a clock of `clock_gettime`.
pub(crate) fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the callee writes one timespec; `time` is one, and lives.
    let result = unsafe { libc::clock_gettime(id, &raw mut time) };
    debug_assert_eq!(result, 0, "every clock this room asks for exists since long");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Fills at most 256 bytes with randomness of the kernel.
pub(crate) fn entropy(buffer: &mut [u8]) -> io::Result<()> {
    // SAFETY: the callee writes `len` bytes to a buffer that is exactly that long and borrowed mutably.
    zero_or_errno(unsafe { libc::getentropy(buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Soft and hard limit on open descriptors.
pub(crate) fn descriptor_limits() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the callee writes one rlimit; `limit` is one, and lives.
    zero_or_errno(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// Sets both limits on open descriptors.
pub(crate) fn set_descriptor_limits(soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the callee reads one rlimit; `limit` is one, and lives.
    zero_or_errno(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

/// No core dumps from here on, children included.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the callee reads one rlimit; `limit` is one, and lives.
    zero_or_errno(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) })
}

/// A write beyond the limit on the size of files answers EFBIG from here on, and no longer ends the process. Children get the
/// system's way back: a handler, unlike a signal that is ignored, ends with `exec`.
pub(crate) fn survive_large_files() -> io::Result<()> {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: sigaction is plain data for which all zeros are a valid value (no handler, empty mask, no flags).
    let mut ours: libc::sigaction = unsafe { std::mem::zeroed() };
    ours.sa_sigaction = nothing as *const () as usize;
    ours.sa_flags = libc::SA_RESTART;
    // SAFETY: the pointer is to a sigaction of ours that lives through the call, and its handler touches nothing.
    zero_or_errno(unsafe { libc::sigaction(libc::SIGXFSZ, &raw const ours, std::ptr::null_mut()) })
}

/// New files are for their owner alone.
pub(crate) fn private_umask() {
    // SAFETY: changes a number of the process, cannot fail.
    unsafe { libc::umask(0o077) };
}

/// Makes this process the leader of a new session, which has no terminal. Refused for the leader of a group.
pub(crate) fn new_session() -> io::Result<()> {
    // SAFETY: takes nothing and changes only to which session and group this process belongs.
    if unsafe { libc::setsid() } == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Number of this process's session: the process id of its leader.
pub(crate) fn session() -> i32 {
    // SAFETY: 0 means this process, for which the call cannot fail.
    unsafe { libc::getsid(0) }
}

/// Number of a process's group.
pub(crate) fn group_of(pid: i32) -> io::Result<i32> {
    // SAFETY: takes a number, answers one.
    let group = unsafe { libc::getpgid(pid) };
    if group == -1 { Err(io::Error::last_os_error()) } else { Ok(group) }
}

/// Moves this process into a group of its session; its own number makes a group anew.
pub(crate) fn join_group(group: i32) -> io::Result<()> {
    // SAFETY: takes numbers only; 0 means this process.
    zero_or_errno(unsafe { libc::setpgid(0, group) })
}

/// Sends a signal to a whole process group. A group that is gone counts as success.
pub(crate) fn signal_group(group: i32, signal: i32) -> io::Result<()> {
    if group <= 1 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput)); // 0 is our own group, 1 everybody's
    }
    // SAFETY: takes numbers only. A wrong group is the caller's matter: he compares start times first.
    gone_is_fine(unsafe { libc::killpg(group, signal) })
}

/// Sends a signal to one process. A process that is gone counts as success.
pub(crate) fn signal_process(pid: i32, signal: i32) -> io::Result<()> {
    if pid <= 1 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: takes numbers only; positive, so it means one process.
    gone_is_fine(unsafe { libc::kill(pid, signal) })
}

fn gone_is_fine(result: libc::c_int) -> io::Result<()> {
    match zero_or_errno(result) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other,
    }
}

/// Whether a child of ours has ended. It stays a zombie, so that its figures can still be read.
pub(crate) fn has_ended(pid: i32) -> io::Result<bool> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let id = libc::id_t::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the callee writes one siginfo_t, or leaves it as it is (zeroed) when nothing has ended.
    zero_or_errno(unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), flags) })?;
    // SAFETY: siginfo_t is plain numbers, for which zero bytes are valid; `si_pid` reads a field that waitid fills.
    Ok(unsafe { info.assume_init().si_pid() } != 0)
}

/// How a child ended (as `waitpid` says it) and what it used, its own awaited children included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reaped {
    pub(crate) status: i32,
    pub(crate) cpu: Duration,
}

/// Buries a child of ours if it has ended.
pub(crate) fn reap(pid: i32) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the callee writes one int and one rusage; both live, and the rusage is valid as zeroes too.
    let result = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    if result == 0 {
        return Ok(None);
    }
    // SAFETY: written by wait4, which reported a process; plain numbers in any case.
    let usage = unsafe { usage.assume_init() };
    Ok(Some(Reaped { status, cpu: of_timeval(usage.ru_utime) + of_timeval(usage.ru_stime) }))
}

/// CPU time of this process, all threads, dead ones included.
pub(crate) fn process_cpu() -> io::Result<Duration> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the callee writes one rusage; it lives.
    zero_or_errno(unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) })?;
    // SAFETY: written by getrusage, which succeeded.
    let usage = unsafe { usage.assume_init() };
    Ok(of_timeval(usage.ru_utime) + of_timeval(usage.ru_stime))
}

/// CPU time of the calling thread.
pub(crate) fn own_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the callee writes one timespec, which lives. It knows this clock, so the answer is always written.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn of_timeval(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// Bytes that this user may still write, and all bytes, of the file system that holds `path`.
#[expect(clippy::useless_conversion, reason = "the types are narrower on the other system")]
pub(crate) fn space(path: &Path) -> io::Result<(u64, u64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends in NUL; the callee writes one statvfs, which lives.
    zero_or_errno(unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) })?;
    // SAFETY: written by statvfs, which succeeded.
    let found = unsafe { found.assume_init() };
    let block = u64::from(found.f_frsize);
    Ok((u64::from(found.f_bavail).saturating_mul(block), u64::from(found.f_blocks).saturating_mul(block)))
}

/// Marks a descriptor so that no child inherits it.
pub(crate) fn close_on_exec(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor that is open for the borrow's time.
    let result = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether this process ignores a signal, as `nohup` makes it with SIGHUP.
pub(crate) fn ignores(signal: libc::c_int) -> io::Result<bool> {
    // SAFETY: sigaction is plain data for which all zeros are a valid value.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed, and the pointer is to a sigaction of ours that lives through the call.
    zero_or_errno(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut now) })?;
    Ok(now.sa_sigaction == libc::SIG_IGN)
}
