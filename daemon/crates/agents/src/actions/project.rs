//! Reads what the project says about itself.

use agentd_base::Text;
use agentd_tools::{
    project::{self, Project},
    text::count,
};

use super::{decode, encode, open_workspace, survey::Surveyed, workspace_path};
use crate::{StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let survey = ctx.input("survey").await?;
    let read = move || {
        let workspace = open_workspace(&path)?;
        let surveyed: Surveyed = decode("survey", &survey)?;
        let project = project::read(&workspace, &surveyed.manifest);
        encode(&project).map(|bytes| (summary(&project), bytes))
    };
    let (summary, bytes) = ctx.compute(move |_| read()).await??;
    Ok(StepOutput { summary: Text::new(summary), output: ctx.output(bytes).await?, documents: Vec::new() })
}

fn summary(project: &Project) -> String {
    let name = project.name.as_ref().map_or("a project without a name", |claim| claim.text.as_str());
    let packages = count(project.packages.len() as u64, "package", "packages");
    let commands = count(project.commands.len() as u64, "command", "commands");
    let entries = count(project.entries.len() as u64, "entry point", "entry points");
    format!("{name}: {packages}, {commands}, {entries}")
}
