//! Birth of async tasks: each has a name, by which its span and its fault are known. Nothing else in agentd calls tokio's
//! `spawn`; tasks end with their runtime.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::task::JoinHandle;
use tracing::Instrument;

/// Says so when its task panics.
#[derive(Debug)]
struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.0, "a task panicked; this is a fault of agentd");
        }
    }
}

/// Carries the name with the future, so that both are dropped together.
struct Task<F> {
    future: Pin<Box<F>>,
    _named: Named,
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(context)
    }
}

/// Starts a task on the current runtime. Dropping the handle lets the task go on.
///
/// # Panics
/// Outside of a runtime.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let future = Box::pin(future.instrument(tracing::debug_span!("task", name)));
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are born")]
    tokio::spawn(Task { future, _named: Named(name) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn tasks_run_and_a_panic_ends_nothing_else() {
        crate::current_thread_runtime().unwrap().block_on(async {
            let broken = super::spawn("broken", async { panic!("on purpose") });
            let well = super::spawn("well", async { 7 });
            assert!(broken.await.unwrap_err().is_panic());
            assert_eq!(well.await.unwrap(), 7);
        });
    }
}
