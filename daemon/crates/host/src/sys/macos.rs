//! macOS: QoS classes, per-thread figures, sysctl, launchd's sockets, Mach time. Declares what `libc` lacks; what is not
//! in a public header is looked up by name at run time, so that its absence costs a figure and not the start.

#![expect(unsafe_code, reason = "system calls; each block says what the callee demands")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    io, mem,
    mem::MaybeUninit,
    os::fd::{FromRawFd, OwnedFd},
    ptr, slice,
    time::Duration,
};

use mach2::mach_time;

use crate::measure::ffi::{RusageV6, ThreadCounts, ThreadInfo};

unsafe extern "C" {
    // <pthread/qos.h>. Declared with plain numbers: a class that we do not know must not become an enum.
    fn pthread_set_qos_class_self_np(class: c_uint, relative: c_int) -> c_int;
    fn pthread_get_qos_class_np(thread: libc::pthread_t, class: *mut c_uint, relative: *mut c_int) -> c_int;
    // <launch.h>
    fn launch_activate_socket(name: *const c_char, descriptors: *mut *mut c_int, count: *mut usize) -> c_int;
    // <notify.h>
    fn notify_register_check(name: *const c_char, token: *mut c_int) -> u32;
    fn notify_get_state(token: c_int, state: *mut u64) -> u32;
    // <malloc/malloc.h>
    fn malloc_zone_pressure_relief(zone: *mut c_void, goal: usize) -> usize;
}

const PROC_PIDTHREADID64INFO: c_int = 15;
const PROC_PIDTHREADCOUNTS: c_int = 34;
const RUSAGE_INFO_V6: c_int = 6;

/// The kernel's 64-bit id of the calling thread.
pub(crate) fn thread_id() -> u64 {
    let mut id = 0;
    // SAFETY: thread 0 is the calling one; the callee writes one u64.
    unsafe { libc::pthread_threadid_np(0, &raw mut id) };
    id
}

/// Whether the calling thread is the one the program began with.
pub(crate) fn is_main_thread() -> bool {
    // SAFETY: takes nothing.
    unsafe { libc::pthread_main_np() == 1 }
}

/// Asks for a class for the calling thread. The function returns the error number and leaves `errno` alone.
pub(crate) fn set_qos(class: u32) -> io::Result<()> {
    // SAFETY: takes numbers only; relative priority 0 is the top of the class.
    match unsafe { pthread_set_qos_class_self_np(class, 0) } {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

/// The class that the calling thread has asked for; 0 if it has lost it.
pub(crate) fn qos() -> io::Result<u32> {
    let (mut class, mut relative) = (0, 0);
    // SAFETY: asks about the calling thread, which lives; writes two numbers.
    match unsafe { pthread_get_qos_class_np(libc::pthread_self(), &raw mut class, &raw mut relative) } {
        0 => Ok(class),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

/// Times and priorities of one thread of this process; `None` when it is gone.
pub(crate) fn thread_info(tid: u64) -> Option<ThreadInfo> {
    let mut info = MaybeUninit::<ThreadInfo>::zeroed();
    let size = c_int::try_from(size_of::<ThreadInfo>()).ok()?;
    // SAFETY: the callee writes at most `size` bytes, which is the size of `info`.
    let got =
        unsafe { libc::proc_pidinfo(libc::getpid(), PROC_PIDTHREADID64INFO, tid, info.as_mut_ptr().cast(), size) };
    // SAFETY: plain numbers: valid as zeroes, and filled when the callee reports the whole size.
    (got == size).then(|| unsafe { info.assume_init() })
}

/// Time of one thread by performance level, fastest first.
///
/// # Errors
/// `Unsupported` (virtual machines, old systems) or `NotFound` (the thread is gone).
pub(crate) fn thread_counts(tid: u64, levels: usize) -> io::Result<Vec<ThreadCounts>> {
    const HEADER: usize = 8;
    let bytes = HEADER + levels * size_of::<ThreadCounts>();
    let mut buffer = vec![0_u64; bytes / size_of::<u64>()];
    let size = c_int::try_from(bytes).map_err(io::Error::other)?;
    // SAFETY: the callee writes at most `size` bytes; the buffer is that long and aligned for u64.
    let got =
        unsafe { libc::proc_pidinfo(libc::getpid(), PROC_PIDTHREADCOUNTS, tid, buffer.as_mut_ptr().cast(), size) };
    if got <= 0 {
        return Err(io::Error::last_os_error());
    }
    let whole = usize::try_from(got).unwrap_or(0).min(bytes).saturating_sub(HEADER) / size_of::<ThreadCounts>();
    let counts = buffer[1..].chunks_exact(size_of::<ThreadCounts>() / size_of::<u64>());
    Ok(counts.take(whole).map(ThreadCounts::of_words).collect())
}

/// Figures of one process of this user, also of one that has ended and was not buried yet.
pub(crate) fn rusage(pid: i32) -> io::Result<RusageV6> {
    let mut usage = MaybeUninit::<RusageV6>::zeroed();
    // SAFETY: the callee writes what flavor 6 has, 464 bytes, which is the size of `usage`.
    let result = unsafe { libc::proc_pid_rusage(pid, RUSAGE_INFO_V6, usage.as_mut_ptr().cast()) };
    super::zero_or_errno(result)?;
    // SAFETY: plain numbers, written by the callee, which succeeded.
    Ok(unsafe { usage.assume_init() })
}

/// When a process of this user began, in microseconds since 1970, and its group.
pub(crate) fn process_start(pid: i32) -> Option<(u64, i32)> {
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = c_int::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    // SAFETY: the callee writes at most `size` bytes, which is the size of `info`.
    let got = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size) };
    if got != size {
        return None;
    }
    // SAFETY: plain numbers and characters, filled whole.
    let info = unsafe { info.assume_init() };
    let group = i32::try_from(info.pbi_pgid).ok()?;
    Some((info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec), group))
}

/// The children of a process, as far as the kernel lists them.
pub(crate) fn child_pids(parent: i32) -> Vec<i32> {
    let mut pids = vec![0_i32; 1024];
    let size = c_int::try_from(mem::size_of_val(pids.as_slice())).unwrap_or(0);
    // SAFETY: the callee writes at most `size` bytes, which is the length of `pids`; it returns the number of entries.
    let count = unsafe { libc::proc_listchildpids(parent, pids.as_mut_ptr().cast(), size) };
    pids.truncate(usize::try_from(count).unwrap_or(0));
    pids.retain(|&pid| pid > 1);
    pids
}

/// A number from sysctl, 4 or 8 bytes wide.
pub(crate) fn sysctl_int(name: &str) -> Option<u64> {
    let bytes = sysctl(name, 8)?;
    match bytes.len() {
        4 => Some(u64::from(u32::from_ne_bytes(bytes.try_into().ok()?))),
        8 => Some(u64::from_ne_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// A text from sysctl.
pub(crate) fn sysctl_text(name: &str) -> Option<String> {
    let bytes = sysctl(name, 256)?;
    let text = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(text.to_string_lossy().into_owned())
}

fn sysctl(name: &str, room: usize) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    let mut buffer = vec![0_u8; room];
    let mut size = room;
    // SAFETY: `name` ends in NUL; the callee writes at most `size` bytes into a buffer of that length, then the length
    // written to `size`; nothing is set.
    let result =
        unsafe { libc::sysctlbyname(name.as_ptr(), buffer.as_mut_ptr().cast(), &raw mut size, ptr::null_mut(), 0) };
    if result != 0 {
        return None;
    }
    buffer.truncate(size);
    Some(buffer)
}

/// Time since boot, sleep included.
pub(crate) fn continuous_time() -> Duration {
    // SAFETY: takes nothing, cannot fail.
    mach_ticks(unsafe { mach_time::mach_continuous_time() })
}

/// Mach ticks as time.
pub(crate) fn mach_ticks(ticks: u64) -> Duration {
    static BASE: std::sync::OnceLock<(u32, u32)> = std::sync::OnceLock::new();
    let &(numer, denom) = BASE.get_or_init(|| {
        let mut base = mach_time::mach_timebase_info { numer: 0, denom: 0 };
        // SAFETY: the callee writes one mach_timebase_info, which lives.
        unsafe { mach_time::mach_timebase_info(&raw mut base) };
        (base.numer.max(1), base.denom.max(1))
    });
    crate::measure::ffi::ticks_to_time(ticks, numer, denom)
}

/// Takes the sockets that launchd holds under `name`.
///
/// # Errors
/// The error number that launchd returns: `ENOENT`, `ESRCH`, `EALREADY`.
pub(crate) fn launchd_sockets(name: &str) -> io::Result<Vec<OwnedFd>> {
    let name = CString::new(name)?;
    let (mut descriptors, mut count) = (ptr::null_mut::<c_int>(), 0_usize);
    // SAFETY: `name` ends in NUL; the callee writes a pointer and a length.
    let number = unsafe { launch_activate_socket(name.as_ptr(), &raw mut descriptors, &raw mut count) };
    if number != 0 {
        return Err(io::Error::from_raw_os_error(number));
    }
    if descriptors.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: on success the pointer leads to `count` descriptors that are now ours alone.
    let owned = unsafe { slice::from_raw_parts(descriptors, count) }
        .iter()
        // SAFETY: each is open and handed to us; nobody else closes it.
        .map(|&descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
        .collect();
    // SAFETY: the array was allocated with malloc for the caller to free; not used afterwards.
    unsafe { libc::free(descriptors.cast()) };
    Ok(owned)
}

/// Registers a name of notify(3), for the rest of the process; the token under which its state is read.
///
/// # Errors
/// The status that notify(3) returns.
pub(crate) fn notify_register(name: &str) -> Result<c_int, u32> {
    const INVALID_NAME: u32 = 1;
    let name = CString::new(name).map_err(|_| INVALID_NAME)?;
    let mut token = 0;
    // SAFETY: `name` ends in NUL; the callee writes one number.
    match unsafe { notify_register_check(name.as_ptr(), &raw mut token) } {
        0 => Ok(token),
        status => Err(status),
    }
}

/// The state kept under a token's name.
///
/// # Errors
/// The status that notify(3) returns.
pub(crate) fn notify_state(token: c_int) -> Result<u64, u32> {
    let mut state = 0;
    // SAFETY: takes a number, writes one; an unknown token is refused.
    match unsafe { notify_get_state(token, &raw mut state) } {
        0 => Ok(state),
        status => Err(status),
    }
}

/// Gives free memory of all heaps back to the system; says how many bytes.
pub(crate) fn trim_heap() -> bool {
    // SAFETY: no zone means all zones, goal 0 as much as possible; the allocator takes its own locks.
    unsafe { malloc_zone_pressure_relief(ptr::null_mut(), 0) > 0 }
}

/// The number of cores on which the system runs BACKGROUND threads in parallel; `None` if the function has gone.
pub(crate) fn background_parallelism() -> Option<u32> {
    type Function = unsafe extern "C" fn(c_uint, libc::c_ulong) -> c_int;
    const BACKGROUND: c_uint = 0x09;
    // SAFETY: the name ends in NUL; looks only among what is loaded.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_qos_max_parallelism".as_ptr()) };
    if symbol.is_null() {
        return None;
    }
    // SAFETY: a function of this name has had this signature since 10.13.
    let function = unsafe { mem::transmute::<*mut c_void, Function>(symbol) };
    // SAFETY: takes numbers only.
    u32::try_from(unsafe { function(BACKGROUND, 0) }).ok()
}
