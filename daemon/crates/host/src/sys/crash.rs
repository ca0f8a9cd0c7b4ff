//! Signal handlers for deadly faults. A handler may call only what signal-safety(7) lists: open, write, close, sigaction.

#![expect(unsafe_code, reason = "system calls; each block says what the callee demands")]

use std::{
    ffi::{CString, c_int},
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
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

/// A dying thread has named its work. When memory runs out, threads with nothing to name die in the same moment.
static NAMED: AtomicBool = AtomicBool::new(false);

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
    let note = crash::current();
    // The first who names something is believed, and who names nothing takes nothing away.
    if note.len == 0 || !NAMED.swap(true, Ordering::AcqRel) {
        let truncate = if note.len == 0 { 0 } else { libc::O_TRUNC };
        let flags = libc::O_WRONLY | libc::O_CREAT | truncate | libc::O_CLOEXEC;
        // SAFETY: the path is a C string that lives for ever; open, write and close are safe in a signal handler.
        unsafe {
            let file = libc::open(marker.path.as_ptr(), flags, 0o600);
            if file >= 0 {
                libc::write(file, note.text.as_ptr().cast(), note.len);
                libc::close(file);
            }
        }
    }
    if let Some(place) = DEADLY.iter().position(|deadly| *deadly == signal) {
        // SAFETY: the earlier action is a complete value that sigaction itself gave us. A fault strikes again on return
        // and then meets it; abort(3) raises once more by itself.
        unsafe { libc::sigaction(signal, &raw const marker.before[place], std::ptr::null_mut()) };
    }
}

fn zero(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
