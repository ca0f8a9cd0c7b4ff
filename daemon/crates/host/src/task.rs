//! Birth of async tasks: each has a kind that says what happens to it at stop, a name, and a place in the list of living
//! tasks. Nothing else in agentd calls tokio's `spawn`.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinHandle},
};
use tracing::Instrument;

/// What happens to a task when the daemon stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// Dropped where it stands: nothing is lost by it.
    Abort,
    /// Waited for, up to the limit of [`stop`]; it is expected to watch [`stopping`] and to end.
    Wait,
}

/// What [`stop`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stopped {
    /// How many tasks of kind `Abort` were dropped.
    pub aborted: usize,
    /// Names of tasks of kind `Wait` that did not end in time and were dropped.
    pub late: Vec<&'static str>,
}

#[derive(Debug)]
struct Living {
    name: &'static str,
    kind: TaskKind,
    /// Absent for the moment between the task's first poll on another thread and the return of `spawn`.
    handle: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    living: BTreeMap<u64, Living>,
}

/// Tasks that are stopped together. The program has one; tests have their own.
#[derive(Debug)]
struct Tasks {
    list: Mutex<List>,
    /// How many tasks of kind `Wait` live.
    waited_for: watch::Sender<usize>,
    stopping: watch::Sender<bool>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { list: Mutex::default(), waited_for: watch::Sender::new(0), stopping: watch::Sender::new(false) }
    }
}

/// A task's place in the list; given back when its future is dropped, whatever the reason.
#[derive(Debug)]
struct Place {
    tasks: Arc<Tasks>,
    id: u64,
    name: &'static str,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked; this is a fault of agentd");
        }
        let gone = self.tasks.lock().living.remove(&self.id);
        if gone.is_some_and(|living| living.kind == TaskKind::Wait) {
            self.tasks.waited_for.send_modify(|count| *count -= 1);
        }
    }
}

/// Carries the place with the future, so that both are dropped together.
struct Placed<F> {
    future: Pin<Box<F>>,
    _place: Place,
}

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(context)
    }
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(self: &Arc<Self>, kind: TaskKind, name: &'static str) -> Place {
        let mut list = self.lock();
        let id = list.next;
        list.next += 1;
        list.living.insert(id, Living { name, kind, handle: None });
        drop(list);
        if kind == TaskKind::Wait {
            self.waited_for.send_modify(|count| *count += 1);
        }
        Place { tasks: Arc::clone(self), id, name }
    }

    fn started(&self, id: u64, handle: AbortHandle) {
        if let Some(living) = self.lock().living.get_mut(&id) {
            living.handle = Some(handle);
        }
    }

    fn spawn<F>(self: &Arc<Self>, kind: TaskKind, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (id, placed) = self.wrap(kind, name, future);
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are born")]
        let handle = tokio::spawn(placed);
        self.started(id, handle.abort_handle());
        handle
    }

    fn spawn_local<F>(self: &Arc<Self>, kind: TaskKind, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (id, placed) = self.wrap(kind, name, future);
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are born")]
        let handle = tokio::task::spawn_local(placed);
        self.started(id, handle.abort_handle());
        handle
    }

    fn wrap<F: Future>(
        self: &Arc<Self>,
        kind: TaskKind,
        name: &'static str,
        future: F,
    ) -> (u64, Placed<tracing::instrument::Instrumented<F>>) {
        let place = self.place(kind, name);
        let future = Box::pin(future.instrument(tracing::debug_span!("task", name)));
        (place.id, Placed { future, _place: place })
    }

    async fn stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives in `self`, so the only way out is the value.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    fn abort(&self, kind: TaskKind) -> Vec<&'static str> {
        let list = self.lock();
        let chosen: Vec<(&'static str, Option<AbortHandle>)> =
            list.living.values().filter(|living| living.kind == kind).map(|l| (l.name, l.handle.clone())).collect();
        drop(list); // aborting may drop a future here and now, which takes the lock
        for handle in chosen.iter().filter_map(|(_, handle)| handle.as_ref()) {
            handle.abort();
        }
        chosen.into_iter().map(|(name, _)| name).collect()
    }

    async fn stop(&self, patience: Duration) -> Stopped {
        self.stopping.send_replace(true);
        let aborted = self.abort(TaskKind::Abort).len();
        let mut waited_for = self.waited_for.subscribe();
        let all_ended = tokio::time::timeout(patience, waited_for.wait_for(|count| *count == 0)).await.is_ok();
        let late = if all_ended { Vec::new() } else { self.abort(TaskKind::Wait) };
        Stopped { aborted, late }
    }
}

fn program() -> &'static Arc<Tasks> {
    static TASKS: std::sync::LazyLock<Arc<Tasks>> = std::sync::LazyLock::new(Arc::default);
    &TASKS
}

/// Starts a task on the current runtime. Dropping the handle lets the task go on.
///
/// # Panics
/// Outside of a runtime.
pub fn spawn<F>(kind: TaskKind, name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    program().spawn(kind, name, future)
}

/// Starts a task that stays on this thread. Dropping the handle lets the task go on.
///
/// # Panics
/// Outside of a `LocalSet`.
pub fn spawn_local<F>(kind: TaskKind, name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    program().spawn_local(kind, name, future)
}

/// Ready when the daemon stops; at once if it does already. Tasks of kind [`TaskKind::Wait`] watch it.
pub async fn stopping() {
    program().stopping().await;
}

/// Drops all tasks of kind `Abort`, tells the others and waits for them, at most for `patience`. Call it from a future
/// that is not itself one of these tasks.
pub async fn stop(patience: Duration) -> Stopped {
    program().stop(patience).await
}

/// Names and kinds of all living tasks, oldest first.
#[must_use]
pub fn living() -> Vec<(&'static str, TaskKind)> {
    program().lock().living.values().map(|living| (living.name, living.kind)).collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        crate::current_thread_runtime().unwrap().block_on(future)
    }

    fn names(tasks: &Tasks) -> Vec<&'static str> {
        tasks.lock().living.values().map(|living| living.name).collect()
    }

    #[test]
    fn stop_drops_the_one_kind_and_waits_for_the_other() {
        run(async {
            let tasks = Arc::new(Tasks::default());
            let endless = tasks.spawn(TaskKind::Abort, "endless", std::future::pending::<()>());
            let watching = Arc::clone(&tasks);
            let polite = tasks.spawn(TaskKind::Wait, "polite", async move {
                watching.stopping().await;
                7
            });
            assert_eq!(names(&tasks), ["endless", "polite"]);
            let stopped = tasks.stop(Duration::from_secs(60)).await;
            assert_eq!(stopped, Stopped { aborted: 1, late: vec![] });
            assert_eq!(polite.await.unwrap(), 7);
            assert!(endless.await.unwrap_err().is_cancelled());
            assert_eq!(names(&tasks), Vec::<&str>::new());
        });
    }

    #[test]
    fn who_does_not_end_in_time_is_named_and_dropped() {
        run(async {
            let tasks = Arc::new(Tasks::default());
            let (held, dropped) = oneshot::channel::<()>();
            tasks.spawn(TaskKind::Wait, "stubborn", async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            let stopped = tasks.stop(Duration::ZERO).await;
            assert_eq!(stopped, Stopped { aborted: 0, late: vec!["stubborn"] });
            assert!(dropped.await.is_err(), "its future was dropped");
        });
    }

    #[test]
    fn a_panic_leaves_no_entry() {
        run(async {
            let tasks = Arc::new(Tasks::default());
            let broken = tasks.spawn(TaskKind::Wait, "broken", async { panic!("on purpose") });
            assert!(broken.await.unwrap_err().is_panic());
            assert_eq!(tasks.stop(Duration::from_secs(60)).await, Stopped::default());
        });
    }

    #[test]
    fn local_tasks_are_listed_too() {
        run(tokio::task::LocalSet::new().run_until(async {
            let tasks = Arc::new(Tasks::default());
            let local = std::rc::Rc::new(5);
            let task = tasks.spawn_local(TaskKind::Wait, "local", async move { *local });
            assert_eq!(names(&tasks), ["local"]);
            assert_eq!(task.await.unwrap(), 5);
        }));
    }
}
