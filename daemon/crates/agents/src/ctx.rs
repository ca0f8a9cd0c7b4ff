//! What a step may use: its task, the outputs it needs, io, CPU pieces, and the only way to act on the world.

mod effects;
mod progress;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentd_base::{AgentId, AttemptKey, EffectIntent, ErrorClass};
use agentd_host::{Children, Clock};
use agentd_tools::{cache::Store, findings::RuleSet};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Assignment, INLINE_LIMIT, PayloadRef, Scattered, Scratch, StepFault, StepOutput, TaskInfo,
    around::{Letter, Surroundings},
    panic_words,
    pieces::{Board, Guard, Job, PieceFn, Scatter, ScatterSpec},
    state::{AgentState, Halt},
};
use effects::Window;
pub use progress::Progress;

/// Longest attempt limit that a timer can hold; longer limits mean the same.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// The code that steps run; tests put their own in its place.
pub(crate) trait Steps: Send + Sync + 'static {
    /// Runs the step of `ctx`.
    fn run<'a>(&'a self, ctx: &'a StepCtx) -> LocalBoxFuture<'a, Result<StepOutput, StepFault>>;
}

/// The step's view of the daemon.
pub struct StepCtx {
    assignment: Assignment,
    stop: Halt,
    deadline: Instant,
    state: Arc<AgentState>,
    board: Arc<Board>,
    around: Arc<Surroundings>,
    window: Window,
}

impl std::fmt::Debug for StepCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepCtx").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}

impl StepCtx {
    pub(crate) fn new(letter: Letter, state: Arc<AgentState>, board: Arc<Board>, around: Arc<Surroundings>) -> Self {
        // tokio's clock stands still while the machine sleeps, as the limit demands.
        let deadline = Instant::now() + letter.assignment.limit.min(LONGEST);
        let (assignment, stop) = (letter.assignment, letter.stop);
        Self { assignment, stop, deadline, state, board, around, window: Window::default() }
    }

    /// Which attempt this is.
    #[must_use]
    pub const fn key(&self) -> AttemptKey {
        self.assignment.key
    }

    /// Name of the step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.assignment.step
    }

    /// What to do.
    #[must_use]
    pub const fn action(&self) -> agentd_workflow::Action {
        self.assignment.action
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &Arc<TaskInfo> {
        &self.assignment.task
    }

    /// The agent that runs the step.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.state.who.agent
    }

    /// Where children are started; `None` if this daemon starts none.
    #[must_use]
    pub fn children(&self) -> Option<&Arc<Children>> {
        self.around.children.as_ref()
    }

    /// Longest time of the attempt.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.assignment.limit
    }

    /// The state folder; paths of effects are relative to it.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        &self.around.state
    }

    /// The performance rules that look at files.
    #[must_use]
    pub fn rules(&self) -> RuleSet {
        self.around.rules
    }

    /// What is known about files that an earlier analysis met.
    #[must_use]
    pub(crate) fn cache(&self) -> &Store {
        &self.around.cache
    }

    /// Whether a file counts as unchanged if all that the system says about it is.
    pub(crate) fn trusts_times(&self) -> bool {
        self.around.trust_times
    }

    /// The clocks.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.around.clock
    }

    /// When the attempt's time is over.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The output of a step that this one needs.
    ///
    /// # Errors
    /// `Internal` if the workflow gives this step no such input; what reading it back meets.
    pub async fn input(&self, step: &str) -> Result<Bytes, StepFault> {
        self.optional_input(step).await?.ok_or_else(|| {
            let message =
                format!("step `{}` needs the output of `{step}`, which its workflow does not name", self.step());
            StepFault::new(ErrorClass::Internal, message)
        })
    }

    /// The output of a step that this one can make use of; `None` if the workflow does not hand it over.
    ///
    /// # Errors
    /// What reading it back meets.
    pub async fn optional_input(&self, step: &str) -> Result<Option<Bytes>, StepFault> {
        let Some(input) = self.assignment.inputs.iter().find(|input| input.step.as_str() == step) else {
            return Ok(None);
        };
        match &input.output {
            PayloadRef::Inline(bytes) => Ok(Some(bytes.clone())),
            PayloadRef::Stored { hash, .. } => self.around.outside.get(*hash).await.map(Some),
        }
    }

    /// Whether the workflow hands the output of a step to this one.
    pub(crate) fn has_input(&self, step: &str) -> bool {
        self.assignment.inputs.iter().any(|input| input.step.as_str() == step)
    }

    /// Keeps a value that goes with this step's output, for the next steps of the task in this process. Whoever looks for it
    /// must do without it as well.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, output: &PayloadRef, value: Arc<T>) {
        self.around.memo.keep(self.task().id, output, value);
    }

    /// The value of this type that was kept with the output of a step that this one is given.
    pub(crate) fn kept<T: Send + Sync + 'static>(&self, step: &str) -> Option<Arc<T>> {
        let input = self.assignment.inputs.iter().find(|input| input.step.as_str() == step)?;
        self.around.memo.get(self.task().id, &input.output)
    }

    /// Lets go of all values that were kept for this task. That takes milliseconds, for which nobody waits.
    pub(crate) fn forget(&self) {
        let kept = self.around.memo.take(self.task().id);
        self.around.outside.leave(Box::new(move || drop(kept)));
    }

    /// Effects that an earlier attempt meant to have and whose end is not known.
    #[must_use]
    pub fn unfinished(&self) -> &[EffectIntent] {
        &self.assignment.unfinished
    }

    /// Makes `content` an output: carried along if it is small, else stored durably first.
    ///
    /// # Errors
    /// What storing it meets.
    pub async fn output(&self, content: impl Into<Bytes>) -> Result<PayloadRef, StepFault> {
        let content = content.into();
        if content.len() <= INLINE_LIMIT {
            return Ok(PayloadRef::Inline(content));
        }
        let len = content.len() as u64;
        self.around.outside.put(content).await.map(|hash| PayloadRef::Stored { hash, len })
    }

    /// Runs `job` on the io thread, for agents that may not block.
    ///
    /// # Errors
    /// `Internal` if it panics; `Unavailable` if the io thread is gone.
    pub async fn on_io<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, StepFault> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move || {
            let _ = answer.send(catch_unwind(AssertUnwindSafe(job)).map_err(|panic| panic_words(&*panic)));
        });
        self.around.outside.on_io(job).await?;
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(words)) => {
                let message = format!("file work of step `{}` panicked: {words}", self.step());
                Err(StepFault::new(ErrorClass::Internal, message))
            }
            Err(_) => Err(StepFault::new(ErrorClass::Unavailable, "the io thread has ended; start agentd again")),
        }
    }

    /// Whether somebody asked to stop the attempt. Steps that await need not look: they are ended at their next await.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.stop.token.is_cancelled()
    }

    /// Waits until somebody asks to stop the attempt.
    pub async fn cancelled(&self) {
        self.stop.token.cancelled().await;
    }

    /// Ends when the attempt has to: on request or when its time is over, never between an intent and its effect.
    pub(crate) async fn interrupted(&self) -> StepFault {
        let fault = tokio::select! {
            biased;
            () = self.stop.token.cancelled() => StepFault::new(ErrorClass::Cancelled, format!("step `{}` was stopped on request", self.step())),
            () = self.state.retired.cancelled() => StepFault::new(ErrorClass::Unavailable, "the agent was replaced"),
            () = tokio::time::sleep_until(self.deadline) => StepFault::new(ErrorClass::TimedOut, self.too_long()),
        };
        self.window.closed().await;
        fault
    }

    fn too_long(&self) -> String {
        format!("step `{}` took longer than its limit of {} s", self.step(), self.assignment.limit.as_secs_f64())
    }

    /// As [`scatter_fold`](Self::scatter_fold), with all results in order.
    #[cfg(test)]
    pub(crate) async fn scatter<T, R>(
        &self,
        items: Vec<T>,
        piece: impl Fn(&mut Scratch, &T) -> R + Send + Sync + 'static,
    ) -> Result<Scattered<Vec<R>>, StepFault>
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
    {
        let results = Vec::with_capacity(items.len());
        self.scatter_fold(items, piece, results, |results, _, result| results.push(result)).await
    }

    /// Computes `piece` over `items` on all idle agents of the class (on this one alone for a quiet task), and folds the
    /// results into `accumulator` in the order of the items, each when its turn has come, so that none is held for long. A
    /// piece may read files, changes nothing, awaits nothing and takes some milliseconds; it is given no context, so it cannot
    /// scatter again. The fold runs on this agent, between its own pieces; keep it short beside a piece.
    ///
    /// # Errors
    /// `Internal` if a piece panics, named by its number.
    pub async fn scatter_fold<T, R, A>(
        &self,
        items: Vec<T>,
        piece: impl Fn(&mut Scratch, &T) -> R + Send + Sync + 'static,
        mut accumulator: A,
        mut fold: impl FnMut(&mut A, usize, R),
    ) -> Result<Scattered<A>, StepFault>
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
    {
        let only = self.task().quiet.then(|| self.agent());
        let shares =
            self.post(only, items, Box::new(piece), |index, result| fold(&mut accumulator, index, result)).await?;
        Ok(Scattered { value: accumulator, shares })
    }

    /// Computes `job` on this agent alone, when it has a seat among those who compute.
    ///
    /// # Errors
    /// `Internal` if it panics.
    pub async fn compute<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Scratch) -> R + Send + 'static,
    ) -> Result<R, StepFault> {
        self.once(Some(self.agent()), job).await
    }

    /// Computes `job` on an agent of the class that has nothing else to do (on this one for a quiet task), beside what this
    /// one does.
    ///
    /// # Errors
    /// `Internal` if it panics, or is lost with an agent that does not answer any more.
    pub(crate) async fn compute_beside<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Scratch) -> R + Send + 'static,
    ) -> Result<R, StepFault> {
        self.once(self.task().quiet.then(|| self.agent()), job).await
    }

    async fn once<R: Send + 'static>(
        &self,
        only: Option<AgentId>,
        job: impl FnOnce(&mut Scratch) -> R + Send + 'static,
    ) -> Result<R, StepFault> {
        let once = |scratch: &mut Scratch, job: &Mutex<Option<_>>| {
            let job = job.lock().unwrap_or_else(PoisonError::into_inner).take();
            job.map(|job| run_once(job, scratch))
        };
        let mut value = None;
        let items = vec![Mutex::new(Some(job))];
        self.post(only, items, Box::new(once), |_, result| value = result).await?;
        // An own job is never claimed again: it ends with its agent.
        value.ok_or_else(|| StepFault::new(ErrorClass::Internal, "a computation was lost with the agent that ran it"))
    }

    async fn post<T, R>(
        &self,
        only: Option<AgentId>,
        items: Vec<T>,
        piece: Box<PieceFn<T, R>>,
        fold: impl FnMut(usize, R),
    ) -> Result<Vec<(AgentId, u64)>, StepFault>
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
    {
        let what = format!("step `{}`", self.step());
        let attempt = Arc::clone(&self.stop.flag);
        let note = self.key().to_string();
        let scatter = Scatter::new(ScatterSpec { what, note, owner: self.state.who, only, attempt, items, piece });
        let (stopped, board) = (scatter.stop_flag(), Arc::clone(&self.board));
        let job: Arc<dyn Job> = Arc::clone(&scatter) as Arc<dyn Job>;
        board.post(Arc::clone(&job));
        let guard = Guard { board, job, stopped };
        scatter.gather(&guard.board, fold).await
    }
}

fn run_once<R>(job: impl FnOnce(&mut Scratch) -> R, scratch: &mut Scratch) -> R {
    job(scratch)
}
