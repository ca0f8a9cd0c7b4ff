//! One file per action: what an agent does in a step.

mod duplicates;
mod git;
mod history;
mod measure;
mod merge;
mod noop;
mod pause;
mod project;
mod report;
mod structure;
mod survey;

use std::sync::Arc;

use agentd_base::{Classify, ErrorClass, describe};
use agentd_tools::Workspace;
use agentd_workflow::Action;
use futures_util::future::LocalBoxFuture;
use serde::{Serialize, de::DeserializeOwned};

use crate::{PayloadRef, StepCtx, StepFault, StepOutput, ctx::Steps};

/// The actions of this program.
#[derive(Debug)]
pub(crate) struct Actions;

impl Steps for Actions {
    fn run<'a>(&'a self, ctx: &'a StepCtx) -> LocalBoxFuture<'a, Result<StepOutput, StepFault>> {
        match ctx.action() {
            Action::Noop => Box::pin(noop::run()),
            Action::Pause => Box::pin(pause::run(ctx)),
            Action::Survey => Box::pin(survey::run(ctx)),
            Action::History => Box::pin(history::run(ctx)),
            Action::Measure => Box::pin(measure::run(ctx)),
            Action::Project => Box::pin(project::run(ctx)),
            Action::Structure => Box::pin(structure::run(ctx)),
            Action::Duplicates => Box::pin(duplicates::run(ctx)),
            Action::Merge => Box::pin(merge::run(ctx)),
            Action::Report => Box::pin(report::run(ctx)),
        }
    }
}

/// A fault of another room, as the fault of a step.
fn fault(error: &(impl Classify + std::error::Error)) -> StepFault {
    StepFault::new(error.class(), describe(error))
}

/// Opens the task's workspace; call it where files may be touched.
fn open_workspace(path: &std::path::Path) -> Result<Arc<Workspace>, StepFault> {
    Workspace::open(path).map(Arc::new).map_err(|error| fault(&error))
}

/// The task's folder.
fn workspace_path(ctx: &StepCtx) -> Result<std::path::PathBuf, StepFault> {
    ctx.task().workspace.clone().ok_or_else(|| {
        let message =
            format!("step `{}` is about a folder and the task names none; submit it with a workspace", ctx.step());
        StepFault::new(ErrorClass::Invalid, message)
    })
}

/// The output of a step that this one needs: as it was made in this process, else read back.
async fn input<T>(ctx: &StepCtx, step: &'static str) -> Result<Arc<T>, StepFault>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if let Some(value) = ctx.kept(step) {
        return Ok(value);
    }
    let bytes = ctx.input(step).await?;
    ctx.compute(move |_| decode(step, &bytes)).await?.map(Arc::new)
}

/// The same of a step that the workflow may not have: `None` if it has none.
async fn optional_input<T>(ctx: &StepCtx, step: &'static str) -> Result<Option<Arc<T>>, StepFault>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if ctx.has_input(step) { input(ctx, step).await.map(Some) } else { Ok(None) }
}

/// Makes a value this step's output, and keeps it for the steps that come next in this process.
async fn hand_on<T>(ctx: &StepCtx, value: Arc<T>) -> Result<PayloadRef, StepFault>
where
    T: Serialize + Send + Sync + 'static,
{
    let made = Arc::clone(&value);
    let bytes = ctx.compute(move |_| encode(&*made)).await??;
    let output = ctx.output(bytes).await?;
    ctx.keep(&output, value);
    Ok(output)
}

/// Outputs travel as JSON: a later version of agentd that finishes this task can read what this one wrote.
fn encode(value: &impl Serialize) -> Result<Vec<u8>, StepFault> {
    serde_json::to_vec(value).map_err(|error| {
        StepFault::new(ErrorClass::Internal, format!("an output cannot be encoded: {error}; this is a fault of agentd"))
    })
}

/// Reads what [`encode`] made.
fn decode<T: DeserializeOwned>(step: &str, bytes: &[u8]) -> Result<T, StepFault> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("the output of step `{step}` cannot be read: {error}; submit the task again");
        StepFault::new(ErrorClass::Damaged, message)
    })
}
