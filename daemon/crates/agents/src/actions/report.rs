//! Renders the report and puts it into the task's folder. Runs on a coordinator: bytes only, files through io.

use std::{path::Path, sync::Arc};

use agentd_base::{EffectIntent, ErrorClass, TaskId, Text};
use agentd_tools::{
    EffectState, TaskFiles,
    report::{self, Report},
    text::count,
};
use bytes::Bytes;
use serde::Serialize;

use super::{fault, input};
use crate::{Document, StepCtx, StepFault, StepOutput};

const PAGE: &str = "report.md";

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let merged: Arc<Report> = input(ctx, "merge").await?;
    let Rendered { found, page, json, sarif } = ctx.compute(move |_| render(merged)).await??;
    let page = Bytes::from(page);
    write(ctx, &page).await?;
    let json = ctx.output(json).await?;
    let documents = vec![
        Document {
            name: Text::new(PAGE),
            media_type: Text::new("text/markdown"),
            content: ctx.output(page.into()).await?,
        },
        Document { name: Text::new("report.json"), media_type: Text::new("application/json"), content: json.clone() },
        Document {
            name: Text::new("report.sarif"),
            media_type: Text::new("application/sarif+json"),
            content: ctx.output(sarif).await?,
        },
    ];
    let summary = format!("{found}; report.md, report.json and report.sarif");
    Ok(StepOutput { summary: Text::new(summary), output: json, documents })
}

/// The three documents of one report, and what the rules found, in words.
struct Rendered {
    found: String,
    page: String,
    json: Vec<u8>,
    sarif: Vec<u8>,
}

fn render(mut report: Arc<Report>) -> Result<Rendered, StepFault> {
    if report.schema != report::SCHEMA {
        // One merged by an older agentd has what that looked for, in the form of today.
        Arc::make_mut(&mut report).schema = report::SCHEMA;
    }
    let (json, sarif) = (pretty(&*report)?, pretty(&report::render_sarif(&report))?);
    let found = count(report.findings.counts.total, "performance finding", "performance findings");
    Ok(Rendered { found, page: report::render_markdown(&report), json, sarif })
}

fn pretty(document: &impl Serialize) -> Result<Vec<u8>, StepFault> {
    serde_json::to_vec_pretty(document).map_err(|error| {
        StepFault::new(
            ErrorClass::Internal,
            format!("the report cannot be encoded: {error}; this is a fault of agentd"),
        )
    })
}

async fn write(ctx: &StepCtx, page: &Bytes) -> Result<(), StepFault> {
    let (state, task, content) = (ctx.state_folder().to_owned(), ctx.key().task, page.clone());
    let unfinished = ctx.unfinished().to_vec();
    let (files, intent) =
        ctx.on_io(move || plan(&state, task, &content, &unfinished)).await?.map_err(|error| fault(&error))?;
    let EffectIntent::WriteFile { before, after, .. } = &intent;
    if *before == Some(*after) {
        // An attempt before this one has written it.
        return Ok(());
    }
    let token = ctx.effect(intent.clone()).await?;
    let content = page.clone();
    ctx.on_io(move || files.write_file(token, &content)).await?.map_err(|error| fault(&error))?;
    ctx.effected(intent).await;
    Ok(())
}

/// What to write over what. A file that is neither as an unfinished attempt found it nor as it wanted it was changed by
/// somebody else, and is left to him.
fn plan(
    state: &Path,
    task: TaskId,
    content: &[u8],
    unfinished: &[EffectIntent],
) -> agentd_tools::Result<(TaskFiles, EffectIntent)> {
    let files = TaskFiles::open(state)?;
    let intent = files.intent(task, Path::new(PAGE), content)?;
    let EffectIntent::WriteFile { path, .. } = &intent;
    for earlier in unfinished {
        let EffectIntent::WriteFile { path: meant, .. } = earlier;
        if meant == path && files.observe(earlier)? == EffectState::Drift {
            return Err(agentd_tools::Error::Drift { path: path.clone() });
        }
    }
    Ok((files, intent))
}
