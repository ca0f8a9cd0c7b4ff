//! Builds the import graph and finds its cycles.

use std::sync::Arc;

use agentd_base::Text;
use agentd_tools::{
    structure::{Paths, analyse},
    text::count,
};

use super::{hand_on, input, measure::MeasureOutput, survey::Surveyed};
use crate::{StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let output: Arc<MeasureOutput> = input(ctx, "measure").await?;
    let analyse = move || {
        let paths = Paths::new(&surveyed.manifest.files);
        analyse(&paths, output.measured.files.iter().map(|file| (file.file, &file.links)))
    };
    let structure = ctx.compute(move |_| analyse()).await?;
    let edges = count(structure.edges, "dependency", "dependencies");
    let summary = format!("{edges} between files, {}", count(structure.cycles.len() as u64, "cycle", "cycles"));
    let output = hand_on(ctx, Arc::new(structure)).await?;
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}
