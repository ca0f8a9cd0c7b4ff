//! The engine's handle: what the rest of the daemon calls. Cheap to clone; every call is one message to the engine thread,
//! or to the io thread for what memory no longer holds.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agentd_base::{Seq, TaskId};
use agentd_host::Sensors;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error,
    check::Checker,
    index::Book,
    io::IoHandle,
    lines::Beginning,
    lookout::Lookout,
    record::{DocumentRecord, Payload},
    replay,
    view::{
        AgentView, EngineStatus, ListQuery, Metric, Seats, Submit, Submitted, TaskPage, TaskState, TaskView,
        Verification, WatchQuery,
    },
};

/// Events read from the log at once.
pub(crate) const CHUNK: usize = 512;

/// So long a client waits for a reading of the machine; then it gets the one before.
const LOOK_PATIENCE: Duration = Duration::from_millis(250);

/// Who waits for an answer.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A call on its way to the engine thread.
#[derive(Debug)]
pub(crate) enum Call {
    Submit(Box<Submit>, Reply<Result<Submitted, Error>>),
    Cancel(TaskId, Reply<Result<TaskState, Error>>),
    Task(TaskId, Reply<Result<Box<TaskView>, Error>>),
    List(Box<ListQuery>, Reply<Vec<TaskView>>),
    Document(TaskId, String, Reply<Option<Result<DocumentRecord, Error>>>),
    Watch(WatchQuery, Reply<Result<Option<Beginning>, Error>>),
    Agents(Reply<Vec<AgentView>>),
    Status(Reply<EngineStatus>),
    Seats(Reply<Seats>),
    Metrics(Reply<Vec<Metric>>),
    BeginStop(Reply<u32>),
    /// Answered when nothing is with an agent any more, or when the engine gives up waiting.
    Quiet(Reply<()>),
    Suspend(Reply<u32>),
}

/// The running engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) calls: mpsc::Sender<Call>,
    pub(crate) io: IoHandle,
    pub(crate) durable: Arc<AtomicU64>,
    pub(crate) checker: Arc<Checker>,
    pub(crate) lookout: Lookout,
    /// How hard the machine is pressed is of interest.
    pub(crate) cares: bool,
}

impl Engine {
    /// Accepts a task; the answer comes when it is on disk.
    ///
    /// # Errors
    /// `QueueFull`, `KeyConflict`, `Stopping`, `ReadOnly`.
    pub async fn submit(&self, submit: Submit) -> Result<Submitted, Error> {
        self.call(|reply| Call::Submit(Box::new(submit), reply)).await?
    }

    /// Asks for a task's end; durable when answered. Answers the state after the request.
    ///
    /// # Errors
    /// `NoTask`, `ReadOnly`.
    pub async fn cancel(&self, task: TaskId) -> Result<TaskState, Error> {
        match self.call(|reply| Call::Cancel(task, reply)).await? {
            // A finished task is left as it is, also one that only the index remembers.
            Err(Error::NoTask(_)) => Ok(self.indexed(task).await?.state),
            answer => answer,
        }
    }

    /// One task.
    ///
    /// # Errors
    /// `NoTask`.
    pub async fn task(&self, task: TaskId) -> Result<TaskView, Error> {
        match self.call(|reply| Call::Task(task, reply)).await? {
            Err(Error::NoTask(_)) => self.indexed(task).await,
            answer => answer.map(|view| *view),
        }
    }

    async fn indexed(&self, task: TaskId) -> Result<TaskView, Error> {
        self.io.run(move |io| io.book.task(task).map(|task| task.view())).await?
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// If the index is needed and cannot be used.
    pub async fn tasks(&self, query: ListQuery) -> Result<TaskPage, Error> {
        let mut tasks = self.call(|reply| Call::List(Box::new(query.clone()), reply)).await?;
        let known: HashSet<TaskId> = tasks.iter().map(|task| task.id).collect();
        let asked = query.clone();
        tasks.extend(self.io.run(move |io| io.book.list(&asked, &known)).await??);
        tasks.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
        let more = tasks.len() > query.limit;
        tasks.truncate(query.limit);
        let next = if more { tasks.last().map(|task| task.id) } else { None };
        Ok(TaskPage { tasks, next })
    }

    pub(crate) async fn begin_watch(&self, query: WatchQuery) -> Result<Beginning, Error> {
        if let Some(beginning) = self.call(|reply| Call::Watch(query, reply)).await?? {
            return Ok(beginning);
        }
        let Some(id) = query.task else { return Err(Error::Gone) };
        let task = self.io.run(move |io| io.book.task(id)).await??;
        let later = task.history.iter().filter(|(seq, _)| *seq > query.after);
        let events = later.filter_map(|(seq, record)| crate::events::event_of(*seq, record).transpose());
        Ok(Beginning { events: events.collect::<Result<_, _>>()?, log_upto: None, live: None })
    }

    /// At most [`CHUNK`] events of all tasks.
    pub(crate) async fn read_events(&self, after: Seq, upto: Seq) -> Result<replay::Events, Error> {
        self.io
            .run(move |io| {
                let after = reading_from(after, io.reader.oldest(), upto)?;
                replay::events(&io.reader, (after, upto), CHUNK)
            })
            .await?
    }

    /// A document of a finished task.
    ///
    /// # Errors
    /// `NoTask`, `NoDocument`, `Damaged` if the stored bytes are not what was stored.
    pub async fn document(&self, task: TaskId, name: &str) -> Result<Bytes, Error> {
        let asked = name.to_owned();
        let found = match self.call(|reply| Call::Document(task, name.to_owned(), reply)).await? {
            Some(found) => found?,
            None => self.io.run(move |io| document_in(&mut io.book, task, asked)).await??,
        };
        self.payload(found.content.unwrap_or_default()).await
    }

    async fn payload(&self, payload: Payload) -> Result<Bytes, Error> {
        match payload.to_ref() {
            agentd_agents::PayloadRef::Inline(bytes) => Ok(bytes),
            agentd_agents::PayloadRef::Stored { hash, .. } => {
                Ok(Bytes::from(self.io.run(move |io| io.blobs.get(&hash)).await??))
            }
        }
    }

    /// The twelve.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn agents(&self) -> Result<Vec<AgentView>, Error> {
        self.call(Call::Agents).await
    }

    /// How many compute agents may compute.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn seats(&self) -> Result<Seats, Error> {
        self.call(Call::Seats).await
    }

    /// Looks how hard the machine is pressed, so that what [`status`](Self::status) tells is of now also while nothing
    /// happens. Takes a moment, a quarter of a second at most.
    pub async fn look(&self) {
        if self.cares {
            self.lookout.freshen(&self.io, LOOK_PATIENCE).await;
        }
    }

    /// Opens the index if it is not, so that what [`status`](Self::status) tells of it is of now. Takes a moment, a quarter of
    /// a second at most; what takes longer goes on.
    pub async fn retry_index(&self) {
        // Why it failed is told by the status.
        let opened = self.io.run(|io| drop(io.book.try_open()));
        let _ = tokio::time::timeout(LOOK_PATIENCE, opened).await;
    }

    /// What tells how hard the machine is pressed, for who wants to read it himself, on a thread that may block.
    #[must_use]
    pub fn sensors(&self) -> Arc<dyn Sensors> {
        self.lookout.sensors()
    }

    /// How the engine does.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn status(&self) -> Result<EngineStatus, Error> {
        self.call(Call::Status).await
    }

    /// All figures.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn metrics(&self) -> Result<Vec<Metric>, Error> {
        self.call(Call::Metrics).await
    }

    /// Checks every record and every stored document against its checksum.
    ///
    /// # Errors
    /// `Checking` if that is being done already; `Thread`; `Gone`.
    pub async fn verify(&self) -> Result<Verification, Error> {
        let checker = Arc::clone(&self.checker);
        let (tell, told) = oneshot::channel();
        self.io.run(move |_| checker.begin(tell)).await??;
        told.await.map_err(|_| Error::Gone)
    }

    /// Deletes the index and makes it anew from the log. Answers records read and entries written.
    ///
    /// # Errors
    /// `Damaged`, or if the folder cannot be deleted.
    pub async fn rebuild_index(&self) -> Result<(u64, u64), Error> {
        self.io.run(|io| io.book.rebuild()).await?
    }

    /// Takes no new work, lets what runs end within `grace`, and suspends the rest. Answers how many attempts were in
    /// flight when the stop began.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn drain(&self, grace: Duration) -> Result<u32, Error> {
        let in_flight = self.call(Call::BeginStop).await?;
        // Over either way: what has not ended by itself is suspended now.
        let _ = tokio::time::timeout(grace, self.call(Call::Quiet)).await;
        self.call(Call::Suspend).await?;
        Ok(in_flight)
    }

    /// The newest durable event.
    #[must_use]
    pub fn durable(&self) -> Seq {
        Seq(self.durable.load(Ordering::Acquire))
    }

    async fn call<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(call(reply)).await.map_err(|_| Error::Gone)?;
        answer.await.map_err(|_| Error::Gone)
    }
}

/// Where reading the log after a cursor begins. 0 asks for the oldest that is kept, whichever that is; anyone else was here
/// before, and must hear of it if he missed some.
pub(crate) fn reading_from(after: Seq, oldest: Seq, newest: Seq) -> Result<Seq, Error> {
    let before = Seq(oldest.0.saturating_sub(1));
    if after != Seq(0) && after < before {
        return Err(Error::OutOfRange { cursor: after, oldest, newest });
    }
    Ok(after.max(before))
}

/// A document of a task that memory no longer holds.
pub(crate) fn document_in(book: &mut Book, task: TaskId, name: String) -> Result<DocumentRecord, Error> {
    let found = book.task(task)?.document(&name).cloned();
    found.ok_or(Error::NoDocument { task, name })
}
