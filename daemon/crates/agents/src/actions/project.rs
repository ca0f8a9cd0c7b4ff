//! Reads what the project says about itself, and beside it, on another agent if one is idle, what its lock files prove.

use std::sync::Arc;

use agentd_base::Text;
use agentd_tools::{
    lockfiles::{self, LockReport},
    project::{self, Project},
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

/// One of the two things to read.
enum Read {
    Project(Arc<Project>),
    Locks(Arc<LockReport>),
}

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let workspace = ctx.compute(move |_| open_workspace(&path)).await??;
    let read = move |_: &mut Scratch, is_locks: &bool| match is_locks {
        false => Read::Project(Arc::new(project::read(&workspace, &surveyed.manifest))),
        true => Read::Locks(Arc::new(lockfiles::read(&workspace, &surveyed.manifest))),
    };
    let fold = |(project, locks): &mut (Arc<Project>, Arc<LockReport>), _, part| match part {
        Read::Project(read) => *project = read,
        Read::Locks(read) => *locks = read,
    };
    let (project, locks) = ctx.scatter_fold(vec![false, true], read, Default::default(), fold).await?.value;
    let made = (Arc::clone(&project), Arc::clone(&locks));
    let finish = move || {
        let (project, locks) = (&*made.0, &*made.1);
        encode(&Projected { project, locks }).map(|bytes| (summary(project, locks), bytes))
    };
    let (summary, bytes) = ctx.compute(move |_| finish()).await??;
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
