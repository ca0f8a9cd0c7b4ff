//! The child of Linux, from the call that makes it to the one that makes it another program.
#![expect(unsafe_code, reason = "a child on the parent's memory, and what it does to itself, are bare system calls")]

use std::{
    ffi::{CString, OsStr, c_char, c_int, c_void},
    io,
    mem::MaybeUninit,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    ptr,
    sync::atomic::{AtomicI32, Ordering},
};

use super::{Launch, Pipes, Spawned};
use crate::sys::InChild;

/// What the child needs of stack; the C library takes some for the arguments of a script.
const STACK: usize = 64 * 1024;

/// Signals of Linux have numbers below this.
const SIGNALS: c_int = 65;

/// Everything that the child touches, made before it begins: it may neither allocate nor lock.
struct Start {
    arguments: Vec<*const c_char>,
    variables: Vec<*const c_char>,
    cwd: CString,
    descriptors: [c_int; 3],
    wishes: InChild,
    /// Why the program could not be started; 0: it was.
    refused: AtomicI32,
}

pub(crate) fn spawn(launch: &Launch) -> io::Result<Spawned> {
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
        arguments: pointers(&line),
        variables: pointers(&env),
        cwd: c_string(launch.cwd.as_os_str())?,
        descriptors: pipes.theirs.each_ref().map(AsRawFd::as_raw_fd),
        wishes: launch.wishes.clone(),
        refused: AtomicI32::new(0),
    };
    let pid = begin(&start)?;
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
fn pointers(list: &[CString]) -> Vec<*const c_char> {
    list.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// Returns when the child is the program or has ended.
fn begin(start: &Start) -> io::Result<i32> {
    let words = size_of_val(start.arguments.as_slice());
    let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity((STACK + words) / size_of::<u128>());
    // Stacks grow down; the largest alignment that any of our platforms asks for is 16.
    let top = stack.spare_capacity_mut().as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let mut before = MaybeUninit::uninit();
    // SAFETY: no handler runs in the child on our memory while all signals are blocked: the child inherits that and unblocks
    // them when it has no handlers any more. With CLONE_VFORK this thread waits until the child has left our memory, so
    // `start` and `stack` outlive its use of them, and nobody else writes to them. `in_child` keeps to what may be
    // done there. The mask is written by the callee before it is read.
    unsafe {
        let mut all = MaybeUninit::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let pid = libc::clone(in_child, top.cast(), flags, ptr::from_ref(start).cast_mut().cast());
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
        if become_program(start) != 0 {
            start.refused.store(*libc::__errno_location(), Ordering::Relaxed);
        }
        libc::_exit(127)
    }
}

/// Comes back only if a call fails, with what it answered and `errno` set.
///
/// # Safety
/// To be called in a child, with all signals blocked.
unsafe fn become_program(start: &Start) -> c_int {
    // SAFETY: as the caller says; each pointer is one into `start` or onto this stack.
    unsafe {
        for signal in 1..SIGNALS {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            let is_known = libc::sigaction(signal, ptr::null(), &raw mut action) == 0;
            // Rust ignores broken pipes, which programs do not expect.
            let is_ignored = action.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
            if is_known && !is_ignored && action.sa_sigaction != libc::SIG_DFL {
                action = MaybeUninit::zeroed().assume_init();
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
        if libc::setpgid(0, 0) != 0 || libc::chdir(start.cwd.as_ptr()) != 0 {
            return -1;
        }
        for (number, descriptor) in (0..).zip(start.descriptors) {
            if libc::dup2(descriptor, number) < 0 {
                return -1;
            }
        }
        start.wishes.apply();
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        // Also takes scripts that do not say what runs them.
        libc::execvpe(start.arguments[0], start.arguments.as_ptr(), start.variables.as_ptr())
    }
}

/// A child that never was its program.
fn bury(pid: i32) {
    // SAFETY: the callee writes nothing, for want of a place.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}
