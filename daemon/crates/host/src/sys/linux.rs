//! Linux: affinity, nice, process flags, the allocator of glibc.

#![expect(unsafe_code, reason = "system calls; each block says what the callee demands")]

use std::{io, mem, ptr};

use super::zero_or_errno;

/// The kernel's id of the calling thread.
pub(crate) fn thread_id() -> u64 {
    // SAFETY: takes nothing, cannot fail.
    u64::from(unsafe { libc::gettid() }.unsigned_abs())
}

/// The logical cpus on which a thread (0: the calling one) may run, rising.
pub(crate) fn affinity(tid: i32) -> io::Result<Vec<u32>> {
    // SAFETY: a cpu_set_t is an array of numbers; zeroes are the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the callee writes at most the given size, which is that of `set`.
    zero_or_errno(unsafe { libc::sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), &raw mut set) })?;
    let cpus = 0..u32::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: every number is below CPU_SETSIZE, so inside the array.
    Ok(cpus.filter(|&cpu| unsafe { libc::CPU_ISSET(cpu as usize, &set) }).collect())
}

fn cpu_set(cpus: &[u32]) -> libc::cpu_set_t {
    // SAFETY: a cpu_set_t is an array of numbers; zeroes are the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    let limit = u32::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    for &cpu in cpus.iter().filter(|&&cpu| cpu < limit) {
        // SAFETY: `cpu` is below CPU_SETSIZE, so inside the array.
        unsafe { libc::CPU_SET(cpu as usize, &mut set) };
    }
    set
}

/// Pins the calling thread.
pub(crate) fn set_affinity(cpus: &[u32]) -> io::Result<()> {
    let set = cpu_set(cpus);
    // SAFETY: the callee reads the given size, which is that of `set`.
    zero_or_errno(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

/// Nice of one thread or process (0: the calling thread).
pub(crate) fn nice(tid: u32) -> io::Result<i32> {
    // SAFETY: points into thread-local storage that lives as long as the thread.
    unsafe { *libc::__errno_location() = 0 };
    // SAFETY: takes numbers only. -1 is an answer too, hence errno.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, tid) };
    match io::Error::last_os_error() {
        error if nice == -1 && error.raw_os_error() != Some(0) => Err(error),
        _ => Ok(nice),
    }
}

/// Sets nice of the calling thread alone: Linux keeps it per thread.
pub(crate) fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: takes numbers only; 0 is the calling thread.
    zero_or_errno(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })
}

/// No other process of the user may read this one's memory or attach to it; `/proc/self` then belongs to root.
pub(crate) fn forbid_dumps_of_memory() -> io::Result<()> {
    // SAFETY: changes a flag of the process.
    zero_or_errno(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })
}

/// Descendants whose parents died become our children, so that they can be found and buried.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    // SAFETY: changes a flag of the process.
    zero_or_errno(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
}

/// Clock ticks per second in `/proc/*/stat`.
pub(crate) fn ticks_per_second() -> u64 {
    // SAFETY: takes a number only.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1)
}

/// What a child does to itself before it is its program. What the system refuses is left as it was.
#[derive(Debug, Clone)]
pub(crate) struct InChild {
    cpus: Option<libc::cpu_set_t>,
    nice: Option<i32>,
    descriptors: Option<u64>,
}

impl InChild {
    /// Cpus to run on, if any; nice to run at, `None` leaves what was inherited; and the soft limit on descriptors as it was
    /// before the daemon raised its own: some programs loop over all of them.
    pub(crate) fn new(cpus: &[u32], nice: Option<i32>, descriptors: Option<u64>) -> Self {
        Self { cpus: (!cpus.is_empty()).then(|| cpu_set(cpus)), nice, descriptors }
    }

    /// Applies all of it to this process.
    ///
    /// # Safety
    /// To be called in a child that has a process of its own and perhaps borrows the memory of its parent.
    pub(super) unsafe fn apply(&self) {
        // SAFETY: raw system calls on numbers: nothing here allocates, locks or touches memory of other threads.
        unsafe {
            if let Some(cpus) = &self.cpus {
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), cpus);
            }
            if let Some(nice) = self.nice {
                libc::setpriority(libc::PRIO_PROCESS, 0, nice);
            }
            // Not setrlimit: on an old kernel some C libraries then call all threads together.
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::prlimit(0, libc::RLIMIT_CORE, &raw const none, ptr::null_mut());
            let mut files = none;
            if let Some(soft) = self.descriptors
                && libc::prlimit(0, libc::RLIMIT_NOFILE, ptr::null(), &raw mut files) == 0
            {
                files.rlim_cur = soft.min(files.rlim_max);
                libc::prlimit(0, libc::RLIMIT_NOFILE, &raw const files, ptr::null_mut());
            }
            // The daemon's bound on its own memory is none for compilers and tests.
            let mut data = none;
            if libc::prlimit(0, libc::RLIMIT_DATA, ptr::null(), &raw mut data) == 0 {
                data.rlim_cur = data.rlim_max;
                libc::prlimit(0, libc::RLIMIT_DATA, &raw const data, ptr::null_mut());
            }
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        }
    }
}

/// Lowers the soft limit on memory that is written to (heap, stacks) to `bytes`, unless it is lower already.
pub(crate) fn limit_data(bytes: u64) -> std::io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the callee writes one rlimit; `limit` is one, and lives.
    if unsafe { libc::getrlimit(libc::RLIMIT_DATA, &raw mut limit) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_cur.min(bytes);
    // SAFETY: the callee reads one rlimit; `limit` is one, and lives.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
    if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// At most `arenas` heaps of glibc, however many threads there are, and blocks of `large` bytes and more outside them.
#[cfg(target_env = "gnu")]
pub(crate) fn limit_arenas(arenas: i32, large: i32) -> bool {
    // SAFETY: sets numbers of the allocator; glibc allows it at any time.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) == 1 && libc::mallopt(libc::M_MMAP_THRESHOLD, large) == 1 }
}

/// Lets go of the pages of the program file that were only read: its code and constants. They are read again when touched.
/// Answers how many segments were let go of.
pub(crate) fn forget_program_pages() -> usize {
    unsafe extern "C" fn each(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        count: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: dl_iterate_phdr passes one valid entry, whose headers live as long as the object is loaded; `count` is
        // what we gave it below.
        let (info, count) = unsafe { (&*info, &mut *count.cast::<usize>()) };
        // SAFETY: the loader fills in address and number of the headers together.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0)
        {
            // SAFETY: sysconf reads a constant of the system.
            let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4_096);
            let begin = (info.dlpi_addr + header.p_vaddr) & !(page - 1);
            let end = info.dlpi_addr + header.p_vaddr + header.p_memsz;
            let (Ok(begin), Ok(length)) = (usize::try_from(begin), usize::try_from(end - begin)) else { continue };
            // SAFETY: a loaded segment that nobody may write to is a clean, private view of the file: dropping its pages
            // changes no byte of it, the next touch maps them again.
            let result = unsafe { libc::madvise(begin as *mut libc::c_void, length, libc::MADV_DONTNEED) };
            *count += usize::from(result == 0);
        }
        // Not 0: the first entry is the program, and libraries are shared with others.
        1
    }
    let mut count = 0_usize;
    // SAFETY: `each` has the signature that is asked for, and `count` lives through the call.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut count).cast()) };
    count
}

/// Gives free memory of the heap back to the system.
#[cfg(target_env = "gnu")]
pub(crate) fn trim_heap() -> bool {
    // SAFETY: the allocator takes its own locks.
    unsafe { libc::malloc_trim(0) == 1 }
}

/// Other C libraries have no such setting.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn limit_arenas(_arenas: i32, _large: i32) -> bool {
    false
}

/// Other C libraries give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn trim_heap() -> bool {
    false
}
