//! Builds the import graph and finds its cycles.

use agentd_base::Text;
use agentd_tools::{
    structure::{Paths, analyse},
    text::count,
};

use super::{decode, encode, measure::MeasureOutput, survey::Surveyed};
use crate::{StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let (survey, measured) = (ctx.input("survey").await?, ctx.input("measure").await?);
    let analyse = move || {
        let surveyed: Surveyed = decode("survey", &survey)?;
        let output: MeasureOutput = decode("measure", &measured)?;
        let paths = Paths::new(&surveyed.manifest.files);
        let structure = analyse(&paths, output.measured.files.iter().map(|file| (file.file, &file.links)));
        let edges = count(structure.edges, "dependency", "dependencies");
        let summary = format!("{edges} between files, {}", count(structure.cycles.len() as u64, "cycle", "cycles"));
        encode(&structure).map(|bytes| (summary, bytes))
    };
    let (summary, bytes) = ctx.compute(move |_| analyse()).await??;
    Ok(StepOutput { summary: Text::new(summary), output: ctx.output(bytes).await?, documents: Vec::new() })
}
