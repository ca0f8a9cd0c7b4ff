//! Renders the report and puts it into the task's folder. Runs on a coordinator: bytes only, files through io.

use std::{path::Path, sync::Arc};

use agentd_base::{EffectIntent, ErrorClass, TaskId, Text};
use agentd_tools::{
    EffectState, TaskFiles,
    report::{self, Report},
    text::{count, number},
};
use bytes::Bytes;
use serde::Serialize;

use super::{fault, input};
use crate::{Document, Scratch, StepCtx, StepFault, StepOutput};

const PAGE: &str = "report.md";

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let mut merged: Arc<Report> = input(ctx, "merge").await?;
    if merged.schema != report::SCHEMA {
        // One merged by an older agentd has what that looked for, in the form of today.
        Arc::make_mut(&mut merged).schema = report::SCHEMA;
    }
    let found = found(&merged);
    let [page, json, sarif] = render(ctx, merged).await?;
    // While the journal hears what is to be written where, the documents are stored.
    let (written, json, content, sarif) =
        tokio::join!(write(ctx, &page), ctx.output(json), ctx.output(page.clone()), ctx.output(sarif));
    written?;
    let (json, content, sarif) = (json?, content?, sarif?);
    // This was the last step to ask for them.
    ctx.forget();
    let documents = vec![
        Document { name: Text::new(PAGE), media_type: Text::new("text/markdown"), content },
        Document { name: Text::new("report.json"), media_type: Text::new("application/json"), content: json.clone() },
        Document { name: Text::new("report.sarif"), media_type: Text::new("application/sarif+json"), content: sarif },
    ];
    let summary = format!("{found}; report.md, report.json and report.sarif");
    Ok(StepOutput { summary: Text::new(summary), output: json, documents })
}

/// How much was found in the project's own code, and how much elsewhere.
fn found(report: &Report) -> String {
    let (counts, elsewhere) = (&report.findings.counts, report.vendored.findings);
    let mut found = count(counts.total.saturating_sub(counts.in_tests), "performance finding", "performance findings");
    let more = [(counts.in_tests, "files for tests"), (elsewhere, "files by others")];
    let more: Vec<String> = more
        .iter()
        .filter(|(some, _)| *some > 0)
        .map(|(some, place)| format!("{} more in {place}", number(*some)))
        .collect();
    if !more.is_empty() {
        found.push_str(&format!(" ({})", more.join(", ")));
    }
    found
}

/// How a report becomes a document.
type Form = fn(&Report) -> Result<Vec<u8>, StepFault>;

/// The page, the JSON and the SARIF of one report, each made by whoever has the time.
async fn render(ctx: &StepCtx, report: Arc<Report>) -> Result<[Bytes; 3], StepFault> {
    let forms: [Form; 3] = [
        |report| Ok(report::render_markdown(report).into_bytes()),
        |report| pretty(report),
        |report| pretty(&report::render_sarif(report)),
    ];
    let render = move |_: &mut Scratch, form: &Form| form(&report).map(Bytes::from);
    let none = [const { Ok(Bytes::new()) }; 3];
    let made = ctx.scatter_fold(forms.to_vec(), render, none, |made, place, document| made[place] = document).await?;
    let [page, json, sarif] = made.value;
    Ok([page?, json?, sarif?])
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
