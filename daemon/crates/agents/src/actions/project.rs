//! Reads what the project says about itself and what its lock files prove, some files at a time on all idle compute agents,
//! unless all of these files are as an earlier analysis found them.

use std::{error::Error, sync::Arc, time::Instant};

use agentd_base::Text;
use agentd_tools::{
    Workspace,
    lockfiles::LockReport,
    manifests::{self, Chosen, Found, Said},
    project::Project,
    text::count,
};
use serde::{Deserialize, Serialize};

use super::{
    encode, input, open_workspace,
    survey::{Stamped, Surveyed},
    workspace_path,
};
use crate::{Scratch, StepCtx, StepFault, StepOutput};

/// What the step hands on: who needs the project alone reads it as such.
#[derive(Debug, Serialize)]
struct Projected<'a> {
    #[serde(flatten)]
    project: &'a Project,
    locks: &'a LockReport,
}

/// The rest of the same output.
#[derive(Debug, Deserialize)]
pub(super) struct Locked {
    /// `None`: an older agentd did not read them.
    #[serde(default)]
    pub(super) locks: Option<LockReport>,
}

/// Files per piece: reading one takes some 0.1 ms.
const PIECE_FILES: usize = 8;

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let (root, store, stamps) = (path.clone(), ctx.cache().clone(), ctx.kept::<Stamped>("survey"));
    let prepare = move |scratch: &mut Scratch| {
        let workspace = open_workspace(&root)?;
        let stamps = stamps.as_ref().map_or(&[][..], |stamps| &stamps.0);
        let chosen = manifests::choose(&surveyed.manifest, stamps);
        let known = Found::known(&store, &chosen, &workspace, &mut going_on(scratch));
        Ok::<_, StepFault>((workspace, Arc::new(chosen), known))
    };
    let (workspace, chosen, known) = ctx.compute(prepare).await??;
    let found = match known {
        Some(found) => found,
        None => read(ctx, workspace, Arc::clone(&chosen)).await?,
    };
    let (store, attempt) = (ctx.cache().clone(), ctx.key());
    let finish = move || {
        if let Err(error) = found.keep(&store, &path, &chosen, attempt) {
            tracing::debug!(error = &error as &dyn Error, "what manifests say is not kept");
        }
        let Found { project, locks, .. } = found;
        let bytes = encode(&Projected { project: &project, locks: &locks })?;
        Ok::<_, StepFault>((summary(&project, &locks), bytes, Arc::new(project), Arc::new(locks)))
    };
    let (summary, bytes, project, locks) = ctx.compute(move |_| finish()).await??;
    let output = ctx.output(bytes).await?;
    ctx.keep(&output, project);
    ctx.keep(&output, locks);
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

async fn read(ctx: &StepCtx, workspace: Arc<Workspace>, chosen: Arc<Vec<Chosen>>) -> Result<Found, StepFault> {
    let starts = (0..chosen.len()).step_by(PIECE_FILES).collect();
    let piece = move |scratch: &mut Scratch, start: &usize| {
        let end = chosen.len().min(start + PIECE_FILES);
        Said::by(&chosen[*start..end], &workspace, &mut going_on(scratch))
    };
    let said = ctx.scatter_fold(starts, piece, Said::default(), |said, _, more| said.join(more)).await?.value;
    ctx.compute(move |_| said.finish()).await
}

/// What is asked between two files, of which one may have megabytes and lie on a slow disk: gives way, shows that the agent lives,
/// and says whether the work is still needed. What a piece hands back that was told to stop is taken by nobody.
fn going_on(scratch: &mut Scratch) -> impl FnMut() -> bool {
    let (stop, signs, pace) = (scratch.stop().clone(), scratch.signs(), &mut scratch.pace);
    move || {
        pace.keep(Instant::now());
        signs.give();
        !stop.is_set()
    }
}

fn summary(project: &Project, locks: &LockReport) -> String {
    let name = project.name.as_ref().map_or("a project without a name", |claim| claim.text.as_str());
    let own = project.own();
    let packages = count(own.packages.len() as u64, "package", "packages");
    let commands = count(own.commands.len() as u64, "command", "commands");
    let entries = count(own.entries.len() as u64, "entry point", "entry points");
    let locks = count(locks.files.len() as u64, "lock file", "lock files");
    let least = if project.is_cut { "at least " } else { "" };
    format!("{name}: {least}{packages}, {commands}, {entries}, {locks}")
}
