//! Builds the import graph and finds its cycles.

use std::sync::Arc;

use agentd_base::Text;
use agentd_tools::{
    report::own_cycles,
    structure::{Paths, analyse},
    text::count,
};

use super::{hand_on, input, measure::MeasureOutput, survey::Surveyed};
use crate::{StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let output: Arc<MeasureOutput> = input(ctx, "measure").await?;
    let analyse = move || {
        let (manifest, measured) = (&surveyed.manifest, &output.measured);
        let paths = Paths::new(&manifest.files);
        let structure = analyse(&paths, measured.files.iter().map(|file| (file.file, &file.links)));
        // Those of tests and fixtures count apart, as in the report.
        let cycles = own_cycles(manifest, measured, &structure);
        (structure, cycles)
    };
    let (structure, cycles) = ctx.compute(move |_| analyse()).await?;
    let edges = count(structure.edges, "dependency", "dependencies");
    let summary = format!("{edges} between files, {}", count(cycles, "cycle", "cycles"));
    let output = hand_on(ctx, Arc::new(structure)).await?;
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}
