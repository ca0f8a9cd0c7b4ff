//! Parses and measures the files, in pieces on all compute agents. A piece reads, parses and counts some small files or one
//! large one, unless an earlier analysis has met the same content; the gatherer resolves their imports, keeps a summary of
//! each, and writes down for the next analysis what is new.

mod file;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use agentd_base::{AgentId, Role, Text};
use agentd_tools::{
    Workspace,
    cache::{Cache, Writer},
    measured::Measured,
    project::{self, Project},
    structure::{Paths, Resolver},
    survey::Manifest,
    text::{count, number},
};
use serde::{Deserialize, Serialize};

use super::{decode, encode, open_workspace, survey::Surveyed, workspace_path};
use crate::{Progress, Scattered, Scratch, StepCtx, StepFault, StepOutput};
use file::{Files, Found, GONE};

/// Bytes of source per piece: parsing runs at some 10 to 15 MB/s, so this is some 6 ms.
const PIECE_BYTES: u32 = 96 * 1024;

/// Files per piece: opening one costs some 10 µs.
const PIECE_FILES: usize = 128;

/// What measuring hands on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MeasureOutput {
    pub(super) measured: Measured,
    /// Files by number that could not be measured, with the reason.
    pub(super) failed: Vec<(u32, String)>,
}

/// Numbers of the files of one piece.
type Group = Box<[u32]>;

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let survey = ctx.input("survey").await?;
    let project = ctx.optional_input("project").await?;
    let (folder, store, rules) = (path.clone(), ctx.cache().clone(), ctx.rules());
    let prepare = move || {
        let (workspace, manifest, project) = prepare(&folder, &survey, project.as_deref())?;
        let cache = Arc::new(store.open(&folder, rules));
        Ok((Arc::new(Files { workspace, manifest, cache, rules }), project))
    };
    let (files, project) = ctx.compute(move |_| prepare()).await??;
    let Scattered { value: Gathered { output, from_cache, news, .. }, shares } = scatter(ctx, files, &project).await?;
    if output.failed.iter().any(|(_, why)| why == GONE) {
        // Single files may go; without the folder the figures would say nothing.
        ctx.compute(move |_| open_workspace(&path)).await??;
    }
    let summary = summary(&output, from_cache, &shares);
    let bytes = ctx.compute(move |_| encode(&output)).await??;
    // One is stored on the io thread while the other is written here.
    let (output, ()) = tokio::join!(ctx.output(bytes), keep(ctx, news));
    Ok(StepOutput { summary: Text::new(summary), output: output?, documents: Vec::new() })
}

type Prepared = (Arc<Workspace>, Manifest, Project);

/// Packages say where imports lead. They come from the project step if the workflow has it before this one.
fn prepare(folder: &Path, survey: &[u8], project: Option<&[u8]>) -> Result<Prepared, StepFault> {
    let workspace = open_workspace(folder)?;
    let manifest = decode::<Surveyed>("survey", survey)?.manifest;
    let project = match project {
        Some(bytes) => decode("project", bytes)?,
        None => project::read(&workspace, &manifest),
    };
    Ok((workspace, manifest, project))
}

/// What the gatherer makes of the pieces.
struct Gathered {
    output: MeasureOutput,
    /// Files that were not parsed.
    from_cache: u64,
    news: Writer,
    done: u64,
    done_bytes: u64,
}

async fn scatter(ctx: &StepCtx, files: Arc<Files>, project: &Project) -> Result<Scattered<Gathered>, StepFault> {
    let pieces = cut(&files.manifest);
    let progress = progress(ctx, &files.manifest);
    let resolver = Resolver::new(Paths::new(&files.manifest.files), &project.packages);
    let output = MeasureOutput { measured: Measured::under(files.rules), failed: Vec::new() };
    let news = Cache::writer(&files.cache, ctx.key());
    let gathered = Gathered { output, from_cache: 0, news, done: 0, done_bytes: 0 };
    let shared = Arc::clone(&files);
    let piece = move |scratch: &mut Scratch, group: &Group| -> Vec<Found> {
        group.iter().map(|&file| shared.measure(scratch, file)).collect()
    };
    let fold = |gathered: &mut Gathered, _, found: Vec<Found>| {
        for found in found {
            gathered.add(&files.manifest, &resolver, found);
        }
        progress.tell_with(gathered.done, gathered.done_bytes);
    };
    let mut scattered = ctx.scatter_fold(pieces, piece, gathered, fold).await?;
    let output = &mut scattered.value.output;
    output.measured = std::mem::take(&mut output.measured).sorted();
    tracing::debug!(shares = ?scattered.shares, "measured");
    Ok(scattered)
}

fn progress(ctx: &StepCtx, manifest: &Manifest) -> Progress {
    let parsed = || manifest.files.iter().filter(|file| file.language.is_some());
    let bytes = parsed().map(|file| u64::from(file.bytes)).sum();
    ctx.progress("files", parsed().count() as u64).with_bytes(bytes)
}

impl Gathered {
    fn add(&mut self, manifest: &Manifest, resolver: &Resolver<'_>, found: Found) {
        let source = &manifest.files[found.file as usize];
        self.done += 1;
        self.done_bytes += u64::from(source.bytes);
        self.from_cache += u64::from(found.from_cache);
        match found.result {
            Ok(facts) => {
                let links = resolver.resolve(found.file, facts.language, &facts.imports);
                self.output.measured.add(found.file, &source.path, &facts, links);
            }
            Err(why) => self.output.failed.push((found.file, why.to_owned())),
        }
        if let Some(news) = found.news {
            let added = self.news.add(news);
            let _ = added.inspect_err(unkept);
        }
    }
}

/// Writes down what was found out, in steps of some milliseconds. Whatever goes wrong only costs time in the next analysis.
async fn keep(ctx: &StepCtx, mut news: Writer) {
    loop {
        let step = ctx.compute(move |_| {
            let over = news.step().inspect_err(unkept).unwrap_or(true);
            (!over).then_some(news)
        });
        match step.await {
            Ok(Some(back)) => news = back,
            Ok(None) | Err(_) => return,
        }
    }
}

fn unkept(error: &agentd_tools::Error) {
    tracing::debug!(error = error as &dyn std::error::Error, "facts are not kept for the next analysis");
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

fn summary(output: &MeasureOutput, from_cache: u64, shares: &[(AgentId, u64)]) -> String {
    let functions = count(output.measured.functions.total, "function", "functions");
    let mut text = format!("{functions} in {}", count(output.measured.files.len() as u64, "file", "files"));
    if from_cache > 0 {
        text.push_str(&format!(" ({} from the cache)", number(from_cache)));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, why) in &output.failed {
        *reasons.entry(why).or_default() += 1;
    }
    for (why, files) in reasons {
        text.push_str(&format!(", {files} {why}"));
    }
    let agents: Vec<String> =
        shares.iter().filter_map(|(agent, pieces)| Some(format!("{} {pieces}", Role::of(*agent)?))).collect();
    if !agents.is_empty() {
        text.push_str(&format!("; pieces: {}", agents.join(", ")));
    }
    text
}
