//! `agentd-cli submit`: hands a task to the daemon and, unless told otherwise, stays until it has ended.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentd_proto::{
    codes::Exit,
    limits::{MAX_KEY_BYTES, MAX_SUBMIT_BYTES, MAX_TASK_TEXT_BYTES},
    v1::{CpuHint, Hints, Priority, SubmitRequest, SubmitResponse},
};
use clap::{Args, ValueEnum};
use tokio::signal::unix::Signal;
use ulid::Ulid;

use crate::{
    attend::{Product, attend, interrupts},
    connect::Connection,
    context::Context,
    env,
    error::Error,
    follow::Subject,
    shape::AcceptedShape,
};

mod send;

use send::send;

const EXAMPLES: &str = "Examples:
  agentd-cli submit \"Analyze this repository\"
  agentd-cli submit --workspace ~/src/app --output report.md \"Analyze the app\"
  agentd-cli submit --detach --priority low --cpu quiet \"Nightly measurement\"
  agentd-cli submit \"Analyze this repository\" --json | jq .report
  agentd-cli submit --output report.sarif \"Find performance problems in this repository\"

What happens is decided by the workflow alone: today no model reads the request; its words are kept with the task and \
shown. Workflows: analyze (the default: measures the code in the folder and reports its size, structure, heaviest \
functions and performance findings), noop (nothing at all; shows the way there and back), drill (40 steps that only wait; a practice run of all \
agents). Only analyze makes a report.

Without --detach the command stays until the task has ended. Progress goes to stderr, the report to stdout: drawn on a \
terminal, as markdown in a pipe, as one JSON object {task_id, state, summary, documents, report} with --json.
Ctrl-C leaves the task alone; it goes on. If no daemon runs, one is started. Where it is not known whether the task was \
accepted, the error names its key (with --json: error.key): the same command with --key KEY makes no second task.";

/// Submit a task and follow it to its end
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubmitArgs {
    /// The request in plain words, kept and shown with the task; `-` or nothing reads it from stdin
    request: Option<String>,
    /// Read the request from a file
    #[arg(long, short, value_name = "PATH", conflicts_with = "request")]
    file: Option<PathBuf>,
    /// Folder that the task is about [default: the current one]
    #[arg(long, short, value_name = "PATH")]
    workspace: Option<PathBuf>,
    /// Workflow by name: analyze, noop or drill [default: analyze]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    workflow: String,
    /// Which of the waiting tasks goes first
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Normal)]
    priority: Level,
    /// Makes a repetition harmless: the same key and request give the same task
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Agent that should get the steps that it may do
    #[arg(long, value_name = "AGENT", default_value = "", hide_default_value = true)]
    prefer: String,
    /// Whether someone waits for the result
    #[arg(long, value_enum, value_name = "HOW")]
    cpu: Option<Cpu>,
    /// How long you expect it to take, e.g. `30s`; short tasks go first
    #[arg(long, value_name = "TIME", value_parser = expected)]
    expected: Option<Duration>,
    /// Print the task's id and do not wait
    #[arg(long, short, conflicts_with = "output")]
    detach: bool,
    /// Write the report to a file: JSON if its name ends in `.json`, findings alone if in `.sarif`, else markdown; `-`: stdout
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Low,
    Normal,
    High,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Cpu {
    /// Someone waits: use every free agent
    Fast,
    /// Nobody waits: use one agent at a time
    Quiet,
}

/// The longest time that the daemon takes as a hint.
const LONGEST_EXPECTED: Duration = Duration::from_secs(31 * 24 * 3_600);

fn expected(text: &str) -> Result<Duration, String> {
    let remedy = "write a number and a unit, e.g. `30s`, `5m` or `1h 30m`";
    match humantime::parse_duration(text) {
        Ok(span) if span.is_zero() => Err(format!("it is zero; {remedy}")),
        Ok(span) if span > LONGEST_EXPECTED => Err(format!("at most 31d are possible; {remedy}")),
        Ok(span) => Ok(span),
        Err(_) => Err(format!("it is no time; {remedy}")),
    }
}

/// Submits.
///
/// # Errors
/// [`Error::Usage`] (request), [`Error::Call`] (refused), [`Error::Unsure`] (perhaps accepted), and those of connecting,
/// starting and following.
pub async fn run(context: &Context<'_>, mut args: SubmitArgs) -> Result<Exit, Error> {
    check_output(&args)?;
    let product = Product::choose(context, args.output.take(), Product::Object)?;
    let detach = args.detach;
    let request = build(context, args)?;
    let (connection, started) = context.connect_or_start().await?;
    if started && let Ok(status) = connection.status().await {
        context.say_started(status.pid);
    }
    if detach {
        let mut connection = connection;
        let accepted = send(context, &mut connection, &request).await?;
        return say_accepted(context, accepted);
    }
    let mut interrupts = interrupts()?;
    let Some((accepted, connection)) = submit_unless_left(context, connection, &request, &mut interrupts).await? else {
        return Ok(Exit::Detached);
    };
    let again = if accepted.existing { ", which this key made earlier" } else { "" };
    context.ui.note(&format!("task {}{again}", accepted.task_id));
    let subject = Subject { task_id: accepted.task_id, cursor: accepted.cursor, progress: true };
    attend(context, connection, subject, &mut interrupts, product).await
}

/// Names of workflows, for those who miss them by a letter; the daemon decides which there are.
const WORKFLOWS: [&str; 3] = ["analyze", "noop", "drill"];

/// Those that make no documents.
const WITHOUT_REPORT: [&str; 2] = ["noop", "drill"];

/// Refuses a file for a report that will not be, instead of making the task and then failing.
fn check_output(args: &SubmitArgs) -> Result<(), Error> {
    let SubmitArgs { output: Some(path), workflow, .. } = args else { return Ok(()) };
    if !WITHOUT_REPORT.contains(&workflow.as_str()) {
        return Ok(());
    }
    let message = format!("workflow {workflow} makes no report: there will be nothing to write to {}", path.display());
    Err(Error::usage(message, "leave --output away, or take --workflow analyze"))
}

fn build(context: &Context<'_>, args: SubmitArgs) -> Result<SubmitRequest, Error> {
    let text = text(args.request, args.file)?;
    let key = args.key.unwrap_or_else(random_key);
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        let message = format!("the key has {} bytes, 1 to {MAX_KEY_BYTES} are possible", key.len());
        return Err(Error::usage(message, "give a shorter --key, or none"));
    }
    let request = SubmitRequest {
        request: text,
        workspace: workspace(args.workspace.as_deref())?,
        workflow: args.workflow,
        idempotency_key: key,
        priority: match args.priority {
            Level::Low => Priority::Low,
            Level::Normal => Priority::Normal,
            Level::High => Priority::High,
        }
        .into(),
        hints: Some(Hints {
            prefer: args.prefer,
            cpu: match args.cpu {
                None => CpuHint::Unspecified,
                Some(Cpu::Fast) => CpuHint::Fast,
                Some(Cpu::Quiet) => CpuHint::Quiet,
            }
            .into(),
            expected_ms: args.expected.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }),
        path: (context.variable)(env::PATH).unwrap_or_default(),
    };
    let size = request_size(&request);
    if size > MAX_SUBMIT_BYTES {
        let message = format!("the task has {size} bytes in all, {MAX_SUBMIT_BYTES} are possible");
        return Err(Error::usage(message, "shorten the request, or PATH"));
    }
    Ok(request)
}

/// A little more than the encoded size: each field costs at most four bytes beside its content.
fn request_size(request: &SubmitRequest) -> usize {
    let hints = request.hints.as_ref().map_or(0, |hints| hints.prefer.len() + 20);
    let texts = [&request.request, &request.workspace, &request.workflow, &request.idempotency_key, &request.path];
    texts.iter().map(|text| text.len() + 4).sum::<usize>() + hints + 8
}

/// The request's text, from wherever it comes; never more than can be sent.
fn text(argument: Option<String>, file: Option<PathBuf>) -> Result<String, Error> {
    let from_stdin = file.is_none() && argument.as_deref().is_none_or(|text| text == "-");
    let text = match (argument, file) {
        (_, Some(path)) => {
            let file = std::fs::File::open(&path).map_err(Error::file("read", &path))?;
            read_text(file, &path)?
        }
        (argument, None) if from_stdin => {
            if argument.is_none() && io::stdin().is_terminal() {
                let hint = "say what to do: agentd-cli submit \"…\", or --file PATH, or `-` to type it";
                return Err(Error::usage("there is no request", hint));
            }
            read_text(io::stdin().lock(), Path::new("standard input"))?
        }
        (argument, None) => argument.unwrap_or_default(),
    };
    if text.trim().is_empty() {
        return Err(Error::usage("the request is empty", "say in plain words what is to be done"));
    }
    if text.len() > MAX_TASK_TEXT_BYTES {
        let message = format!("the request is longer than {MAX_TASK_TEXT_BYTES} bytes, which is the most agentd takes");
        return Err(Error::usage(message, "put the material into a file in the workspace and name it in the request"));
    }
    Ok(text)
}

fn read_text(source: impl Read, name: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let limit = MAX_TASK_TEXT_BYTES as u64 + 1;
    source.take(limit).read_to_end(&mut bytes).map_err(Error::file("read", name))?;
    if bytes.len() > MAX_TASK_TEXT_BYTES {
        // The cut may lie inside a character; the length alone is reported.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::usage(format!("{} is not UTF-8 text", name.display()), "convert it to UTF-8"))
}

fn workspace(named: Option<&Path>) -> Result<String, Error> {
    let path = named.unwrap_or_else(|| Path::new("."));
    let hint = "name the folder that the task is about: --workspace PATH";
    // Listing it is what the task begins with: what fails here would fail there, after the task was accepted.
    let listed = path.canonicalize().and_then(|real| std::fs::read_dir(&real).map(|_| real));
    let real = listed.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::usage(format!("there is no folder {}", path.display()), hint),
        io::ErrorKind::NotADirectory => Error::usage(format!("{} is no folder", path.display()), hint),
        _ => Error::file("list the folder", path)(error),
    })?;
    real.into_os_string()
        .into_string()
        .map_err(|path| Error::usage(format!("the path {} is not UTF-8", Path::new(&path).display()), hint))
}

/// A ULID, so that the daemon can tell that it is new. The standard library seeds each `RandomState` from the system's source.
fn random_key() -> String {
    let word = || u128::from(RandomState::new().hash_one(std::process::id()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ulid::from_parts(u64::try_from(now.as_millis()).unwrap_or(0), word() << 64 | word()).to_string()
}

/// Submits and stays; `None` if the user left before the daemon answered.
async fn submit_unless_left(
    context: &Context<'_>,
    mut connection: Connection,
    request: &SubmitRequest,
    interrupts: &mut Signal,
) -> Result<Option<(SubmitResponse, Connection)>, Error> {
    let mut asked = false;
    let accepted = {
        let mut submitted = pin!(send(context, &mut connection, request));
        loop {
            tokio::select! {
                accepted = &mut submitted => break accepted?,
                _ = interrupts.recv() => {
                    if asked {
                        let key = &request.idempotency_key;
                        context.ui.note("\nleft before agentd answered: the task may have been accepted");
                        context.ui.hint(&format!("see: agentd-cli list; a repetition with --key {key} is harmless"));
                        return Ok(None);
                    }
                    asked = true;
                    context.ui.note("\nwaiting for agentd's answer, to tell you the task's id; Ctrl-C again leaves at once");
                }
            }
        }
    };
    if asked {
        crate::attend::say_detached(context, &accepted.task_id);
        return Ok(None);
    }
    Ok(Some((accepted, connection)))
}

fn say_accepted(context: &Context<'_>, accepted: SubmitResponse) -> Result<Exit, Error> {
    let SubmitResponse { task_id, existing, cursor } = accepted;
    // Who cannot be told its id there is told it here.
    let unsaid = format!("task {task_id} is accepted");
    let unsaid = |_: &Error| context.ui.note(&unsaid);
    if context.ui.json {
        context.ui.object(&AcceptedShape { task_id, existing, cursor }).inspect_err(unsaid)?;
    } else {
        context.ui.data(&task_id).inspect_err(unsaid)?;
        if existing {
            context.ui.note("the key was known: this is the task it made earlier");
        }
        context.ui.hint(&format!("follow it: agentd-cli watch {task_id}"));
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_times_are_read_or_explained() {
        assert_eq!(expected("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(expected("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(expected("31d"), Ok(LONGEST_EXPECTED));
        for bad in ["30", "soon", "-1s", "0s", "", "31d 1s", "99999999999999h"] {
            assert!(expected(bad).unwrap_err().contains("`30s`"), "{bad}");
        }
    }

    #[test]
    fn keys_differ() {
        assert_ne!(random_key(), random_key());
        assert!(random_key().len() <= MAX_KEY_BYTES);
    }
}
