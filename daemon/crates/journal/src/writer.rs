//! The writer: takes all that waits, appends it, syncs once, and says how far the log is durable. The sync before is
//! the time in which the next group gathers, so nothing waits on purpose.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use agentd_base::{Seq, describe};

use crate::{
    error::Error,
    log::{Batch, Log},
};

/// Bounds of the queue and of one commit.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Batches that may wait; more block their senders.
    pub queue_batches: usize,
    /// Bytes that may wait; more block their senders. One batch is always taken.
    pub queue_bytes: usize,
    /// Batches in one commit.
    pub commit_batches: usize,
    /// Bytes in one commit; one batch is always taken.
    pub commit_bytes: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { queue_batches: 1024, queue_bytes: 8 << 20, commit_batches: 256, commit_bytes: 1 << 20 }
    }
}

type Job = Box<dyn FnOnce(&mut Log) + Send>;

enum Item {
    Batch(Batch),
    Job(Job),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.size(),
            Self::Job(_) => 0,
        }
    }
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    handles: usize,
    /// Nothing is taken any more; the reason, if that is a fault.
    closed: Option<Option<String>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something to do for the writer, or nobody left to give it.
    work: Condvar,
    /// Room for senders, or no hope of it.
    room: Condvar,
    options: WriterOptions,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses everything from now on, and drops what waits.
    fn close(&self, reason: Option<String>) {
        let mut queue = self.lock();
        queue.closed.get_or_insert(reason);
        let items = std::mem::take(&mut queue.items);
        queue.bytes = 0;
        drop(queue);
        self.room.notify_all();
        // Dropped without the lock: a job may own a handle.
        drop(items);
    }

    fn push(&self, item: Item) -> Result<(), Error> {
        let size = item.size();
        let mut queue = self.lock();
        loop {
            match &queue.closed {
                Some(Some(reason)) => return Err(Error::Poisoned { reason: reason.clone() }),
                Some(None) => return Err(Error::Closed),
                None => {}
            }
            let full = queue.items.len() >= self.options.queue_batches || queue.bytes + size > self.options.queue_bytes;
            if !full || queue.items.is_empty() {
                break;
            }
            queue = self.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.items.push_back(item);
        queue.bytes += size;
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// The next job, or the batches for the next commit; `None` when all handles are gone and all is done.
    fn take(&self) -> Option<Work> {
        let mut queue = self.lock();
        while queue.items.is_empty() {
            if queue.handles == 0 {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        while batches.len() < self.options.commit_batches {
            let size = match queue.items.front() {
                Some(item @ Item::Batch(_)) if bytes == 0 || bytes + item.size() <= self.options.commit_bytes => {
                    item.size()
                }
                _ => break,
            };
            let Some(Item::Batch(batch)) = queue.items.pop_front() else { break };
            queue.bytes -= size;
            bytes += size;
            let rolls = batch.checkpoint.is_some();
            batches.push(batch);
            if rolls {
                break;
            }
        }
        if batches.is_empty()
            && let Some(Item::Job(job)) = queue.items.pop_front()
        {
            drop(queue);
            self.room.notify_all();
            return Some(Work::Job(job));
        }
        drop(queue);
        self.room.notify_all();
        Some(Work::Commit(batches))
    }
}

enum Work {
    Commit(Vec<Batch>),
    Job(Job),
}

/// Gives batches to the writer. When the last clone is dropped, the writer finishes and closes the log.
pub struct WriterHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterHandle").finish_non_exhaustive()
    }
}

impl Clone for WriterHandle {
    fn clone(&self) -> Self {
        self.shared.lock().handles += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.handles -= 1;
        let last = queue.handles == 0;
        drop(queue);
        if last {
            self.shared.work.notify_one();
        }
    }
}

impl WriterHandle {
    /// Hands a batch over; blocks while the queue is full. It is durable when the writer says so.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Poisoned`] or [`Error::Closed`] once the writer has ended.
    pub fn submit(&self, batch: Batch) -> Result<(), Error> {
        batch.check()?;
        self.shared.push(Item::Batch(batch))
    }

    /// Runs maintenance on the writer's thread, after the commit of all batches handed over before.
    ///
    /// # Errors
    /// [`Error::Poisoned`] or [`Error::Closed`] once the writer has ended; then `job` is dropped.
    pub fn run_between(&self, job: Job) -> Result<(), Error> {
        self.shared.push(Item::Job(job))
    }
}

/// The writer's loop; give it a thread.
pub struct Writer {
    log: Log,
    end: End,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Frees senders however the writer ends, be it by a panic.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

/// Makes a writer for `log` and the first handle to it.
#[must_use]
pub fn writer(log: Log, options: WriterOptions) -> (WriterHandle, Writer) {
    let queue = Mutex::new(Queue { handles: 1, ..Queue::default() });
    let shared = Arc::new(Shared { queue, work: Condvar::new(), room: Condvar::new(), options });
    (WriterHandle { shared: Arc::clone(&shared) }, Writer { log, end: End(shared) })
}

impl Writer {
    /// Runs until all handles are dropped, then syncs and closes the log. After each commit `durable` hears the last
    /// durable record. After a fault it hears that, once; everything handed over and not yet durable is dropped, and
    /// the writer ends.
    pub fn run(self, mut durable: impl FnMut(Result<Seq, Error>) + Send) {
        let Self { mut log, end } = self;
        while let Some(work) = end.0.take() {
            match work {
                Work::Job(job) => job(&mut log),
                Work::Commit(batches) => {
                    let done = batches.iter().try_for_each(|batch| log.append(batch)).and_then(|()| log.sync());
                    let failed = done.as_ref().err().map(|error| describe(error));
                    if let Some(reason) = failed {
                        end.0.close(Some(reason));
                        durable(done);
                        return;
                    }
                    durable(done);
                    if log.wants_spare() && log.prepare().is_err() {
                        // The roll tries again, and says it if there is still no space.
                        continue;
                    }
                }
            }
        }
        if let Err(error) = log.close() {
            durable(Err(error));
        }
    }
}
