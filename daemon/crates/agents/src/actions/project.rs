//! Reads what the project says about itself.

use agentd_base::Text;
use agentd_tools::project::{self, Project};

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
    let (packages, commands) = (project.packages.len(), project.commands.len());
    format!("{name}: {packages} packages, {commands} commands, {} entry points", project.entries.len())
}
