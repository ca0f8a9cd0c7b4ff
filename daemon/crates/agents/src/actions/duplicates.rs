//! Finds blocks of code that stand in several places. Their sketches were made while files were measured; after a restart in
//! between they are made again.

use std::{path::Path, sync::Arc};

use agentd_base::Text;
use agentd_tools::{
    Workspace,
    duplicates::{self, Duplicates, Sketch, Sketches},
    survey::Manifest,
    text::{count, number},
};

use super::{
    hand_on, input,
    measure::{Group, MOST_BYTES, MeasureOutput, cut},
    open_workspace,
    survey::Surveyed,
    workspace_path,
};
use crate::{Scratch, StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let sketches: Arc<Sketches> = match ctx.kept("measure") {
        Some(sketches) => sketches,
        None => Arc::new(sketch(ctx, &surveyed).await?),
    };
    let found = ctx.compute(move |_| duplicates::find(&surveyed.manifest, &sketches)).await?;
    let summary = summary(&found);
    let output = hand_on(ctx, Arc::new(found)).await?;
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

fn summary(found: &Duplicates) -> String {
    let blocks = count(found.group_count, "duplicated block", "duplicated blocks");
    let (covered, lines) = (number(found.covered_lines), count(found.lines, "line", "lines"));
    let cut = if found.cut { "; there may be more" } else { "" };
    format!("{blocks} over {covered} of {lines}{cut}")
}

/// Reads the measured files once more. One that has gone or changed meanwhile is compared as it is now, or not at all.
async fn sketch(ctx: &StepCtx, surveyed: &Arc<Surveyed>) -> Result<Sketches, StepFault> {
    let measured: Arc<MeasureOutput> = input(ctx, "measure").await?;
    let path = workspace_path(ctx)?;
    let workspace = ctx.compute(move |_| open_workspace(&path)).await??;
    let files = measured.measured.files.iter().filter(|file| !file.vendored).map(|file| file.file);
    let pieces = cut(&surveyed.manifest, files, |_, file| file.bytes);
    let manifest = Arc::clone(surveyed);
    let piece = move |_: &mut Scratch, group: &Group| -> Vec<(u32, Option<Sketch>)> {
        group.iter().map(|&file| (file, sketch_file(&workspace, &manifest.manifest, file))).collect()
    };
    let fold = |sketches: &mut Sketches, _, made: Vec<(u32, Option<Sketch>)>| {
        for (file, sketch) in made {
            let place = measured.measured.files.binary_search_by_key(&file, |summary| summary.file);
            let generated = place.is_ok_and(|place| measured.measured.files[place].generated);
            if let Some(sketch) = sketch {
                sketches.add(file, sketch, generated);
            }
        }
    };
    Ok(ctx.scatter_fold(pieces, piece, Sketches::default(), fold).await?.value)
}

fn sketch_file(workspace: &Workspace, manifest: &Manifest, file: u32) -> Option<Sketch> {
    let source = manifest.files.get(file as usize)?;
    let content = workspace.read_file(Path::new(&*source.path), MOST_BYTES).ok()?;
    Some(duplicates::sketch(&content, source.language?))
}
