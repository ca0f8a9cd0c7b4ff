//! Birth of threads: each is named, placed before it does anything, and listed for as long as it lives.

mod apply;
mod table;

use std::{
    io,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering, mpsc},
    thread::{Builder, JoinHandle},
};

pub use apply::{Granted, register_main};
pub use table::{ThreadEntry, register_foreign, table, unknown_threads};

use crate::{plan::Placement, sys};

/// The longest name of a thread in bytes: what Linux keeps.
const LONGEST_NAME: usize = 15;

/// Lets threads that wait for this core run first, if there are any. On Linux a thread that wakes often waits for the next tick
/// of the clock (4 ms at 250 Hz) although it is nicer to nobody: kernels without preemption look only then. Who computes
/// for long calls this now and then. Each call costs below a microsecond, and beside other programs' work a part of the
/// caller's share. macOS preempts by QoS class at once, so nothing is done there.
pub fn give_way() {
    if cfg!(target_os = "linux") {
        std::thread::yield_now();
    }
}

/// A living thread. Dropping it lets the thread go on by itself.
#[derive(Debug)]
pub struct Thread {
    name: String,
    tid: u64,
    granted: Granted,
    handle: JoinHandle<()>,
    abandoned: Arc<AtomicBool>,
}

/// Starts a thread that asks for `placement` first of all and then runs `body`. Returns when the system has answered;
/// what it refused is in [`Thread::granted`], not an error: a thread on the wrong cores is better than none.
///
/// # Errors
/// The name is empty, longer than 15 bytes or has a NUL; or the system gives no thread.
pub fn spawn<F>(name: &str, placement: &Placement, body: F) -> io::Result<Thread>
where
    F: FnOnce() + Send + 'static,
{
    if name.is_empty() || name.len() > LONGEST_NAME {
        let reason = format!("the thread's name `{name}` has {} bytes; 1 to {LONGEST_NAME} are possible", name.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let (tell, told) = mpsc::sync_channel(1);
    let (own_name, placement) = (name.to_owned(), placement.clone());
    let abandoned = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&abandoned);
    #[expect(clippy::disallowed_methods, reason = "this is where threads are born")]
    let builder = Builder::new();
    let handle = builder.name(name.to_owned()).spawn(move || {
        let granted = apply::apply(&placement);
        let tid = sys::thread_id();
        let _listed = table::enter(own_name, tid, &placement, granted.clone(), seen);
        if tell.send((tid, granted)).is_ok() {
            drop(tell);
            body();
        }
    })?;
    let (tid, granted) = told.recv().map_err(|_| io::Error::other(format!("the thread `{name}` died at its birth")))?;
    for fault in &granted.faults {
        tracing::warn!(thread = name, fault, "placement was not granted as asked");
    }
    Ok(Thread { name: name.to_owned(), tid, granted, handle, abandoned })
}

impl Thread {
    /// The name, as in the thread table and in `ps`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's id of the thread.
    #[must_use]
    pub const fn tid(&self) -> u64 {
        self.tid
    }

    /// What the system answered.
    #[must_use]
    pub const fn granted(&self) -> &Granted {
        &self.granted
    }

    /// Waits until the thread ends.
    ///
    /// # Errors
    /// What the thread panicked with.
    pub fn join(self) -> std::thread::Result<()> {
        self.handle.join()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Gives up a thread that does not answer any more. It cannot be stopped, so it stays, and stays in the table as
    /// abandoned, until it ends by itself or the program does.
    pub fn abandon(self) {
        self.abandoned.store(true, Ordering::Relaxed);
        tracing::warn!(thread = self.name, tid = self.tid, "abandoned: it does not answer");
    }
}
