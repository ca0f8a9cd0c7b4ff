//! Tasks: submit, look, follow, stop, read.

use std::{pin::Pin, sync::Arc, time::Duration};

use agentd_base::Seq;
use agentd_engine::{TaskView, WatchItem, Watcher};
use agentd_proto::{
    limits::{HEARTBEAT_SECONDS, MAX_CHUNK_BYTES},
    rendezvous::MAX_RESPONSE_BYTES,
    v1::{
        CancelRequest, CancelResponse, DocumentChunk, GetTaskRequest, ListTasksRequest, ListTasksResponse,
        ReadDocumentRequest, SubmitRequest, SubmitResponse, Task, WatchRequest, WatchResponse,
        task_service_server::TaskService,
    },
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    Context, Peer, convert,
    counters::Method,
    status::{refused, status_of},
};

/// A page of tasks ends before it would come near the longest answer; half leaves room for one more task of any size.
const PAGE_BYTES: usize = MAX_RESPONSE_BYTES / 2;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
#[derive(Debug)]
pub(super) struct Tasks(pub(super) Arc<Context>);

#[tonic::async_trait]
impl TaskService for Tasks {
    type WatchStream = Answers<WatchResponse>;
    type ReadDocumentStream = Answers<DocumentChunk>;

    async fn submit(&self, call: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        self.0.answer(Method::Submit, self.do_submit(call)).await
    }

    async fn get(&self, call: Request<GetTaskRequest>) -> Result<Response<Task>, Status> {
        self.0.answer(Method::Get, self.do_get(call.into_inner())).await
    }

    async fn list(&self, call: Request<ListTasksRequest>) -> Result<Response<ListTasksResponse>, Status> {
        self.0.answer(Method::List, self.do_list(call.into_inner())).await
    }

    async fn watch(&self, call: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.0.answer(Method::Watch, self.do_watch(call.into_inner())).await
    }

    async fn cancel(&self, call: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        self.0.answer(Method::Cancel, self.do_cancel(call.into_inner())).await
    }

    async fn read_document(
        &self,
        call: Request<ReadDocumentRequest>,
    ) -> Result<Response<Self::ReadDocumentStream>, Status> {
        self.0.answer(Method::ReadDocument, self.do_read(call.into_inner())).await
    }
}

impl Tasks {
    async fn do_submit(&self, call: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        if let Some(Err(wait)) = call.extensions().get::<Peer>().map(|peer| peer.pace.take()) {
            return Err(status_of(&TooFast(self.0.config.server.submits_per_second), Some(wait)));
        }
        let submit = convert::submit(call.into_inner()).map_err(invalid)?;
        if let Some(why) = self.0.premises.refusal() {
            self.0.premises.changed.notify_one();
            return Err(status_of(&why, None));
        }
        let submitted = self.0.engine.submit(submit).await.map_err(|error| {
            if matches!(error, agentd_engine::Error::ReadOnly(_) | agentd_engine::Error::Gone) {
                self.0.premises.changed.notify_one();
            }
            refused(&error)
        })?;
        Ok(Response::new(SubmitResponse {
            task_id: submitted.task.to_string(),
            existing: submitted.existing,
            cursor: submitted.cursor.0,
        }))
    }

    async fn do_get(&self, wire: GetTaskRequest) -> Result<Response<Task>, Status> {
        let task = convert::task_id(&wire.task_id).map_err(invalid)?;
        let view = self.0.engine.task(task).await.map_err(|error| refused(&error))?;
        Ok(Response::new(convert::task(view)))
    }

    async fn do_list(&self, wire: ListTasksRequest) -> Result<Response<ListTasksResponse>, Status> {
        let query = convert::list(wire).map_err(invalid)?;
        let page = self.0.engine.tasks(query).await.map_err(|error| refused(&error))?;
        let tasks = page.tasks.into_iter().map(listed);
        Ok(Response::new(fitting(tasks, page.next.map(|next| next.to_string()).unwrap_or_default())))
    }

    async fn do_watch(&self, wire: WatchRequest) -> Result<Response<Answers<WatchResponse>>, Status> {
        let query = convert::watch(&wire).map_err(invalid)?;
        let heartbeat = Duration::from_secs(HEARTBEAT_SECONDS);
        let watcher = self.0.engine.watch(query, heartbeat).await.map_err(|error| refused(&error))?;
        let watch = Watch { watcher, seen: query.after, ending: self.0.stops.ending.clone() };
        Ok(Response::new(Box::pin(watch.stream())))
    }

    async fn do_cancel(&self, wire: CancelRequest) -> Result<Response<CancelResponse>, Status> {
        let task = convert::task_id(&wire.task_id).map_err(invalid)?;
        let state = self.0.engine.cancel(task).await.map_err(|error| refused(&error))?;
        Ok(Response::new(CancelResponse { state: convert::state(state).into() }))
    }

    async fn do_read(&self, wire: ReadDocumentRequest) -> Result<Response<Answers<DocumentChunk>>, Status> {
        let task = convert::task_id(&wire.task_id).map_err(invalid)?;
        let name = convert::document_name(wire.name).map_err(invalid)?;
        let content = self.0.engine.document(task, &name).await.map_err(|error| refused(&error))?;
        Ok(Response::new(Box::pin(stream::iter(pieces(content).map(|content| Ok(DocumentChunk { content }))))))
    }
}

/// A task as a list has it. Of old ones only the index knows, which has neither steps nor documents: no list has them.
fn listed(view: TaskView) -> Task {
    Task { steps: Vec::new(), documents: Vec::new(), ..convert::task(view) }
}

fn invalid(error: convert::FieldError) -> Status {
    status_of(&error, None)
}

/// One connection submits more than it may.
#[derive(Debug, thiserror::Error)]
#[error("this connection may submit {0} tasks per second; wait a little, or raise server.submits_per_second")]
struct TooFast(u32);

impl agentd_base::Classify for TooFast {
    fn class(&self) -> agentd_base::ErrorClass {
        agentd_base::ErrorClass::Busy
    }
}

/// Takes as many tasks as fit into one answer; the token of a page that was cut is its last task.
fn fitting(tasks: impl Iterator<Item = Task>, next: String) -> ListTasksResponse {
    let mut page = ListTasksResponse { tasks: Vec::new(), next_page_token: next };
    let mut bytes = 0;
    for task in tasks {
        bytes += task.encoded_len();
        if let Some(last) = page.tasks.last()
            && bytes > PAGE_BYTES
        {
            page.next_page_token.clone_from(&last.task_id);
            break;
        }
        page.tasks.push(task);
    }
    page
}

/// Cuts a document without copying it. An empty one has no pieces.
fn pieces(mut content: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = content.len().min(MAX_CHUNK_BYTES);
        (length > 0).then(|| content.split_to(length))
    })
}

/// A watch under way.
struct Watch {
    watcher: Watcher,
    /// The client was given everything up to here.
    seen: Seq,
    ending: CancellationToken,
}

impl Watch {
    /// Goes on until the task ends. When the daemon stops, what is durable by then still comes, then the final cursor.
    fn stream(self) -> impl Stream<Item = Result<WatchResponse, Status>> + Send {
        stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            let next = tokio::select! {
                biased;
                next = watch.watcher.next() => next,
                () = watch.ending.cancelled() => {
                    let last = convert::watched(&WatchItem::Heartbeat(watch.seen));
                    return Some((Ok(last), None));
                }
            };
            match next {
                Ok(Some(item)) => {
                    match &item {
                        WatchItem::Event(event) => watch.seen = event.seq,
                        WatchItem::Heartbeat(cursor) => watch.seen = watch.seen.max(*cursor),
                        WatchItem::Progress(_) => {}
                    }
                    Some((Ok(convert::watched(&item)), Some(watch)))
                }
                Ok(None) => None,
                Err(error) => Some((Err(refused(&error)), None)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, bytes: usize) -> Task {
        Task { task_id: id.to_owned(), request: "x".repeat(bytes), ..Task::default() }
    }

    #[test]
    fn pages_never_outgrow_an_answer() {
        let whole = fitting((0..50).map(|id| task(&id.to_string(), 100)), "n".to_owned());
        assert_eq!((whole.tasks.len(), whole.next_page_token.as_str()), (50, "n"));
        let cut = fitting((0..1_000).map(|id| task(&id.to_string(), 32 * 1024)), String::new());
        assert!(cut.encoded_len() <= MAX_RESPONSE_BYTES && cut.tasks.len() > 32);
        assert_eq!(cut.next_page_token, cut.tasks.last().unwrap().task_id);
        let huge = fitting([task("a", PAGE_BYTES + 1), task("b", 1)].into_iter(), String::new());
        assert_eq!((huge.tasks.len(), huge.next_page_token.as_str()), (1, "a"), "always one, or nobody gets on");
    }

    #[test]
    fn documents_come_in_pieces_and_whole() {
        for length in [0, 1, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, 3 * MAX_CHUNK_BYTES] {
            let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let parts: Vec<Bytes> = pieces(content.clone().into()).collect();
            assert_eq!(parts.len(), length.div_ceil(MAX_CHUNK_BYTES));
            assert_eq!(parts.concat(), content);
        }
    }
}
