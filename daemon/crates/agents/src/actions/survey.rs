//! Chooses the files of the workspace, and asks git for its commit meanwhile.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_base::{Classify as _, ErrorClass, Text};
use agentd_host::{ChildExit, ChildSpec};
use agentd_tools::{
    git::{self, GitCommand, Head},
    stamp::Stamp,
    survey::{Limits, Manifest, Progress, Survey},
    text::count,
};
use serde::{Deserialize, Serialize};

use super::{fault, hand_on, open_workspace, workspace_path};
use crate::{StepCtx, StepFault, StepOutput};

/// Entries per piece of work: some 2 µs each on a local disk, so some milliseconds.
const ENTRIES: usize = 2_000;

/// Reading two refs takes milliseconds; a git that hangs is left out.
const GIT_LIMIT: Duration = Duration::from_secs(10);

/// An id or a branch; more is no answer to what was asked.
const GIT_OUTPUT: usize = 16 * 1024;

/// What the survey hands on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Surveyed {
    pub(super) manifest: Manifest,
    /// The commit; `None`: no repository, no commit, or no git.
    pub(super) head: Option<Head>,
}

/// The stamps of the files, for the step that comes next in this process. Not durable: who comes later reads the files.
#[derive(Debug)]
pub(super) struct Stamped(pub(super) Vec<Option<Stamp>>);

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let (survey, head) = tokio::join!(walk(ctx, path.clone()), head(ctx, path));
    let (survey, head) = (survey?, head?);
    let (manifest, stamps) = ctx.compute(move |_| survey.finish_with_stamps()).await?;
    let surveyed = Surveyed { manifest, head };
    let files = count(surveyed.manifest.files.len() as u64, "file", "files");
    let summary = format!("{files}, {}", agentd_base::bytes(surveyed.manifest.total_bytes));
    let output = hand_on(ctx, Arc::new(surveyed)).await?;
    if ctx.trusts_times() {
        ctx.keep(&output, Arc::new(Stamped(stamps)));
    }
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

async fn walk(ctx: &StepCtx, path: PathBuf) -> Result<Survey, StepFault> {
    let now = ctx.trusts_times().then(|| ctx.clock().wall());
    let start = move || {
        let workspace = open_workspace(&path)?;
        let survey = Survey::start(&workspace, Limits::default()).map_err(|error| fault(&error))?;
        Ok(match now {
            Some(now) => survey.stamping(now),
            None => survey,
        })
    };
    let mut survey = ctx.compute(move |_| start()).await??;
    let progress = ctx.progress("entries", 0);
    let mut entries = 0;
    loop {
        let (back, state) = ctx
            .compute(move |_| {
                let state = survey.step(ENTRIES);
                (survey, state)
            })
            .await?;
        survey = back;
        if state == Progress::Done {
            return Ok(survey);
        }
        entries += ENTRIES as u64;
        progress.tell(entries);
    }
}

/// The commit and branch; whatever goes wrong with git only means that there is none to tell.
async fn head(ctx: &StepCtx, path: PathBuf) -> Result<Option<Head>, StepFault> {
    let Some(commit) = git(ctx, &path, git::head_command()).await?.filter(ChildExit::is_success) else {
        return Ok(None);
    };
    let branch = git(ctx, &path, git::branch_command()).await?.filter(ChildExit::is_success);
    let branch = branch.as_ref().map(|exit| exit.stdout.head.as_slice());
    let head = git::parse_head(&commit.stdout.head, branch);
    Ok(head.inspect_err(|error| tracing::debug!(%error, "the workspace's commit is unknown")).ok())
}

/// `None`: git did not run. Without room for our own note about a child, the step fails, to wait for room.
async fn git(ctx: &StepCtx, path: &std::path::Path, command: GitCommand) -> Result<Option<ChildExit>, StepFault> {
    let Some(children) = ctx.children() else { return Ok(None) };
    let spec = ChildSpec { wall: GIT_LIMIT, output_limit: GIT_OUTPUT, ..super::git::child(ctx, path, command) };
    match children.run(spec, ctx.cancelled()).await {
        Ok(exit) => Ok(Some(exit)),
        Err(error) if error.class() == ErrorClass::Disk => Err(fault(&error)),
        Err(error) => {
            tracing::debug!(%error, "git did not run");
            Ok(None)
        }
    }
}
