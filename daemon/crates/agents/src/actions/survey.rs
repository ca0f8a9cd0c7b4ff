//! Chooses the files of the workspace, in pieces on all compute agents, and asks git for its commit meanwhile.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use agentd_base::{Text, WallMs};
use agentd_tools::{
    git::{Checkout, Head, Place, checkout_command, is_unborn},
    stamp::Stamp,
    survey::{Found, Limits, Manifest, Piece, Survey},
    text::count,
};
use serde::{Deserialize, Serialize};

use super::{
    fault,
    git::{self, Bounds},
    hand_on, open_workspace, workspace_path,
};
use crate::{Scratch, StepCtx, StepFault, StepOutput};

/// Entries that are looked at before others are asked for help: less than a millisecond, and all of a small tree.
const ALONE: usize = 256;

/// Reading refs takes milliseconds, and an id, a branch and a folder are short: a git that hangs or talks is left out.
const GIT: Bounds = Bounds { time: Duration::from_secs(10), output: 16 * 1024 };

/// What the survey hands on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Surveyed {
    pub(super) manifest: Manifest,
    /// The commit; `None`: no repository, no commit, or no git.
    pub(super) head: Option<Head>,
    /// Where the folder is in its repository; `None`: as for the commit, but for a repository without one.
    #[serde(default)]
    pub(super) place: Option<Place>,
}

/// The stamps of the files, for the step that comes next in this process. Not durable: who comes later reads the files.
#[derive(Debug)]
pub(super) struct Stamped(pub(super) Vec<Option<Stamp>>);

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let (survey, checkout) = tokio::join!(walk(ctx, path.clone()), checkout(ctx, path));
    let (survey, checkout) = (survey?, checkout?);
    let (manifest, stamps) = survey.finish_with_stamps();
    let (head, place) = checkout.map_or((None, None), |checkout| (checkout.head, Some(checkout.place)));
    let surveyed = Surveyed { manifest, head, place };
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
    let mut survey = ctx.compute(move |_| begin(&path, now)).await??;
    let progress = ctx.progress("entries", 0);
    loop {
        let pieces = survey.pieces();
        if pieces.is_empty() {
            return Ok(survey);
        }
        let found: Vec<Found> = Vec::with_capacity(pieces.len());
        let found = ctx.scatter_fold(pieces, go_over, found, |all, _, found| all.push(found)).await?;
        survey.join(found.value);
        progress.tell(survey.entries());
    }
}

fn begin(path: &Path, now: Option<WallMs>) -> Result<Survey, StepFault> {
    let workspace = open_workspace(path)?;
    let mut survey = Survey::start(&workspace, Limits::default()).map_err(|error| fault(&error))?;
    if let Some(now) = now {
        survey = survey.stamping(now);
    }
    survey.step(ALONE);
    Ok(survey)
}

fn go_over(scratch: &mut Scratch, piece: &Piece) -> Found {
    let stop = scratch.stop().clone();
    piece.walk(&mut || {
        scratch.pace.keep(Instant::now());
        !stop.is_set()
    })
}

/// What is checked out; whatever git says against it only means that there is nothing to tell.
async fn checkout(ctx: &StepCtx, path: PathBuf) -> Result<Option<Checkout>, StepFault> {
    let Some(children) = ctx.children() else { return Ok(None) };
    let exit = match git::run(ctx, children, (&path, checkout_command()), GIT).await? {
        Ok(exit) => exit,
        Err(error) => {
            tracing::debug!(%error, "git did not run");
            return Ok(None);
        }
    };
    if !exit.is_success() && !is_unborn(&exit.stderr.head) {
        return Ok(None);
    }
    let checkout = Checkout::of(&exit.stdout.head);
    Ok(checkout.inspect_err(|error| tracing::debug!(%error, "the workspace's commit is unknown")).ok())
}
