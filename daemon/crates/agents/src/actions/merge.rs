//! Merges what the other steps found into one report. A task that began under an older agentd keeps the steps that it began
//! with: what these did not look for is missing in its report, which says so.

use std::sync::Arc;

use agentd_base::Text;
use agentd_tools::{
    duplicates::Duplicates,
    git::history::Past,
    lockfiles::LockReport,
    project::Project,
    report::{self, Others, Parts, Report, Run},
    structure::Structure,
    text::count,
};

use super::{encode, input, measure::MeasureOutput, optional_input, project::Locked, survey::Surveyed};
use crate::{StepCtx, StepFault, StepOutput};

/// The outputs of the steps before this one.
struct Inputs {
    survey: Arc<Surveyed>,
    measured: Arc<MeasureOutput>,
    project: Arc<Project>,
    structure: Arc<Structure>,
    locks: Option<Arc<LockReport>>,
    history: Option<Arc<Past>>,
    duplicates: Option<Arc<Duplicates>>,
}

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let inputs = Inputs {
        survey: input(ctx, "survey").await?,
        measured: input(ctx, "measure").await?,
        project: input(ctx, "project").await?,
        structure: input(ctx, "structure").await?,
        locks: locks(ctx).await?,
        history: optional_input(ctx, "history").await?,
        duplicates: optional_input(ctx, "duplicates").await?,
    };
    let workspace = ctx.task().workspace.clone().unwrap_or_default();
    let folder = workspace.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let took_ms = ctx.clock().wall().0.saturating_sub(ctx.task().submitted.0);
    let run = Run { folder, took_ms, ..Run::default() };
    let Merged { report, summary, bytes } = ctx.compute(move |_| merge(&inputs, run)).await??;
    let output = ctx.output(bytes).await?;
    ctx.keep(&output, Arc::new(report));
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

/// What the project step read of lock files; `None`: it is that of an older agentd.
async fn locks(ctx: &StepCtx) -> Result<Option<Arc<LockReport>>, StepFault> {
    match ctx.kept("project") {
        Some(locks) => Ok(Some(locks)),
        None => Ok(input::<Locked>(ctx, "project").await?.locks.clone().map(Arc::new)),
    }
}

struct Merged {
    report: Report,
    summary: String,
    bytes: Vec<u8>,
}

fn merge(inputs: &Inputs, run: Run) -> Result<Merged, StepFault> {
    let others = Others {
        past: inputs.history.clone().unwrap_or_default(),
        duplicates: inputs.duplicates.clone(),
        locks: inputs.locks.clone(),
    };
    let run = Run { head: inputs.survey.head.clone(), failed: inputs.measured.failed.clone(), ..run };
    let parts = Parts {
        manifest: &inputs.survey.manifest,
        measured: &inputs.measured.measured,
        structure: &inputs.structure,
        project: &inputs.project,
        others: &others,
        run: &run,
    };
    let report = report::build(&parts);
    let code = count(report.totals.code, "line", "lines");
    let files = count(report.totals.measured_files, "file", "files");
    let changes = count(report.advice.changes.len() as u64, "change", "changes");
    let summary = format!("{}: {code} of code in {files}, {changes} to make first", report.subject.name);
    let bytes = encode(&report)?;
    Ok(Merged { report, summary, bytes })
}
