//! A daemon that plays a script: it answers as told, breaks off as told, and keeps what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use agentd_proto::v1::{
    agent_service_server::{AgentService, AgentServiceServer},
    daemon_service_server::{DaemonService, DaemonServiceServer},
    rule_service_server::{RuleService, RuleServiceServer},
    task_service_server::{TaskService, TaskServiceServer},
    watch_response::Item,
    *,
};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime, sync::Notify};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, UnixListenerStream},
};
use tonic::{Request, Response, Status, transport::Server};

pub const TASK: &str = "01JDAAAAAAAAAAAAAAAAAAAAA1";

/// What a watch stream does next.
#[derive(Clone)]
pub enum Act {
    Send(Item),
    /// Ends the stream without an end of the task.
    End,
    Fail(Status),
}

/// What the daemon answers, and what it was asked.
#[derive(Default)]
pub struct Script {
    pub handshake: Option<Result<HandshakeResponse, Status>>,
    pub submits: VecDeque<Result<SubmitResponse, Status>>,
    /// So many submits are taken, and their streams break off before the answer.
    pub breaks: u32,
    /// The same for looks at the status.
    pub status_breaks: u32,
    pub watches: VecDeque<Vec<Act>>,
    pub tasks: Vec<Task>,
    pub documents: HashMap<String, Vec<u8>>,
    pub status: StatusResponse,
    pub agents: Vec<Agent>,
    pub seats: Option<Seats>,
    pub metrics: MetricsResponse,
    pub settings: Vec<Setting>,
    pub journal: VerifyJournalResponse,
    pub rules: ListRulesResponse,
    /// `None`: a daemon that is too old for it.
    pub examined: Option<ExamineResponse>,
    pub submitted: Vec<SubmitRequest>,
    pub watched: Vec<WatchRequest>,
    pub listed: Vec<ListTasksRequest>,
    pub cancelled: Vec<String>,
}

#[derive(Clone)]
struct Player {
    script: Arc<Mutex<Script>>,
    stop: Arc<Notify>,
}

/// The daemon, its state folder and its script.
pub struct Fake {
    pub dir: TempDir,
    script: Arc<Mutex<Script>>,
    player: Player,
    runtime: Option<Runtime>,
}

impl Fake {
    /// A state folder without a daemon.
    pub fn absent() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let player = Player { script: script.clone(), stop: Arc::new(Notify::new()) };
        let fake = Self { dir: TempDir::new().unwrap(), script, player, runtime: None };
        fake.script().status = StatusResponse {
            health: Health::Serving.into(),
            version: "0.1.0".into(),
            pid: 4242,
            started_by: "terminal".into(),
            state_dir: fake.home().display().to_string(),
            socket: fake.socket().display().to_string(),
            ..Default::default()
        };
        fake
    }

    /// A daemon that serves.
    pub fn serving() -> Self {
        let mut fake = Self::absent();
        fake.serve();
        fake
    }

    pub fn home(&self) -> &Path {
        self.dir.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("agentd.sock")
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Comes up; a socket file that an earlier life left behind goes first.
    pub fn serve(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let socket = self.socket();
        let _absent = std::fs::remove_file(&socket);
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).unwrap()
        };
        let player = self.player.clone();
        runtime.spawn(async move {
            let stop = player.stop.clone();
            Server::builder()
                .add_service(DaemonServiceServer::new(player.clone()))
                .add_service(AgentServiceServer::new(player.clone()))
                .add_service(RuleServiceServer::new(player.clone()))
                .add_service(TaskServiceServer::new(player))
                .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop.notified())
                .await
                .unwrap();
            let _gone_already = std::fs::remove_file(socket);
        });
        self.runtime = Some(runtime);
    }

    /// Dies as after `kill -9`: connections break, the socket file stays.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }
}

impl Player {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

#[tonic::async_trait]
impl DaemonService for Player {
    async fn handshake(&self, _: Request<HandshakeRequest>) -> Result<Response<HandshakeResponse>, Status> {
        let usual = HandshakeResponse { protocol: 1, oldest_protocol: 1, version: "0.1.0".into() };
        self.script().handshake.clone().unwrap_or(Ok(usual)).map(Response::new)
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let mut script = self.script();
        if script.status_breaks > 0 {
            script.status_breaks -= 1;
            break_off(script);
        }
        Ok(Response::new(script.status.clone()))
    }

    async fn metrics(&self, _: Request<MetricsRequest>) -> Result<Response<MetricsResponse>, Status> {
        Ok(Response::new(self.script().metrics.clone()))
    }

    async fn get_config(&self, _: Request<GetConfigRequest>) -> Result<Response<GetConfigResponse>, Status> {
        Ok(Response::new(GetConfigResponse { settings: self.script().settings.clone() }))
    }

    async fn shutdown(&self, _: Request<ShutdownRequest>) -> Result<Response<ShutdownResponse>, Status> {
        self.stop.notify_one();
        Ok(Response::new(ShutdownResponse { in_flight: 2 }))
    }

    async fn verify_journal(
        &self,
        _: Request<VerifyJournalRequest>,
    ) -> Result<Response<VerifyJournalResponse>, Status> {
        Ok(Response::new(self.script().journal.clone()))
    }

    async fn rebuild_index(&self, _: Request<RebuildIndexRequest>) -> Result<Response<RebuildIndexResponse>, Status> {
        Ok(Response::new(RebuildIndexResponse { records: 12, entries: 3 }))
    }

    async fn examine(&self, _: Request<ExamineRequest>) -> Result<Response<ExamineResponse>, Status> {
        let examined = self.script().examined.clone();
        examined.map(Response::new).ok_or_else(|| Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl AgentService for Player {
    async fn list(&self, _: Request<ListAgentsRequest>) -> Result<Response<ListAgentsResponse>, Status> {
        let script = self.script();
        Ok(Response::new(ListAgentsResponse { agents: script.agents.clone(), compute: script.seats.clone() }))
    }
}

#[tonic::async_trait]
impl RuleService for Player {
    async fn list(&self, _: Request<ListRulesRequest>) -> Result<Response<ListRulesResponse>, Status> {
        Ok(Response::new(self.script().rules.clone()))
    }
}

/// Ends the stream that is to be answered, and leaves the others and the script alone.
fn break_off(script: MutexGuard<'_, Script>) -> ! {
    drop(script);
    panic!("this stream breaks off, as the script says");
}

type Reply<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl TaskService for Player {
    type WatchStream = Reply<WatchResponse>;
    type ReadDocumentStream = Reply<DocumentChunk>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let mut script = self.script();
        script.submitted.push(request.into_inner());
        if script.breaks > 0 {
            script.breaks -= 1;
            break_off(script);
        }
        let usual = SubmitResponse { task_id: TASK.into(), existing: false, cursor: 10 };
        script.submits.pop_front().unwrap_or(Ok(usual)).map(Response::new)
    }

    async fn get(&self, request: Request<GetTaskRequest>) -> Result<Response<Task>, Status> {
        let id = request.into_inner().task_id;
        let found = self.script().tasks.iter().find(|task| task.task_id == id).cloned();
        found.map(Response::new).ok_or_else(|| Status::not_found(format!("there is no task {id}")))
    }

    async fn list(&self, request: Request<ListTasksRequest>) -> Result<Response<ListTasksResponse>, Status> {
        let request = request.into_inner();
        let mut script = self.script();
        // Pages of at most two, so that every list longer than that is read in pages.
        let first: usize = request.page_token.parse().unwrap_or(0);
        let size = usize::try_from(request.page_size).unwrap().min(2);
        let tasks: Vec<Task> = script.tasks.iter().skip(first).take(size).cloned().collect();
        let next = first + tasks.len();
        let next_page_token = if next < script.tasks.len() { next.to_string() } else { String::new() };
        script.listed.push(request);
        Ok(Response::new(ListTasksResponse { tasks, next_page_token }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let acts = {
            let mut script = self.script();
            script.watched.push(request.into_inner());
            script.watches.pop_front().unwrap_or_default()
        };
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for act in acts {
                match act {
                    Act::Send(item) => drop(sender.send(Ok(WatchResponse { item: Some(item) })).await),
                    Act::Fail(status) => drop(sender.send(Err(status)).await),
                    Act::End => return,
                }
            }
            sender.closed().await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        self.script().cancelled.push(request.into_inner().task_id);
        Ok(Response::new(CancelResponse { state: TaskState::Cancelled.into() }))
    }

    async fn read_document(
        &self,
        request: Request<ReadDocumentRequest>,
    ) -> Result<Response<Self::ReadDocumentStream>, Status> {
        let name = request.into_inner().name;
        let content = self.script().documents.get(&name).cloned();
        let content = content.ok_or_else(|| Status::not_found(format!("no document {name}")))?;
        let chunks: Vec<_> =
            content.chunks(7).map(|piece| Ok(DocumentChunk { content: piece.to_vec().into() })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }
}

/// An event of the usual task.
pub fn event(cursor: u64, what: event::What) -> Act {
    let at = Some(agentd_proto::Timestamp { seconds: 1_795_000_000, nanos: 250_000_000 });
    Act::Send(Item::Event(Event { cursor, task_id: TASK.into(), at, what: Some(what) }))
}

pub fn submitted(cursor: u64) -> Act {
    let step = |name: &str, needs: &[&str]| Step {
        name: name.into(),
        role: "researcher".into(),
        state: StepState::Blocked.into(),
        needs: needs.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let steps = vec![step("survey", &[]), step("report", &["survey"])];
    let (request, workspace, workflow) = ("measure".into(), "/w".into(), "analyze".into());
    event(cursor, event::What::Submitted(TaskSubmitted { request, workspace, workflow, steps }))
}

pub fn started(cursor: u64, step: &str) -> Act {
    let (step, agent) = (step.into(), "researcher".into());
    event(cursor, event::What::AttemptStarted(AttemptStarted { step, attempt: 1, agent }))
}

pub fn succeeded(cursor: u64, step: &str, summary: &str) -> Act {
    let (step, summary) = (step.into(), summary.into());
    event(cursor, event::What::StepSucceeded(StepSucceeded { step, attempt: 1, duration_ms: 312, summary }))
}

pub fn ended(cursor: u64, state: TaskState, documents: &[&str]) -> Act {
    let documents = documents.iter().map(|name| document(name)).collect();
    let summary = "1,480 files".into();
    event(cursor, event::What::Ended(TaskEnded { state: state.into(), summary, documents }))
}

pub fn document(name: &str) -> DocumentInfo {
    DocumentInfo { name: name.into(), media_type: "text/markdown".into(), bytes: 21, hash: "ab".repeat(32) }
}

pub fn progress(step: &str, done: u64) -> Act {
    let (step, agent, unit) = (step.into(), "researcher".into(), "files".into());
    let (task_id, bytes_done, bytes_total) = (TASK.into(), done * 10_000, 14_800_000);
    Act::Send(Item::Progress(Progress { task_id, step, agent, unit, done, total: 1480, bytes_done, bytes_total }))
}

/// The usual course of a task that succeeds with a report.
pub fn success() -> Vec<Act> {
    vec![
        submitted(11),
        started(12, "survey"),
        progress("survey", 700),
        succeeded(13, "survey", "1,480 files, 17.4 MB"),
        succeeded(14, "report", ""),
        ended(15, TaskState::Succeeded, &["report.md", "report.json"]),
    ]
}

pub const REPORT: &str = "# Report\n\nAll **well**.\n\n| File | Lines |\n| --- | --- |\n| a.rs | 12 |\n";

/// A daemon with the usual task and its report.
pub fn with_success() -> Fake {
    let fake = Fake::serving();
    {
        let mut script = fake.script();
        script.watches.push_back(success());
        script.documents.insert("report.md".into(), REPORT.into());
        script.documents.insert("report.json".into(), br#"{"files":1480}"#.to_vec());
    }
    fake
}

/// A finished task with this id.
pub fn task(task_id: &str) -> Task {
    let at = |seconds| Some(agentd_proto::Timestamp { seconds, nanos: 0 });
    Task {
        task_id: task_id.into(),
        state: TaskState::Succeeded.into(),
        request: "measure the code".into(),
        workspace: "/w".into(),
        workflow: "analyze".into(),
        priority: Priority::High.into(),
        submitted_at: at(1_795_000_000),
        ended_at: at(1_795_000_003),
        steps: vec![Step {
            name: "survey".into(),
            role: "researcher".into(),
            state: StepState::Succeeded.into(),
            attempts: 2,
            agent: "researcher".into(),
            duration_ms: 312,
            needs: vec![],
        }],
        waiting_for: String::new(),
        summary: "1,480 files".into(),
        documents: vec![document("report.md")],
        recoveries: 1,
        cursor: 15,
    }
}
