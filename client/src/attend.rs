//! Stays with one task until it ends: shows how it goes, rides out restarts of the daemon, delivers the report.
//! Ctrl-C leaves the task alone.

use std::{
    future::poll_fn,
    path::PathBuf,
    pin::pin,
    process::{Command, Stdio},
    task::Poll,
};

use agentd_proto::{
    codes::Exit,
    v1::{TaskEnded, TaskState, event::What},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use crate::{
    connect::Connection,
    context::Context,
    document::{self, REPORT, REPORT_JSON, Target},
    error::Error,
    follow::{Follow, Item, Subject},
    shape::{self, ResultShape},
    ui::{
        event::{after_state, state_label},
        progress::{Mode, TICK, TaskView},
    },
};

/// What is delivered when the task has ended.
#[derive(Debug)]
pub(crate) enum Product {
    /// The report, on stdout.
    Report,
    /// The report, in a file: which one is chosen by its ending.
    File(Target),
    /// One JSON object with the report.
    Object,
    /// All events as JSON lines, nothing else.
    Events,
}

impl Product {
    /// From `--output` and `--json`; `object`: what `--json` means for the command.
    pub(crate) fn choose(context: &Context<'_>, output: Option<PathBuf>, object: Self) -> Result<Self, Error> {
        Ok(match output {
            Some(path) => Self::File(Target::check(path, context.variable)?),
            None if context.ui.json => object,
            None => Self::Report,
        })
    }
}

/// Ctrl-C, from now on for the rest of the process.
pub(crate) fn interrupts() -> Result<Signal, Error> {
    signals(SignalKind::interrupt())
}

fn signals(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|source| Error::Bare { what: "signals", source })
}

/// Ctrl-C, SIGTERM and the end of the terminal, for a command that has to clean up; from now on for the rest of the process. One
/// that was ignored when the process began stays so: SIGHUP under `nohup`, Ctrl-C for what a script runs in the background.
pub(crate) struct Endings(Vec<Signal>);

impl Endings {
    pub(crate) fn new() -> Result<Self, Error> {
        let kinds =
            [("INT", SignalKind::interrupt()), ("TERM", SignalKind::terminate()), ("HUP", SignalKind::hangup())];
        let ignored = ignored(&kinds.map(|(name, _)| name));
        let heeded = kinds.into_iter().filter(|(name, _)| !ignored.lines().any(|line| line == *name));
        heeded.map(|(_, kind)| signals(kind)).collect::<Result<_, _>>().map(Self)
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) {
        poll_fn(|context| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Which of these signals do nothing to this process, a line each. A child tells, which has that from its parent: the system
/// call that tells is no safe one. A shell runs no trap for what was ignored when it began.
#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host, and waits for this child's end")]
fn ignored(names: &[&str]) -> String {
    const TRY: &str = "for name; do heard=; trap heard=1 $name; kill -s $name $$; [ $heard ] || echo $name; done";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", TRY, "sh"]).args(names).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    shell.output().map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Follows the task and delivers `product`.
pub(crate) async fn attend(
    context: &Context<'_>,
    connection: Connection,
    subject: Subject,
    interrupts: &mut Signal,
    product: Product,
) -> Result<Exit, Error> {
    let task_id = subject.task_id.clone();
    let mut follow = Follow::new(context.starter()?, connection, subject).await?;
    let mode = match product {
        Product::Events => Mode::Json,
        Product::Object => Mode::Silent,
        Product::Report | Product::File(_) => Mode::People,
    };
    let mut view = TaskView::new(context.ui, mode);
    let ended = until_end(context, &mut follow, &mut view, interrupts).await;
    view.close();
    let Some(ended) = ended? else {
        say_detached(context, &task_id);
        return Ok(Exit::Detached);
    };
    tokio::select! {
        exit = deliver(context, &mut follow, &task_id, ended, product) => exit,
        // The reader of a pipe may let it wait for ever.
        _ = interrupts.recv() => {
            context.ui.note(&format!("\nleft before the report of task {task_id} was delivered; it is kept"));
            context.ui.hint(&format!("see it: agentd-cli show {task_id}"));
            Ok(Exit::Detached)
        }
    }
}

/// The end of the task; `None` if the user left before.
async fn until_end(
    context: &Context<'_>,
    follow: &mut Follow,
    view: &mut TaskView,
    interrupts: &mut Signal,
) -> Result<Option<TaskEnded>, Error> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut ended = None;
    loop {
        let item = {
            let mut next = pin!(follow.next());
            loop {
                tokio::select! {
                    item = &mut next => break item?,
                    _ = interrupts.recv() => return Ok(None),
                    _ = ticks.tick(), if view.moves() => view.tick(),
                }
            }
        };
        match item {
            Some(Item::Event(event)) => {
                if let Some(What::Ended(end)) = &event.what {
                    ended = Some(end.clone());
                }
                view.event(*event)?;
            }
            Some(Item::Progress(progress)) => view.progress(progress)?,
            Some(Item::Lost) => {
                view.say("the connection to agentd is lost; waiting up to 60 s for it, the task is safe")
            }
            Some(Item::Back { restarted: false }) => view.say("agentd is back; going on behind the last event"),
            Some(Item::Back { restarted: true }) => {
                let pid = follow.connection().status().await.map_or(0, |status| status.pid);
                view.say("agentd had died and was started again; going on behind the last event");
                view.aside(|| context.say_started(pid));
            }
            None => {
                let what = "the end of the stream without the end of the task".to_owned();
                return if ended.is_some() { Ok(ended) } else { Err(Error::Unexpected { what }) };
            }
        }
    }
}

/// How to come back, and how to stop what goes on.
pub(crate) fn say_detached(context: &Context<'_>, task_id: &str) {
    context.ui.note(&format!("\nleft task {task_id}; it goes on"));
    context.ui.hint(&format!("come back: agentd-cli watch {task_id}"));
    context.ui.hint(&format!("stop it: agentd-cli cancel {task_id}"));
}

async fn deliver(
    context: &Context<'_>,
    follow: &mut Follow,
    task_id: &str,
    ended: TaskEnded,
    product: Product,
) -> Result<Exit, Error> {
    let state = shape::task_state(ended.state);
    let has = |name: &str| ended.documents.iter().any(|info| info.name == name);
    if !matches!(product, Product::Object | Product::Events) {
        say_end(context, task_id, state, &ended.summary);
    }
    match product {
        Product::Events => {}
        Product::Report if has(REPORT) => {
            let report = fetch(follow, task_id, REPORT).await?;
            context.ui.report(&String::from_utf8_lossy(&report))?;
            if let Some(files) = document::folder(context, task_id) {
                context.ui.hint(&format!("all as files: {files}"));
            }
        }
        Product::Report => {}
        Product::File(target) => write(context, follow, task_id, &ended, target).await?,
        Product::Object => {
            let report = if has(REPORT_JSON) { Some(parsed(follow, task_id).await?) } else { None };
            context.ui.object(&ResultShape {
                task_id: task_id.to_owned(),
                state,
                documents: ended.documents.into_iter().map(Into::into).collect(),
                summary: ended.summary,
                report,
            })?;
        }
    }
    Ok(exit(ended.state))
}

async fn write(
    context: &Context<'_>,
    follow: &mut Follow,
    task_id: &str,
    ended: &TaskEnded,
    target: Target,
) -> Result<(), Error> {
    let path = target.path().to_owned();
    let name = document::wanted(&path);
    if ended.documents.iter().any(|info| info.name == name) {
        target.write(fetch(follow, task_id, name).await?).await?;
        context.ui.note(&format!("wrote {}", path.display()));
    } else if exit(ended.state) == Exit::Success {
        let found = ended.documents.iter().map(|info| info.name.clone()).collect();
        return Err(Error::NothingToWrite { task_id: task_id.to_owned(), name, path, found });
    }
    Ok(())
}

fn say_end(context: &Context<'_>, task_id: &str, state: &str, summary: &str) {
    let summary = crate::ui::text::clean(summary);
    let rest = after_state(state, &summary);
    if state == "succeeded" {
        let state = context.ui.err.paint.text(state_label(state), state);
        context.ui.painted_note(&format!("task {task_id} {state}{rest}"));
    } else {
        context.ui.problem(&format!("task {task_id} {state}{rest}"));
    }
}

async fn parsed(follow: &mut Follow, task_id: &str) -> Result<serde_json::Value, Error> {
    let report = fetch(follow, task_id, REPORT_JSON).await?;
    serde_json::from_slice(&report)
        .map_err(|error| Error::Unexpected { what: format!("{REPORT_JSON} of task {task_id} is no JSON ({error})") })
}

/// Reads a document, also if the daemon goes away meanwhile.
async fn fetch(follow: &mut Follow, task_id: &str, name: &str) -> Result<Vec<u8>, Error> {
    match document::fetch(follow.connection(), task_id, name).await {
        Err(error) if error.is_passing() => {
            follow.reconnect().await?;
            document::fetch(follow.connection(), task_id, name).await
        }
        other => other,
    }
}

fn exit(state: i32) -> Exit {
    match TaskState::try_from(state) {
        Ok(TaskState::Succeeded) => Exit::Success,
        Ok(TaskState::Cancelled) => Exit::Cancelled,
        _ => Exit::TaskFailed,
    }
}
