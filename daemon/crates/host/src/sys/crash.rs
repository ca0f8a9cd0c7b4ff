//! Signal handlers for deadly faults. A handler may call only what signal-safety(7) lists: open, write, close, select,
//! sigaction.

#![expect(unsafe_code, reason = "system calls; each block says what the callee demands")]

use std::{
    ffi::{CString, c_int},
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::crash;

/// Faults that end a process for a reason of its own making.
const DEADLY: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

struct Marker {
    path: CString,
    /// What was installed before, in the order of [`DEADLY`]: the standard library tells a stack overflow from other faults.
    before: [libc::sigaction; DEADLY.len()],
}

static MARKER: OnceLock<Marker> = OnceLock::new();

/// How far the marker is. When memory runs out several threads die in the same moment, and only the first one's work is named.
static NAMED: AtomicU8 = AtomicU8::new(NOT_YET);
const NOT_YET: u8 = 0;
const WRITING: u8 = 1;
const WRITTEN: u8 = 2;

/// How often a dying thread looks, a millisecond apart, whether another one has written down its work.
const LOOKS: u32 = 1_000;

/// Installs the handlers, in front of those that are there.
pub(crate) fn install_crash_handlers(marker: &Path) -> io::Result<()> {
    let path = CString::new(marker.as_os_str().as_bytes())?;
    // SAFETY: sigaction is plain data for which all zeros are a valid value (no handler, empty mask, no flags).
    let empty: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut before = [empty; DEADLY.len()];
    for (signal, old) in DEADLY.iter().zip(&mut before) {
        // SAFETY: both pointers are null or point to a sigaction of ours that lives through the call.
        zero(unsafe { libc::sigaction(*signal, std::ptr::null(), old) })?;
    }
    if MARKER.set(Marker { path, before }).is_err() {
        return Ok(());
    }
    let mut ours = empty;
    ours.sa_sigaction = on_fault as *const () as usize;
    // On the thread's alternate stack, which the standard library sets up: the stack itself may be what is full.
    ours.sa_flags = libc::SA_ONSTACK | libc::SA_SIGINFO;
    for signal in DEADLY {
        // SAFETY: `ours` is complete, its handler has the signature that SA_SIGINFO asks for and lives for ever.
        zero(unsafe { libc::sigaction(signal, &raw const ours, std::ptr::null_mut()) })?;
    }
    Ok(())
}

extern "C" fn on_fault(signal: c_int, _info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let Some(marker) = MARKER.get() else { return };
    name_work(marker);
    // Its return ends the process, and with it a thread that is still writing.
    for _ in 0..LOOKS {
        if NAMED.load(Ordering::Acquire) != WRITING {
            break;
        }
        let mut moment = libc::timeval { tv_sec: 0, tv_usec: 1_000 };
        let none = std::ptr::null_mut();
        // SAFETY: it looks at no descriptor, the time is ours, and it is safe in a signal handler.
        unsafe { libc::select(0, none, none, none, &raw mut moment) };
    }
    if let Some(place) = DEADLY.iter().position(|deadly| *deadly == signal) {
        // SAFETY: the earlier action is a complete value that sigaction itself gave us. A fault strikes again on return
        // and then meets it; abort(3) raises once more by itself.
        unsafe { libc::sigaction(signal, &raw const marker.before[place], std::ptr::null_mut()) };
    }
}

/// Writes down what this thread works on, unless that is nothing or another thread was first.
fn name_work(marker: &Marker) {
    let note = crash::current();
    if note.len == 0 || NAMED.compare_exchange(NOT_YET, WRITING, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return;
    }
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    // Whoever dies waits for nobody who reads a pipe.
    // SAFETY: the path is a C string that lives for ever; open, write and close are safe in a signal handler.
    unsafe {
        let file = libc::open(marker.path.as_ptr(), flags, 0o600);
        if file >= 0 {
            libc::write(file, note.text.as_ptr().cast(), note.len);
            libc::close(file);
        }
    }
    NAMED.store(WRITTEN, Ordering::Release);
}

fn zero(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
