//! Runtimes: one per thread, on that thread. No pool.

use std::io;

/// A runtime that runs everything on the thread that calls `block_on`, with timers and descriptors. On macOS it waits in
/// `kevent`, whose timeouts are not held back on BACKGROUND threads.
///
/// # Errors
/// The system gives no descriptor for it.
pub fn current_thread_runtime() -> io::Result<tokio::runtime::Runtime> {
    #[expect(clippy::disallowed_methods, reason = "this is where runtimes are built")]
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Nothing sends work to the blocking pool (clippy holds that); a library that does gets one thread, for a second.
    builder.enable_all().max_blocking_threads(1).thread_keep_alive(std::time::Duration::from_secs(1));
    builder.build()
}
