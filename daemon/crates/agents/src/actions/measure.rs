//! Parses and measures the files, in pieces on all compute agents. A piece reads, parses and counts some small files or one
//! large one, unless an earlier analysis has met the same content, and resolves their imports; the gatherer keeps a summary and
//! a sketch of each, and writes down for the next analysis what is new.

mod file;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use agentd_base::{AgentId, Role, Text};
use agentd_tools::{
    cache::{Cache, Settled, Stamps, Writer},
    duplicates::Sketches,
    manifests,
    measured::Measured,
    project::Project,
    structure::{KnownLinks, NewLinks, Packages},
    survey::{Manifest, SourceFile},
    text::{count, number},
};
use serde::{Deserialize, Serialize};

use super::{
    hand_on, input, open_workspace, optional_input,
    survey::{Stamped, Surveyed},
    workspace_path,
};
use crate::{Progress, Scattered, Scratch, StepCtx, StepFault, StepOutput};
pub(super) use file::MOST_BYTES;
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

/// A file that need not be read takes so much less work than its bytes say.
const SETTLED_SHARE: u32 = 16;

/// Numbers of the files of one piece.
pub(super) type Group = Box<[u32]>;

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    // Says where imports lead.
    let project: Option<Arc<Project>> = optional_input(ctx, "project").await?;
    let (store, rules, folder, stamps) =
        (ctx.cache().clone(), ctx.rules(), path.clone(), ctx.kept::<Stamped>("survey"));
    let prepare = move || -> Result<Files, StepFault> {
        let workspace = open_workspace(&folder)?;
        let project = project.unwrap_or_else(|| Arc::new(manifests::read(&workspace, &surveyed.manifest).0));
        let packages = Packages::new(&project.packages, &project.scripts);
        let links = KnownLinks::open(&store, &folder, (&surveyed.manifest.files, &packages));
        let cache = Arc::new(store.open(&folder, rules));
        let settled = settled(&cache, &surveyed, stamps.as_deref());
        let index = OnceLock::new();
        Ok(Files { workspace, surveyed, stamps, settled, index, packages, links, cache, rules })
    };
    let files = Arc::new(ctx.compute(move |_| prepare()).await??);
    let Scattered { value: gathered, shares } = scatter(ctx, Arc::clone(&files)).await?;
    let Gathered { output, sketches, from_cache, news, stamps, links, .. } = gathered;
    if output.failed.iter().any(|(_, why)| why == GONE) {
        // Single files may go; without the folder the figures would say nothing.
        ctx.compute(move |_| open_workspace(&path)).await??;
    }
    let summary = summary(&output, from_cache, &shares);
    // One is encoded here and stored on the io thread, the other written by another agent.
    let (output, ()) = tokio::join!(hand_on(ctx, Arc::new(output)), keep(ctx, files, (news, stamps, links)));
    let output = output?;
    ctx.keep(&output, Arc::new(sketches));
    Ok(StepOutput { summary: Text::new(summary), output, documents: Vec::new() })
}

/// What the cache says of the files that have not changed since they were read, as far as their stamps tell.
fn settled(cache: &Cache, surveyed: &Surveyed, stamps: Option<&Stamped>) -> Vec<Option<Settled>> {
    let files = surveyed.manifest.files.iter().zip(stamps.into_iter().flat_map(|stamps| &stamps.0));
    files.map(|(source, stamp)| cache.settled(stamp.as_ref()?, source.language?)).collect()
}

/// What the gatherer makes of the pieces.
struct Gathered {
    output: MeasureOutput,
    sketches: Sketches,
    /// Files that were not parsed.
    from_cache: u64,
    news: Writer,
    stamps: Stamps,
    links: Vec<NewLinks>,
    done: u64,
    done_bytes: u64,
}

async fn scatter(ctx: &StepCtx, files: Arc<Files>) -> Result<Scattered<Gathered>, StepFault> {
    let parsed = (0_u32..).zip(files.all()).filter(|(_, file)| file.language.is_some()).map(|(number, _)| number);
    let work = |number: u32, source: &SourceFile| match files.settled(number) {
        Some(_) => source.bytes / SETTLED_SHARE,
        None => source.bytes,
    };
    let pieces = cut(&files.surveyed.manifest, parsed, work);
    let progress = progress(ctx, &files.surveyed.manifest);
    let output = MeasureOutput { measured: Measured::under(files.rules), failed: Vec::new() };
    let (news, sketches) = (Cache::writer(&files.cache, ctx.key()), Sketches::default());
    let (stamps, links) = (Stamps::new(), Vec::new());
    let gathered = Gathered { output, sketches, from_cache: 0, news, stamps, links, done: 0, done_bytes: 0 };
    let shared = Arc::clone(&files);
    let piece = move |scratch: &mut Scratch, group: &Group| -> Vec<Found> {
        group.iter().map(|&file| shared.measure(scratch, file)).collect()
    };
    let fold = |gathered: &mut Gathered, _, found: Vec<Found>| {
        for found in found {
            gathered.add(&files, found);
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
    fn add(&mut self, files: &Files, found: Found) {
        let source = &files.all()[found.file as usize];
        self.done += 1;
        self.done_bytes += u64::from(source.bytes);
        self.from_cache += u64::from(found.from_cache);
        match found.result {
            Ok(measure) => {
                let file::Measure { digest, sketch, links, new_links } = *measure;
                self.links.extend(new_links);
                if files.surveyed.manifest.is_vendored(found.file) {
                    self.output.measured.set_aside(found.file, digest, links);
                } else {
                    self.sketches.add(found.file, sketch, digest.is_generated());
                    self.output.measured.take(found.file, &source.path, digest, links);
                }
            }
            Err(why) => self.output.failed.push((found.file, why.to_owned())),
        }
        if let Some(news) = found.news {
            let added = self.news.add(news);
            let _ = added.inspect_err(unkept);
        }
        if let Some(settled) = found.settled {
            self.stamps.add(settled);
        }
    }
}

/// Writes down what was found out, in steps of some milliseconds. Whatever goes wrong only costs time in the next analysis.
async fn keep(ctx: &StepCtx, files: Arc<Files>, (mut news, stamps, links): (Writer, Stamps, Vec<NewLinks>)) {
    loop {
        let step = ctx.compute_beside(move |_| {
            let over = news.step().inspect_err(unkept).unwrap_or(true);
            (!over).then_some(news)
        });
        match step.await {
            Ok(Some(back)) => news = back,
            Ok(None) => break,
            Err(_) => return,
        }
    }
    let (store, attempt) = (ctx.cache().clone(), ctx.key());
    let rest = move || {
        let root = files.workspace.path();
        // The answers are there before what leads to them.
        let stamps = stamps.keep(&files.cache, &store, root, attempt);
        let links = files.links.keep((files.all().len(), links), (&store, root), attempt);
        for kept in [stamps, links] {
            let _ = kept.inspect_err(unkept);
        }
    };
    let _ = ctx.compute_beside(move |_| rest()).await;
}

fn unkept(error: &agentd_tools::Error) {
    tracing::debug!(error = error as &dyn std::error::Error, "facts are not kept for the next analysis");
}

/// Groups files into pieces of about equal work, which is that of so many bytes of source; large files first, so that none is
/// left over at the end.
pub(super) fn cut(
    manifest: &Manifest,
    files: impl Iterator<Item = u32>,
    work: impl Fn(u32, &SourceFile) -> u32,
) -> Vec<Group> {
    let (mut large, mut groups, mut group, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for number in files {
        let work = work(number, &manifest.files[number as usize]);
        if work > PIECE_BYTES {
            large.push((work, number));
            continue;
        }
        if bytes + work > PIECE_BYTES || group.len() >= PIECE_FILES {
            groups.push(std::mem::take(&mut group).into_boxed_slice());
            bytes = 0;
        }
        bytes += work;
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
    text.extend(reasons.into_iter().map(|(why, files)| format!(", {files} {why}")));
    let agents: Vec<String> =
        shares.iter().filter_map(|(agent, pieces)| Some(format!("{} {pieces}", Role::of(*agent)?))).collect();
    if !agents.is_empty() {
        text.push_str(&format!("; pieces: {}", agents.join(", ")));
    }
    text
}
