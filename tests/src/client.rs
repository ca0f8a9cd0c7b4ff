//! The daemon as tests use it: requests of either workflow, a task followed to its end, a document read.

use std::{future::Future, path::Path};

use agentd_proto::v1::{
    DocumentChunk, Event, GetTaskRequest, Metric, MetricsRequest, Progress, ReadDocumentRequest, StatusRequest,
    StatusResponse, SubmitRequest, SubmitResponse, Task, TaskEnded, TaskState, WatchRequest, event::What,
    watch_response::Item,
};
use tonic::{Request, Status, Streaming};

use crate::daemon::{Clients, patience};

/// A task that does nothing.
#[must_use]
pub fn noop(request: &str) -> SubmitRequest {
    SubmitRequest { request: request.to_owned(), workflow: "noop".to_owned(), ..SubmitRequest::default() }
}

/// An analysis of a folder.
#[must_use]
pub fn analyze(folder: &Path) -> SubmitRequest {
    SubmitRequest {
        request: "what is this?".to_owned(),
        workspace: folder.to_str().expect("test folders are UTF-8").to_owned(),
        workflow: "analyze".to_owned(),
        path: std::env::var("PATH").unwrap_or_default(),
        ..SubmitRequest::default()
    }
}

/// What a watcher saw.
#[derive(Debug, Default)]
pub struct Followed {
    /// Durable events in order.
    pub events: Vec<Event>,
    /// Live progress in order.
    pub progress: Vec<Progress>,
}

impl Followed {
    /// How the task ended. Panics if it was not seen.
    #[must_use]
    pub fn end(&self) -> &TaskEnded {
        let mut ends = self.events.iter().filter_map(|event| match &event.what {
            Some(What::Ended(end)) => Some(end),
            _ => None,
        });
        ends.next_back().unwrap_or_else(|| panic!("no end among {:#?}", self.events))
    }

    /// The state at the end.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.end().state()
    }

    /// Cursors in the order of arrival.
    #[must_use]
    pub fn cursors(&self) -> Vec<u64> {
        self.events.iter().map(|event| event.cursor).collect()
    }

    /// Step and agent of every attempt, in order.
    #[must_use]
    pub fn attempts(&self) -> Vec<(&str, &str)> {
        let attempts = self.events.iter().filter_map(|event| match &event.what {
            Some(What::AttemptStarted(start)) => Some((start.step.as_str(), start.agent.as_str())),
            _ => None,
        });
        attempts.collect()
    }
}

/// Waits for something that must come. Panics with `what` when the patience is over.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = patience();
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"))
}

impl Clients {
    /// Submits; panics if it is refused.
    pub async fn submit(&self, request: SubmitRequest) -> SubmitResponse {
        self.try_submit(request).await.expect("the task is accepted")
    }

    /// Submits.
    ///
    /// # Errors
    /// The daemon's refusal.
    pub async fn try_submit(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        let answer = soon("an answer to Submit", self.tasks.clone().submit(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Opens a watch.
    ///
    /// # Errors
    /// The daemon's refusal.
    pub async fn watch(&self, task: &str, cursor: u64) -> Result<Streaming<agentd_proto::v1::WatchResponse>, Status> {
        let request = WatchRequest { task_id: task.to_owned(), cursor, progress: true };
        let answer = soon("an answer to Watch", self.tasks.clone().watch(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Follows a task from a cursor until the stream ends, as it does after the task's end.
    pub async fn follow(&self, task: &str, cursor: u64) -> Followed {
        let mut stream = self.watch(task, cursor).await.expect("the task can be watched");
        let mut seen = Followed::default();
        while let Some(item) = soon(&format!("the end of task {task}"), stream.message()).await.expect("a whole stream")
        {
            match item.item {
                Some(Item::Event(event)) => seen.events.push(event),
                Some(Item::Progress(progress)) => seen.progress.push(progress),
                Some(Item::Heartbeat(_)) | None => {}
            }
        }
        seen
    }

    /// Submits and follows to the end.
    pub async fn run(&self, request: SubmitRequest) -> (String, Followed) {
        let submitted = self.submit(request).await;
        let seen = self.follow(&submitted.task_id, submitted.cursor).await;
        (submitted.task_id, seen)
    }

    /// Reads a document whole.
    ///
    /// # Errors
    /// The daemon's refusal, or the stream's end in an error.
    pub async fn document(&self, task: &str, name: &str) -> Result<Vec<u8>, Status> {
        let request = ReadDocumentRequest { task_id: task.to_owned(), name: name.to_owned() };
        let mut stream = self.tasks.clone().read_document(request).await?.into_inner();
        let mut content = Vec::new();
        while let Some(DocumentChunk { content: piece }) = soon("a piece of the document", stream.message()).await? {
            assert!(piece.len() <= 64 << 10, "a piece of {} bytes", piece.len());
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    /// One task.
    ///
    /// # Errors
    /// The daemon's refusal.
    pub async fn task(&self, task: &str) -> Result<Task, Status> {
        let mut client = self.tasks.clone();
        let answer = soon("an answer to Get", client.get(GetTaskRequest { task_id: task.to_owned() })).await;
        answer.map(tonic::Response::into_inner)
    }

    /// The daemon's status; panics if it does not answer.
    pub async fn status(&self) -> StatusResponse {
        let mut client = self.daemon.clone();
        soon("the status", client.status(Request::new(StatusRequest {}))).await.expect("it answers").into_inner()
    }

    /// All figures.
    pub async fn metrics(&self) -> Vec<Metric> {
        let mut client = self.daemon.clone();
        soon("the metrics", client.metrics(MetricsRequest {})).await.expect("it answers").into_inner().metrics
    }
}
