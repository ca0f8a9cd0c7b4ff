//! A crew with its surroundings: blobs in a folder, a thread for file work, test code for steps.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use agentd_base::{AttemptKey, ContentHash, ErrorClass, Role, StepId, TaskId, Text, WallMs};
use agentd_host::{Children, ChildrenSettings, Intent, ManualClock, PlanSettings, Topology, place};
use agentd_workflow::Action;
use bytes::Bytes;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Assignment, Crew, CrewConfig, Outside, PayloadRef, PiecesAtOnce, Report, StepCtx, StepFault, StepInput, StepOutput,
    TaskInfo, actions::Actions, ctx::Steps,
};

/// Longer than any test takes.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// Blobs as files named by their hash; one real thread for file work.
pub(super) struct Folder {
    path: std::path::PathBuf,
    io: SyncSender<Box<dyn FnOnce() + Send>>,
}

impl Folder {
    fn new(path: &Path) -> Arc<Self> {
        let (io, jobs) = sync_channel::<Box<dyn FnOnce() + Send>>(64);
        let placement = place(&Topology::detect(), Intent::Io, &PlanSettings::default());
        let body = move || jobs.into_iter().for_each(|job| job());
        agentd_host::spawn("test-io", &placement, body).unwrap();
        Arc::new(Self { path: path.to_owned(), io })
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StepFault>> {
        let (answer, result) = oneshot::channel();
        let sent = self.io.send(Box::new(move || drop(answer.send(job()))));
        Box::pin(async move {
            let gone = || StepFault::new(ErrorClass::Unavailable, "the io thread has ended");
            sent.map_err(|_| gone())?;
            result.await.map_err(|_| gone())
        })
    }
}

impl Outside for Folder {
    fn put(&self, content: Bytes) -> BoxFuture<'static, Result<ContentHash, StepFault>> {
        let hash = ContentHash::of(&content);
        let path = self.path.join(hash.to_string());
        self.run(move || {
            std::fs::write(path, content).unwrap();
            hash
        })
    }

    fn get(&self, hash: ContentHash) -> BoxFuture<'static, Result<Bytes, StepFault>> {
        let path = self.path.join(hash.to_string());
        self.run(move || Bytes::from(std::fs::read(path).unwrap()))
    }

    fn leave(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn on_io(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, Result<(), StepFault>> {
        self.run(job)
    }
}

/// Test code as steps.
struct Code<F>(F);

impl<F> Steps for Code<F>
where
    F: for<'a> Fn(&'a StepCtx) -> LocalBoxFuture<'a, Result<StepOutput, StepFault>> + Send + Sync + 'static,
{
    fn run<'a>(&'a self, ctx: &'a StepCtx) -> LocalBoxFuture<'a, Result<StepOutput, StepFault>> {
        (self.0)(ctx)
    }
}

/// An output with these words.
pub(super) fn said(words: impl Into<String>) -> Result<StepOutput, StepFault> {
    Ok(StepOutput { summary: Text::new(words), output: PayloadRef::Inline(Bytes::new()), documents: Vec::new() })
}

pub(super) struct Rig {
    pub(super) crew: Crew,
    pub(super) reports: mpsc::Receiver<Report>,
    pub(super) state: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) quiet: bool,
    pub(super) workspace: Option<std::path::PathBuf>,
}

/// Agents with more slots than a test fills.
pub(super) fn roles() -> [crate::RoleConfig; 12] {
    std::array::from_fn(|_| crate::RoleConfig::new(8))
}

impl Rig {
    /// The real actions.
    pub(super) fn real(workspace: &Path) -> Self {
        let mut rig = Self::with(2, Arc::new(Actions), |_| {});
        rig.workspace = Some(workspace.to_owned());
        rig
    }

    /// The real actions, with children.
    pub(super) fn real_with_children(workspace: &Path) -> Self {
        let children = |config: &mut CrewConfig| {
            let settings = ChildrenSettings {
                folder: config.state.join("children"),
                epoch: 1,
                limit: 4,
                topology: Topology::detect(),
                plan: PlanSettings::default(),
                descriptors: None,
            };
            config.children = Some(Arc::new(Children::open(settings).unwrap()));
        };
        let mut rig = Self::with(2, Arc::new(Actions), children);
        rig.workspace = Some(workspace.to_owned());
        rig
    }

    /// Test code, on boards with so many seats.
    pub(super) fn code<F>(seats: usize, code: F) -> Self
    where
        F: for<'a> Fn(&'a StepCtx) -> LocalBoxFuture<'a, Result<StepOutput, StepFault>> + Send + Sync + 'static,
    {
        Self::with(seats, Arc::new(Code(code)), |_| {})
    }

    pub(super) fn with(seats: usize, steps: Arc<dyn Steps>, change: impl FnOnce(&mut CrewConfig)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let blobs = state.path().join("blobs");
        std::fs::create_dir(&blobs).unwrap();
        let (sender, reports) = mpsc::channel(256);
        let mut config = CrewConfig::new(state.path().to_owned(), roles());
        config.pieces_at_once = PiecesAtOnce { compute: Some(seats), coordinator: Some(seats) };
        change(&mut config);
        let clock = Arc::new(ManualClock::new(WallMs(1_000_000)));
        let shown = Arc::clone(&clock);
        let outside: Arc<dyn Outside> = Folder::new(&blobs);
        let crew = Crew::start_with(config, Arc::new(Topology::detect()), (outside, sender, clock), steps).unwrap();
        Self { crew, reports, state, clock: shown, quiet: false, workspace: None }
    }

    pub(super) fn assignment(&self, number: u16, step: &str, action: Action) -> Assignment {
        let id = TaskId::from_parts(1, 1);
        Assignment {
            key: AttemptKey { task: id, step: StepId(number), attempt: 1 },
            step: Text::new(step),
            action,
            task: Arc::new(TaskInfo {
                id,
                request: Text::new("test"),
                workspace: self.workspace.clone(),
                path: std::env::var("PATH").ok(),
                quiet: self.quiet,
                submitted: WallMs(1_000_000),
            }),
            inputs: Vec::new(),
            limit: LONG,
            unfinished: Vec::new(),
            apart: false,
        }
    }

    /// Gives a step of test code to a role; the step can read its name.
    pub(super) fn begin(&self, role: Role, number: u16, step: &str) -> AttemptKey {
        let assignment = self.assignment(number, step, Action::Noop);
        let key = assignment.key;
        self.crew.assign(role.agent(), assignment).unwrap();
        key
    }

    /// The next report that is no progress.
    pub(super) fn report(&mut self) -> Report {
        loop {
            match self.reports.blocking_recv().unwrap() {
                Report::Progress { .. } => {}
                report => return report,
            }
        }
    }

    /// How the next attempt ended.
    pub(super) fn finished(&mut self) -> (AttemptKey, Result<StepOutput, StepFault>) {
        match self.report() {
            Report::Finished { key, result, .. } => (key, result),
            other => panic!("an end was expected, not {other:?}"),
        }
    }

    /// Runs one step to its end, granting what it asks for; also how many intents it had.
    pub(super) fn run(&mut self, role: Role, assignment: Assignment) -> (Result<StepOutput, StepFault>, usize) {
        let mut intents = 0;
        self.crew.assign(role.agent(), assignment).unwrap();
        loop {
            match self.report() {
                Report::Finished { result, .. } => return (result, intents),
                Report::Intent { granted, .. } => {
                    intents += 1;
                    granted.send(Ok(())).unwrap();
                }
                Report::Effected { .. } | Report::Progress { .. } => {}
            }
        }
    }

    pub(super) fn input(step: &str, output: &StepOutput) -> StepInput {
        StepInput { step: Text::new(step), output: output.output.clone() }
    }
}

/// The words of an end.
pub(super) fn words(result: Result<StepOutput, StepFault>) -> String {
    match result {
        Ok(output) => output.summary.to_string(),
        Err(fault) => format!("{}: {}", fault.class, fault.message),
    }
}

/// A crew that may not come up.
pub(super) fn start(config: CrewConfig) -> Result<Crew, crate::Error> {
    start_on(config, Topology::detect())
}

/// The same on another machine.
pub(super) fn start_on(config: CrewConfig, topology: Topology) -> Result<Crew, crate::Error> {
    let (reports, _) = mpsc::channel(1);
    let outside: Arc<dyn Outside> = Folder::new(&config.state);
    Crew::start(config, Arc::new(topology), outside, reports, Arc::new(ManualClock::default()))
}
