//! Parses and measures the files, in pieces on all compute agents. A piece reads, parses and counts some small files or one
//! large one; the gatherer resolves their imports and keeps a summary of each.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use agentd_base::{Role, Text};
use agentd_syntax::{FileFacts, Language, Limits};
use agentd_tools::{
    Workspace,
    measured::Measured,
    project::{self, Project},
    structure::{Paths, Resolver},
    survey::Manifest,
};
use serde::{Deserialize, Serialize};

use super::{decode, encode, open_workspace, survey::Surveyed, workspace_path};
use crate::{Scattered, Scratch, StepCtx, StepFault, StepOutput};

/// Bytes of source per piece: parsing runs at some 10 to 15 MB/s, so this is some 6 ms.
const PIECE_BYTES: u32 = 96 * 1024;

/// Files per piece: opening one costs some 10 µs.
const PIECE_FILES: usize = 128;

/// Files that grew beyond this since the survey are left out.
const MOST_BYTES: u64 = 4 << 20;

/// Files from this size on, in bytes, are left out if their lines have [`DENSE`] bytes on average: nobody wrote them.
const DENSE_FROM: usize = 256 * 1024;
const DENSE: usize = 2_000;

/// Brackets open at once; people reach some thirty, generated tables some hundred. The parser overflows 2 MiB of stack at
/// some ten thousand.
const MOST_NESTED: usize = 4_000;

/// A file of the largest size takes a tenth of it. Below the time after which a silent agent is replaced.
const MOST_TIME: Duration = Duration::from_secs(3);

/// What measuring hands on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MeasureOutput {
    pub(super) measured: Measured,
    /// Files by number that could not be measured, with the reason.
    pub(super) failed: Vec<(u32, String)>,
}

/// Numbers of the files of one piece.
type Group = Box<[u32]>;

type FileResult = (u32, Result<FileFacts, &'static str>);

const GONE: &str = "gone since the survey";

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let survey = ctx.input("survey").await?;
    let project = ctx.optional_input("project").await?;
    let folder = path.clone();
    let prepared = ctx.compute(move |_| prepare(&folder, &survey, project.as_deref())).await?;
    let (workspace, manifest, packages) = prepared?;
    let scattered = scatter(ctx, workspace, &manifest, &packages).await?;
    let output = scattered.value;
    if output.failed.iter().any(|(_, why)| why == GONE) {
        // Single files may go; without the folder the figures would say nothing.
        ctx.compute(move |_| open_workspace(&path)).await??;
    }
    let summary = summary(&output, &scattered.shares);
    let bytes = ctx.compute(move |_| encode(&output)).await??;
    Ok(StepOutput { summary: Text::new(summary), output: ctx.output(bytes).await?, documents: Vec::new() })
}

type Prepared = (Arc<Workspace>, Arc<Manifest>, Project);

/// Packages say where imports lead. They come from the project step if the workflow has it before this one.
fn prepare(folder: &Path, survey: &[u8], project: Option<&[u8]>) -> Result<Prepared, StepFault> {
    let workspace = open_workspace(folder)?;
    let manifest = decode::<Surveyed>("survey", survey)?.manifest;
    let project = match project {
        Some(bytes) => decode("project", bytes)?,
        None => project::read(&workspace, &manifest),
    };
    Ok((workspace, Arc::new(manifest), project))
}

async fn scatter(
    ctx: &StepCtx,
    workspace: Arc<Workspace>,
    manifest: &Arc<Manifest>,
    project: &Project,
) -> Result<Scattered<MeasureOutput>, StepFault> {
    let pieces = cut(manifest);
    let total = pieces.iter().map(|files| files.len() as u64).sum();
    let progress = ctx.progress("files", total);
    let resolver = Resolver::new(Paths::new(&manifest.files), &project.packages);
    let mut done = 0;
    let shared = Arc::clone(manifest);
    let piece = move |scratch: &mut Scratch, files: &Group| -> Vec<FileResult> {
        files.iter().map(|&file| (file, measure(scratch, &workspace, &shared, file))).collect()
    };
    let fold = |output: &mut MeasureOutput, _, files: Vec<FileResult>| {
        done += files.len() as u64;
        for (file, result) in files {
            match result {
                Ok(facts) => {
                    let links = resolver.resolve(file, facts.language, &facts.imports);
                    output.measured.add(file, &facts, links);
                }
                Err(why) => output.failed.push((file, why.to_owned())),
            }
        }
        progress.tell(done);
    };
    let scattered = ctx.scatter_fold(pieces, piece, MeasureOutput::default(), fold).await?;
    tracing::debug!(shares = ?scattered.shares, "measured");
    Ok(scattered)
}

/// Groups the files into pieces of about equal work; large files first, so that none is left over at the end.
fn cut(manifest: &Manifest) -> Vec<Group> {
    let (mut large, mut groups, mut group, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (number, file) in (0_u32..).zip(&manifest.files).filter(|(_, file)| file.language.is_some()) {
        if file.bytes > PIECE_BYTES {
            large.push((file.bytes, number));
            continue;
        }
        if bytes + file.bytes > PIECE_BYTES || group.len() >= PIECE_FILES {
            groups.push(std::mem::take(&mut group).into_boxed_slice());
            bytes = 0;
        }
        bytes += file.bytes;
        group.push(number);
    }
    if !group.is_empty() {
        groups.push(group.into_boxed_slice());
    }
    large.sort_unstable_by(|a, b| b.cmp(a));
    large.into_iter().map(|(_, number)| Box::from([number])).chain(groups).collect()
}

fn measure(
    scratch: &mut Scratch,
    workspace: &Workspace,
    manifest: &Manifest,
    file: u32,
) -> Result<FileFacts, &'static str> {
    let source = &manifest.files[file as usize];
    let language = source.language.ok_or("of no known language")?;
    let content = workspace.read_file(&PathBuf::from(&*source.path), MOST_BYTES).map_err(|error| unreadable(&error))?;
    parse(scratch, language, &content)
}

fn parse(scratch: &mut Scratch, language: Language, content: &[u8]) -> Result<FileFacts, &'static str> {
    if let Some(why) = unfit(content) {
        return Err(why);
    }
    let stop = scratch.stop().clone();
    let begin = Instant::now();
    let late = || begin.elapsed() > MOST_TIME;
    let mut budget = || if stop.is_set() || late() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let facts = scratch.parser().analyze(language, content, Limits::with_budget(&mut budget));
    facts.map_err(|error| match error {
        agentd_syntax::Error::Stopped if !stop.is_set() => "takes too long to parse",
        agentd_syntax::Error::TooLarge { .. } => "too large",
        agentd_syntax::Error::NotText { .. } => "not UTF-8 text",
        agentd_syntax::Error::Stopped => "stopped",
        agentd_syntax::Error::Grammar { .. } | agentd_syntax::Error::NoTree { .. } => "the parser gave nothing",
    })
}

/// Why a file is left out before it is parsed. The parser keeps several readings of what it is not sure of: a line of a
/// megabyte costs it a gigabyte, and brackets that open without end cost it its stack.
fn unfit(content: &[u8]) -> Option<&'static str> {
    let (mut lines, mut depth, mut deepest) = (1, 0_usize, 0);
    for byte in content {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => lines += 1,
            _ => {}
        }
    }
    if deepest > MOST_NESTED {
        Some("nested too deep")
    } else if content.len() > DENSE_FROM && content.len() / lines > DENSE {
        Some("minified or data")
    } else {
        None
    }
}

fn unreadable(error: &agentd_tools::Error) -> &'static str {
    match error {
        agentd_tools::Error::Vanished { .. } | agentd_tools::Error::NotADirectory { .. } => GONE,
        agentd_tools::Error::Permission { .. } => "not permitted",
        agentd_tools::Error::Escapes { .. } => "leads out of the folder",
        agentd_tools::Error::NotAFile { .. } => "no longer a file",
        agentd_tools::Error::TooLarge { .. } => "too large",
        _ => "not readable",
    }
}

fn summary(output: &MeasureOutput, shares: &[(agentd_base::AgentId, u64)]) -> String {
    let mut text = format!("{} functions in {} files", output.measured.functions.total, output.measured.files.len());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, why) in &output.failed {
        *reasons.entry(why).or_default() += 1;
    }
    for (why, count) in reasons {
        text.push_str(&format!(", {count} {why}"));
    }
    let agents: Vec<String> =
        shares.iter().filter_map(|(agent, pieces)| Some(format!("{} {pieces}", Role::of(*agent)?))).collect();
    if !agents.is_empty() {
        text.push_str(&format!("; pieces: {}", agents.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wrote_is_not_parsed() {
        let line = "let x = [1, 2, (3)];\n";
        for (content, why) in [
            (String::new(), None),
            (line.repeat(100_000), None),
            ("f(".repeat(MOST_NESTED) + &")".repeat(MOST_NESTED), None),
            ("f(".repeat(MOST_NESTED + 1), Some("nested too deep")),
            ("{[(".repeat(50_000), Some("nested too deep")),
            ("1,".repeat(DENSE_FROM / 2), None),
            ("1,".repeat(DENSE_FROM), Some("minified or data")),
            (")".repeat(DENSE_FROM) + &line.repeat(10_000), None),
        ] {
            let begin: String = content.chars().take(20).collect();
            assert_eq!(unfit(content.as_bytes()), why, "{begin}… of {} bytes", content.len());
        }
    }
}
