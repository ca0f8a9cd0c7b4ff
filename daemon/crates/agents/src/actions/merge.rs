//! Merges what the other steps found into one report.

use agentd_base::Text;
use agentd_tools::{
    report::{self, Parts, Run},
    text::count,
};
use bytes::Bytes;

use super::{decode, encode, measure::MeasureOutput, survey::Surveyed};
use crate::{StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let survey = ctx.input("survey").await?;
    let measured = ctx.input("measure").await?;
    let project = ctx.input("project").await?;
    let structure = ctx.input("structure").await?;
    let workspace = ctx.task().workspace.clone().unwrap_or_default();
    let folder = workspace.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let took_ms = ctx.clock().wall().0.saturating_sub(ctx.task().submitted.0);
    let run = Run { folder, took_ms, ..Run::default() };
    let (summary, bytes) = ctx.compute(move |_| merge([&survey, &measured, &project, &structure], run)).await??;
    Ok(StepOutput { summary: Text::new(summary), output: ctx.output(bytes).await?, documents: Vec::new() })
}

fn merge([survey, measured, project, structure]: [&Bytes; 4], run: Run) -> Result<(String, Vec<u8>), StepFault> {
    let surveyed: Surveyed = decode("survey", survey)?;
    let output: MeasureOutput = decode("measure", measured)?;
    let (project, structure) = (decode("project", project)?, decode("structure", structure)?);
    let run = Run { head: surveyed.head, failed: output.failed, ..run };
    let parts = Parts {
        manifest: &surveyed.manifest,
        measured: &output.measured,
        structure: &structure,
        project: &project,
        run: &run,
    };
    let report = report::build(&parts);
    let code = count(report.totals.code, "line", "lines");
    let files = count(report.totals.measured_files, "file", "files");
    let summary = format!("{}: {code} of code in {files}", report.subject.name);
    encode(&report).map(|bytes| (summary, bytes))
}
