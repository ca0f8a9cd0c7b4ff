//! The child of Linux, from the call that makes it to the one that makes it another program.
#![expect(unsafe_code, reason = "a child on the parent's memory, and what it does to itself, are bare system calls")]

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int, c_uint, c_void},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    ptr,
    sync::atomic::{AtomicI32, Ordering},
};

use super::{Launch, Spawned};
use crate::sys::InChild;

/// Of the child's stack, and of what must not be touched below it: a page of every machine or some of them.
const STACK: usize = 64 * 1024;

/// Signals of Linux have numbers below this.
const SIGNALS: c_int = 65;

/// Bytes of a set of signals, as the kernel counts.
const SIGNAL_SET: usize = 8;

/// What runs scripts that do not say what runs them.
const SHELL: &CStr = c"/bin/sh";

/// Everything that the child touches, made before it begins: it may neither allocate nor lock.
struct Start {
    /// The shell, the program, its arguments.
    line: Vec<*const c_char>,
    variables: Vec<*const c_char>,
    cwd: CString,
    descriptors: [c_int; 3],
    wishes: InChild,
    /// Why the program could not be started; 0: it was.
    refused: AtomicI32,
}

/// Writes the process id into `number` before the child can end. Takes as long as the child's working folder and program do.
pub(crate) fn spawn(launch: &Launch, number: &AtomicI32) -> io::Result<Spawned> {
    let pipes = Pipes::open(launch.has_input)?;
    let line = launch.line.iter().map(|word| c_string(word)).collect::<io::Result<Vec<CString>>>()?;
    let env = launch.env.iter().map(|(name, value)| {
        let mut variable = name.clone();
        variable.push("=");
        variable.push(value);
        c_string(&variable)
    });
    let env = env.collect::<io::Result<Vec<CString>>>()?;
    let start = Start {
        line: pointers(std::iter::once(SHELL).chain(line.iter().map(CString::as_c_str))),
        variables: pointers(env.iter().map(CString::as_c_str)),
        cwd: c_string(launch.cwd.as_os_str())?,
        descriptors: pipes.theirs.each_ref().map(AsRawFd::as_raw_fd),
        wishes: launch.wishes.clone(),
        refused: AtomicI32::new(0),
    };
    let pid = begin(&start, &Stack::new()?, number)?;
    match start.refused.load(Ordering::Relaxed) {
        0 => Ok(pipes.spawned(pid)),
        errno => {
            bury(pid);
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// With the null pointer that ends the list.
fn pointers<'a>(list: impl Iterator<Item = &'a CStr>) -> Vec<*const c_char> {
    list.map(CStr::as_ptr).chain([ptr::null()]).collect()
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

/// Memory for the stack of one child. A child that needs more dies of it, and the parent's memory stays as it is.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Self> {
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: maps new memory, wherever the kernel likes.
        let base = unsafe { libc::mmap(ptr::null_mut(), 2 * STACK, libc::PROT_NONE, kind, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self(base);
        // SAFETY: the upper half of what was just mapped.
        let opened = unsafe { libc::mprotect(base.byte_add(STACK), STACK, libc::PROT_READ | libc::PROT_WRITE) };
        if opened == 0 { Ok(stack) } else { Err(io::Error::last_os_error()) }
    }

    /// Where it begins: stacks grow down.
    fn top(&self) -> *mut c_void {
        // SAFETY: one past the end of the mapping.
        unsafe { self.0.byte_add(2 * STACK) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and no child runs on it any more.
        unsafe { libc::munmap(self.0, 2 * STACK) };
    }
}

/// Returns when the child is the program or has ended.
fn begin(start: &Start, stack: &Stack, number: &AtomicI32) -> io::Result<i32> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT_SETTID | libc::SIGCHLD;
    let mut before = MaybeUninit::uninit();
    // SAFETY: no handler runs in the child on our memory while all signals are blocked: the child inherits that and unblocks
    // them when it has no handlers any more. With CLONE_VFORK this thread waits until the child has left our memory, so
    // `start` and `stack` outlive its use of them, and nobody else writes to them. `in_child` keeps to what may be
    // done there. The kernel writes the process id into `number`, which lives. The mask is written by the callee before it is
    // read.
    unsafe {
        let mut all = MaybeUninit::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let start = ptr::from_ref(start).cast_mut().cast();
        let pid = libc::clone(in_child, stack.top(), flags, start, number.as_ptr());
        let failed = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        if pid < 0 { Err(failed) } else { Ok(pid) }
    }
}

/// Runs in the child, on the parent's memory: system calls and its own stack only.
extern "C" fn in_child(start: *mut c_void) -> c_int {
    // SAFETY: `begin` passes a `Start` that lives until this thread of execution has left our memory.
    let start = unsafe { &*start.cast::<Start>() };
    // SAFETY: every call takes numbers, or pointers into `start` and this stack; none of them allocates, locks or touches
    // memory of other threads. `errno` is that of the thread that waits for us.
    unsafe {
        become_program(start);
        start.refused.store(*libc::__errno_location(), Ordering::Relaxed);
        libc::_exit(127)
    }
}

/// Comes back only if a call fails, with `errno` set.
///
/// # Safety
/// To be called in a child, with all signals blocked.
unsafe fn become_program(start: &Start) {
    // SAFETY: as the caller says; each pointer is one into `start` or onto this stack, and `line` has two words and an end at
    // least.
    unsafe {
        // A folder may not answer for ever. Whoever waits for it dies with the daemon, and holds none of its locks and sockets.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        for (number, descriptor) in (0..).zip(start.descriptors) {
            if libc::dup2(descriptor, number) < 0 {
                return;
            }
        }
        // What an old kernel does not close here closes with `execve`.
        libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, 0);
        if libc::setpgid(0, 0) != 0 || libc::chdir(start.cwd.as_ptr()) != 0 {
            return;
        }
        start.wishes.apply();
        forget_handlers();
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::prctl(libc::PR_SET_PDEATHSIG, 0);
        let line = start.line.as_ptr();
        libc::execve(*line.add(1), line.add(1), start.variables.as_ptr());
        // As shells and some C libraries do.
        if *libc::__errno_location() == libc::ENOEXEC {
            libc::execve(*line, line, start.variables.as_ptr());
        }
    }
}

/// Gives signals that are caught, and broken pipes, which Rust ignores and programs do not expect, the system's way back. By bare
/// system calls: the C library's `sigaction` waits for a lock that a thread of ours in `abort` keeps for ever.
///
/// # Safety
/// To be called in a child.
unsafe fn forget_handlers() {
    // The kernel's form: the handler comes first, then flags, perhaps a return address, and the mask. All zeros: its default.
    const DEFAULT: [usize; 8] = [0; 8];
    for signal in 1..SIGNALS {
        let mut action = DEFAULT;
        // SAFETY: the kernel writes one action, and reads one; both are at least as large as the kernel's.
        unsafe {
            let none = ptr::null::<usize>();
            let is_known = libc::syscall(libc::SYS_rt_sigaction, signal, none, &raw mut action, SIGNAL_SET) == 0;
            let is_ignored = action[0] == libc::SIG_IGN && signal != libc::SIGPIPE;
            if is_known && !is_ignored && action[0] != libc::SIG_DFL {
                libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), none, SIGNAL_SET);
            }
        }
    }
}

/// A child that never was its program.
fn bury(pid: i32) {
    // SAFETY: the callee writes nothing, for want of a place.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_touch_what_is_below_a_stack() {
        let stack = Stack::new().unwrap();
        let at = |number: usize| format!("{:x}-{:x} ", number, number + STACK);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let below = maps.lines().find_map(|line| line.strip_prefix(&at(stack.0.addr())));
        assert!(below.is_some_and(|rights| rights.starts_with("---p")), "{maps}");
        assert_eq!(stack.top().addr(), stack.0.addr() + 2 * STACK);
    }
}
