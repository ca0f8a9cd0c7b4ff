//! Asks git what the last commits changed. What it answered is kept under the commit, so that the log is read once for it; a
//! history that cannot be had, or not in time, is told as such and fails nothing.

use std::{path::Path, sync::Arc, time::Duration};

use agentd_base::{Text, describe};
use agentd_host::ChildExit;
use agentd_tools::{
    git::{
        Checkout, GitCommand, checkout_command,
        history::{History, LogParser, NoHistory, OUTPUT_LIMIT, Past, Question, log_command, progress_command},
        is_unborn,
    },
    survey::Manifest,
    text::count,
};

use super::{
    git::{self, Bounds},
    hand_on, input,
    survey::Surveyed,
    workspace_path,
};
use crate::{StepCtx, StepFault, StepOutput};

/// Longest time for the log. The last 1,000 commits of a repository of 70,000 files take some seconds.
const LOG_LIMIT: Duration = Duration::from_secs(20);

/// What a look at refs may take: it prints an id, a name, a word.
const REFS: Bounds = Bounds { time: Duration::from_secs(10), output: 64 * 1024 };

/// Bytes of a log that are read per piece of work: some milliseconds.
const PIECE: usize = 512 * 1024;

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    let path = workspace_path(ctx)?;
    let surveyed: Arc<Surveyed> = input(ctx, "survey").await?;
    let git = Git { ctx, path: &path };
    // Asked again only for the reason why there was no answer.
    let known = surveyed.place.clone().map(|place| Checkout { head: surveyed.head.clone(), place });
    let Found { past, from_cache } = match git.history(known).await {
        Ok(found) => found,
        Err(Miss::Unknown(why)) => Found { past: Past::Unknown(why), from_cache: false },
        Err(Miss::Fault(fault)) => return Err(fault),
    };
    let past = ctx.compute(move |_| of_files(past, &surveyed.manifest)).await?;
    let summary = summary(&past, from_cache);
    Ok(StepOutput { summary: Text::new(summary), output: hand_on(ctx, Arc::new(past)).await?, documents: Vec::new() })
}

struct Found {
    past: Past,
    /// git's log was not asked.
    from_cache: bool,
}

/// Why there is no answer of git.
#[derive(Debug)]
enum Miss {
    /// It is told, and fails nothing.
    Unknown(NoHistory),
    /// The step itself fails.
    Fault(StepFault),
}

impl From<NoHistory> for Miss {
    fn from(why: NoHistory) -> Self {
        Self::Unknown(why)
    }
}

impl From<StepFault> for Miss {
    fn from(fault: StepFault) -> Self {
        Self::Fault(fault)
    }
}

/// git did not run, and there is nothing to wait for.
impl From<agentd_host::Error> for Miss {
    fn from(error: agentd_host::Error) -> Self {
        match error {
            agentd_host::Error::ProgramMissing { .. } => Self::Unknown(NoHistory::NoGit),
            error => Self::Unknown(NoHistory::refused(&describe(&error))),
        }
    }
}

/// git, asked about one folder.
struct Git<'a> {
    ctx: &'a StepCtx,
    path: &'a Path,
}

impl Git<'_> {
    /// The history up to the commit that is checked out, as far as it is known.
    async fn history(&self, known: Option<Checkout>) -> Result<Found, Miss> {
        let Checkout { head, place } = match known {
            Some(checkout) => checkout,
            None => self.checkout().await?,
        };
        let Some(head) = head else {
            let history = History::of_empty().with_state(&place, None);
            return Ok(Found { past: Past::Read(history), from_cache: false });
        };
        // Rebases and bisections take HEAD off its branch; where it is on one git need not be asked.
        let progress = if head.branch.is_none() { self.progress().await? } else { None };
        let commit = head.commit;
        let question = Question::of(&commit, &place).map(Arc::new);
        if let Some(history) = self.kept(question.clone()).await? {
            let past = Past::Read(history.with_state(&place, progress.as_deref()));
            return Ok(Found { past, from_cache: true });
        }
        let history = self.log(&commit).await?;
        let history = self.keep(question, history).await?;
        Ok(Found { past: Past::Read(history.with_state(&place, progress.as_deref())), from_cache: false })
    }

    /// What is checked out, where the survey could not have it.
    async fn checkout(&self) -> Result<Checkout, Miss> {
        let exit = self.run(checkout_command(), REFS).await?;
        if !exit.is_success() && !is_unborn(&exit.stderr.head) {
            return Err(why(&exit).into());
        }
        Ok(Checkout::of(&exit.stdout.head).map_err(|error| NoHistory::refused(&error.to_string()))?)
    }

    /// The log, or as much of it as came in time.
    async fn log(&self, commit: &str) -> Result<History, Miss> {
        // A step with little time of its own leaves some of it for what comes after.
        let bounds = Bounds { time: LOG_LIMIT.min(self.ctx.limit() / 4), output: OUTPUT_LIMIT };
        let exit = self.run(log_command(commit), bounds).await?;
        let late = exit.timed_out();
        if !late && !exit.is_success() {
            return Err(why(&exit).into());
        }
        let cut = late || exit.stdout.dropped_bytes > 0;
        let mut output = exit.stdout.head;
        if exit.stdout.dropped_bytes == 0 {
            output.extend(exit.stdout.tail);
        }
        let history = parse(self.ctx, output, cut).await?;
        if late && history.commits == 0 {
            return Err(NoHistory::Late.into());
        }
        Ok(History { late, cut: history.cut && !late, ..history })
    }

    /// What is under way, in git's words; `None`: it does not say.
    async fn progress(&self) -> Result<Option<Vec<u8>>, Miss> {
        let exit = self.run(progress_command(), REFS).await?;
        Ok(exit.is_success().then_some(exit.stdout.head))
    }

    async fn run(&self, command: GitCommand, bounds: Bounds) -> Result<ChildExit, Miss> {
        let children = self.ctx.children().ok_or(NoHistory::NoPrograms)?;
        Ok(git::run(self.ctx, children, (self.path, command), bounds).await??)
    }

    /// What an earlier analysis read.
    async fn kept(&self, question: Option<Arc<Question>>) -> Result<Option<History>, StepFault> {
        let Some(question) = question else { return Ok(None) };
        let (store, root) = (self.ctx.cache().clone(), self.path.to_owned());
        self.ctx.compute(move |_| question.answer(&store, &root)).await
    }

    /// Keeps what was read for the next one. Whatever goes wrong only costs time then.
    async fn keep(&self, question: Option<Arc<Question>>, history: History) -> Result<History, StepFault> {
        let Some(question) = question else { return Ok(history) };
        let (store, root, attempt) = (self.ctx.cache().clone(), self.path.to_owned(), self.ctx.key());
        let keep = move || {
            if let Err(error) = question.keep(&store, &root, &history, attempt) {
                tracing::debug!(error = &error as &dyn std::error::Error, "the history is not kept");
            }
            history
        };
        self.ctx.compute(move |_| keep()).await
    }
}

/// Why a child that failed did.
fn why(exit: &ChildExit) -> NoHistory {
    if exit.timed_out() { NoHistory::Late } else { NoHistory::of_errors(&exit.stderr.head) }
}

/// Reads a log piece by piece, so that others come in between.
async fn parse(ctx: &StepCtx, output: Vec<u8>, cut: bool) -> Result<History, Miss> {
    let refused = |error: agentd_tools::Error| NoHistory::refused(&error.to_string());
    let (output, mut parser) = (Arc::new(output), LogParser::new());
    for start in (0..output.len()).step_by(PIECE) {
        let piece = Arc::clone(&output);
        let fed = ctx.compute(move |_| {
            let end = piece.len().min(start + PIECE);
            parser.feed(&piece[start..end]).map(|()| parser)
        });
        parser = fed.await?.map_err(refused)?;
    }
    Ok(ctx.compute(move |_| parser.finish(cut)).await?.map_err(refused)?)
}

/// The history of the source files that there are today; a report asks for no others.
fn of_files(past: Past, manifest: &Manifest) -> Past {
    let Past::Read(mut history) = past else { return past };
    let sources = manifest.files.iter().filter(|file| file.language.is_some());
    let mut wanted: Vec<&str> = sources.map(|file| &*file.path).collect();
    wanted.sort_unstable();
    history.files.retain(|file| wanted.binary_search(&&*file.path).is_ok());
    Past::Read(history)
}

fn summary(past: &Past, from_cache: bool) -> String {
    match past {
        Past::Unknown(why) => format!("not known: {}", why.words()),
        Past::Read(history) if history.empty => "the repository has no commit yet".to_owned(),
        Past::Read(history) => {
            let commits = count(history.commits, "commit", "commits");
            let authors = count(history.authors, "author", "authors");
            let files = count(history.files.len() as u64, "source file", "source files");
            let mut words = format!("{commits} of {authors} changed {files}");
            if from_cache {
                words.push_str(" (from the cache)");
            }
            for gap in history.gaps() {
                words.push_str("; ");
                words.push_str(&gap);
            }
            words
        }
    }
}
