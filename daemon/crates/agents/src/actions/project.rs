//! Reads what the project says about itself and what its lock files prove, some files at a time on all idle compute agents.

use std::sync::Arc;

use agentd_base::Text;
use agentd_tools::{
    lockfiles::LockReport,
    manifests::{self, Chosen, Said},
    project::Project,
    structure::{PathIndex, Paths},
    text::count,
};
use serde::{Deserialize, Serialize};

use super::{encode, input, open_workspace, survey::Surveyed, workspace_path};
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
    let files = Arc::clone(&surveyed);
    let prepare = move |_: &mut Scratch| {
        let workspace = open_workspace(&path)?;
        let manifest = &files.manifest;
        Ok::<_, StepFault>((workspace, PathIndex::new(&manifest.files), manifests::choose(manifest)))
    };
    let (workspace, index, chosen) = ctx.compute(prepare).await??;
    let folder = Arc::clone(&workspace);
    let piece = move |_: &mut Scratch, files: &Vec<Chosen>| {
        Said::by(files, &folder, &Paths::over(&surveyed.manifest.files, &index))
    };
    let pieces = chosen.chunks(PIECE_FILES).map(<[Chosen]>::to_vec).collect();
    let said = ctx.scatter_fold(pieces, piece, Said::default(), |said, _, more| said.join(more)).await?.value;
    let finish = move |_: &mut Scratch| {
        let (project, locks) = said.finish(&workspace);
        let bytes = encode(&Projected { project: &project, locks: &locks })?;
        Ok::<_, StepFault>((summary(&project, &locks), bytes, Arc::new(project), Arc::new(locks)))
    };
    let (summary, bytes, project, locks) = ctx.compute(finish).await??;
    let output = ctx.output(bytes).await?;
    ctx.keep(&output, project);
    ctx.keep(&output, locks);
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

fn summary(project: &Project, locks: &LockReport) -> String {
    let name = project.name.as_ref().map_or("a project without a name", |claim| claim.text.as_str());
    let own = project.own();
    let packages = count(own.packages.len() as u64, "package", "packages");
    let commands = count(own.commands.len() as u64, "command", "commands");
    let entries = count(own.entries.len() as u64, "entry point", "entry points");
    let locks = count(locks.files.len() as u64, "lock file", "lock files");
    format!("{name}: {packages}, {commands}, {entries}, {locks}")
}
