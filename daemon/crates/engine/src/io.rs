//! The io thread: file work for those who may not block (the engine, the coordinators, the net thread). One bounded queue;
//! jobs run in order, so what was written before is seen by what is asked after.

use std::sync::Arc;

use agentd_agents::{Outside, StepFault};
use agentd_base::{Classify, ContentHash, ErrorClass, describe};
use agentd_journal::{Blobs, Reader, RealDisk};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, index::Book, progress::Progress};

/// Jobs that may wait. An agent that has more to store waits for room.
const QUEUE: usize = 1_024;

/// What jobs work on.
#[derive(Debug)]
pub(crate) struct Io {
    pub blobs: Arc<Blobs>,
    pub reader: Reader,
    pub book: Book,
    /// The state folder, for what is in it beside the log.
    pub home: RealDisk,
    /// The thread ends after this job.
    pub over: bool,
}

/// Work on its way to the io thread.
pub(crate) type Job = Box<dyn FnOnce(&mut Io) + Send>;

/// The way to the io thread.
#[derive(Debug, Clone)]
pub(crate) struct IoHandle(mpsc::Sender<Job>);

impl IoHandle {
    /// The queue, and the other end of it for the thread.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Runs `work` there and waits for what it answers.
    ///
    /// # Errors
    /// `Gone` once the daemon has stopped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Io) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, result) = oneshot::channel();
        // A caller that went away does not need the answer.
        let job: Job = Box::new(move |io| drop(answer.send(work(io))));
        self.0.send(job).await.map_err(|_| Error::Gone)?;
        result.await.map_err(|_| Error::Gone)
    }

    /// Leaves `work` there without waiting. False: the queue is full, or the thread has stopped.
    pub(crate) fn leave(&self, work: impl FnOnce(&mut Io) + Send + 'static) -> bool {
        self.0.try_send(Box::new(work)).is_ok()
    }
}

/// The thread's body: ends when it is told to, or every handle is gone.
pub(crate) fn serve(mut io: Io, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut io)));
        if ran.is_err() {
            tracing::error!("a job on the io thread panicked; whoever waits for it is told that it is gone");
        }
        if io.over {
            break;
        }
    }
    io.book.close();
}

/// The io thread as agents see it.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub io: IoHandle,
    /// Where it is told that the disk fails: what cannot be stored can as little be recorded.
    pub progress: Arc<Progress>,
}

impl Outside for Storage {
    fn put(&self, content: Bytes) -> BoxFuture<'static, Result<ContentHash, StepFault>> {
        let Self { io, progress } = self.clone();
        let put = move |io: &mut Io| {
            let put = io.blobs.put(&content);
            if let Some(why) = io.blobs.poison() {
                progress.fail_payloads(why);
            }
            put
        };
        Box::pin(async move { io.run(put).await.map_err(gone)?.map_err(fault) })
    }

    fn get(&self, hash: ContentHash) -> BoxFuture<'static, Result<Bytes, StepFault>> {
        let io = self.io.clone();
        Box::pin(async move {
            let content = io.run(move |io| io.blobs.get(&hash)).await.map_err(gone)?.map_err(fault)?;
            Ok(Bytes::from(content))
        })
    }

    fn leave(&self, job: Box<dyn FnOnce() + Send>) {
        self.io.leave(move |_| job());
    }

    fn on_io(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, Result<(), StepFault>> {
        let io = self.io.clone();
        Box::pin(async move { io.run(move |_| job()).await.map_err(gone) })
    }
}

fn gone(_: Error) -> StepFault {
    StepFault::new(ErrorClass::Unavailable, "the io thread did not answer; see the log")
}

fn fault(error: agentd_journal::Error) -> StepFault {
    if let agentd_journal::Error::Full { action, path, source } = &error {
        // A step needs nobody to start it again: it waits for room.
        let what = format!(
            "cannot {action} `{path}`: the volume of the state folder is full; free some space, then the step goes on by \
             itself: {source}"
        );
        return StepFault::new(error.class(), what);
    }
    StepFault::new(error.class(), describe(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_waits_for_room_is_not_told_to_start_again() {
        let source = std::io::ErrorKind::StorageFull.into();
        let full = agentd_journal::Error::Full { action: "write", path: "blobs/x".to_owned(), source };
        let told = fault(full);
        assert_eq!(told.class, ErrorClass::Disk);
        let words = told.message.as_str();
        assert!(words.contains("goes on by itself") && !words.contains("start again"), "{words}");
    }
}
