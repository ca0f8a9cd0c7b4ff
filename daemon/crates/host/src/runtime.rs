//! Runtimes: one per thread, on that thread. No pool.

use std::{io, ops::Deref};

use tokio::runtime;

/// A runtime of one thread. Unlike tokio's own it may be dropped anywhere, also within another one: so it is where the thread
/// that it was made for does not start.
#[derive(Debug)]
pub struct Runtime(Option<runtime::Runtime>);

impl Deref for Runtime {
    type Target = runtime::Runtime;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("only the drop takes it")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime that runs everything on the thread that calls `block_on`, with timers and descriptors. On macOS it waits in
/// `kevent`, whose timeouts are not held back on BACKGROUND threads.
///
/// # Errors
/// The system gives no descriptor for it.
pub fn current_thread_runtime() -> io::Result<Runtime> {
    #[expect(clippy::disallowed_methods, reason = "this is where runtimes are built")]
    let mut builder = runtime::Builder::new_current_thread();
    // Nothing sends work to the blocking pool (clippy holds that); a library that does gets one thread, for a second.
    builder.enable_all().max_blocking_threads(1).thread_keep_alive(std::time::Duration::from_secs(1));
    Ok(Runtime(Some(builder.build()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_whose_thread_did_not_start_ends_within_another_one() {
        let dropped = current_thread_runtime().unwrap().block_on(async { current_thread_runtime().map(drop) });
        assert!(dropped.is_ok(), "{dropped:?}");
    }
}
