//! `agentd-cli journal export` and `import`: the daemon's program does the work, on the state folder itself; here it is
//! told what to do, and what it tells is shown.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use agentd_proto::{
    codes::Exit,
    rendezvous::{HOME_VARIABLE, state_dir},
};
use clap::Args;
use rustix::{
    fs::{fstat, stat},
    process::{Pid, Signal, kill_process},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    attend::Endings,
    context::Context,
    error::Error,
    shape::ArchivedShape,
    ui::{text, transfer::Transfer},
};

/// How the program ends where something is damaged; the same as ours.
const DAMAGED: i32 = Exit::DataLoss as i32;

/// What ends this command again so soon is the same wish, told twice: `timeout` signals its child, and then its group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Write all stored tasks and documents into one file, while a daemon runs or not
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  agentd-cli journal export backup.tar
  agentd-cli journal export --force ~/backups/agentd.tar
  agentd-cli journal export - | zstd > backup.tar.zst
  ssh old agentd-cli journal export - > moved.tar && agentd-cli journal import moved.tar

The file has what was acknowledged when the export began: the log's records and the documents that they name. Folders \
of task files and settings are not in it. It is a tar file with checksums, log/ and blobs/ as they lie in the state \
folder; it is read back before it gets its name, so it is whole or not there. Documents that are missing, damaged or cannot be \
read, and the end of a log that has lost it, are left out: the archive is written, what it lacks is named, documents with their \
tasks, and the exit code is 8. It is 8 too where no archive is written, as of a damaged log. With --json: {file, records, open_tasks, left_out, segments, documents, bytes, lost} whenever there is an archive, \
lost with all that it lacks; if the archive goes to standard output, file is null and the object goes to standard error. Where \
there is none, an error goes to standard error.")]
pub(super) struct ExportArgs {
    /// The file to write; `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write over FILE if it is there
    #[arg(long)]
    force: bool,
}

/// Make the journal from an archive, in a state folder that has none
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  agentd-cli journal import backup.tar
  agentd-cli journal import --finished-only backup.tar
  agentd-cli journal import --check backup.tar
  AGENTD_HOME=/tmp/look agentd-cli journal import --finished-only backup.tar

Everything is checked before anything is made, and whatever happens meanwhile, there is then the whole journal or \
none. If there is one already, nothing is touched, and it is said how to put that one aside.

Open tasks go on where the archive is imported, at the step where they stood. If the place that it comes from goes on \
too, they run twice: stop that one first, or import with --finished-only. Open tasks of an archive are work that will be \
done: import only what you trust. Exit codes: 2 there is a journal, a newer format, or it is no archive; 8 the archive \
is damaged, or with --check that it lacks something: then what it lacks is named, and the rest can be imported. With --json as \
export.")]
pub(super) struct ImportArgs {
    /// An archive that `journal export` wrote; a file, no pipe
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out tasks that are open: they are neither shown nor run here
    #[arg(long)]
    finished_only: bool,
    /// Only check the archive and say what is in it
    #[arg(long, conflicts_with = "finished_only")]
    check: bool,
}

/// Exports.
///
/// # Errors
/// [`Error::Archive`], [`Error::Usage`], those of finding the program.
pub(super) async fn export(context: &Context<'_>, args: &ExportArgs) -> Result<Exit, Error> {
    let streams = args.file.as_os_str() == "-";
    if streams && context.ui.out.terminal {
        return Err(Error::usage("an archive is nothing for a terminal", "name a file, or send it on: export - | …"));
    }
    if streams && leads_nowhere() {
        return Err(Error::usage("standard output leads nowhere", "name a file, or send it on: export - | …"));
    }
    let target = if streams { args.file.clone() } else { target(&args.file)? };
    let remains = if streams { "the archive is cut off".to_owned() } else { may_be_left(&target) };
    let mut work = Work::new(context, "export the journal", remains)?;
    work.state = served(context).await?.unwrap_or(work.state);
    work.nothing = if streams { "no archive was written, or one that is cut off" } else { "no archive was written" };
    let mut flags = vec![naming("--export-journal", &target)];
    if args.force {
        flags.push("--force".into());
    }
    let (mut made, exit) = work.run(&flags, streams).await?;
    let words = words(&made);
    let name = text::one_line(&args.file.display().to_string());
    match (streams, context.ui.json) {
        (true, true) => context.ui.talk_object(&made),
        (true, false) => context.ui.note(&format!("exported {words}")),
        (false, json) => {
            made.file = Some(args.file.display().to_string());
            if json { context.ui.object(&made)? } else { context.ui.data(&format!("{name}: {words}"))? }
        }
    }
    if exit != Exit::Success {
        let place = if streams { "to standard output" } else { &format!("as {name}") };
        let remedy =
            "put those back from a backup and export again, or keep it as it is; the files: agentd-cli journal verify";
        tell_lost(context, &made, (&format!("the archive was written {place}"), remedy));
    }
    Ok(exit)
}

/// Names all that an archive lacks: it is said nowhere else. With `--json` it is in the object.
fn tell_lost(context: &Context<'_>, made: &ArchivedShape, (there, remedy): (&str, &str)) {
    if context.ui.json {
        return;
    }
    let things = text::things(made.lost.len() as u64, "thing", "things");
    let lost: String = made.lost.iter().map(|lost| format!("\n  {}", text::one_line(lost))).collect();
    context.ui.problem(&format!("{there}, and lacks {things}, missing or damaged where it comes from:{lost}"));
    context.ui.hint(&format!("everything else is in it; {remedy}"));
}

/// Imports, or checks.
///
/// # Errors
/// [`Error::Archive`], those of finding the program.
pub(super) async fn import(context: &Context<'_>, args: &ImportArgs) -> Result<Exit, Error> {
    let (what, remains) = if args.check {
        ("check the archive", "nothing is changed")
    } else {
        ("import the archive", "there is then the whole journal or none")
    };
    // It is read twice: checked, then taken over.
    if args.file.as_os_str() == "-" {
        return Err(Error::usage(
            "an archive is not read from standard input",
            "write it into a file and name that: … > backup.tar && agentd-cli journal import backup.tar",
        ));
    }
    let archive = archive(&args.file)?;
    let work = Work::new(context, what, remains.to_owned())?;
    let mut flags = vec![naming("--import-journal", &archive)];
    for (asked, flag) in [(args.check, "--check-only"), (args.finished_only, "--finished-only")] {
        flags.extend(asked.then(|| flag.into()));
    }
    let (mut made, exit) = work.run(&flags, false).await?;
    made.file = Some(args.file.display().to_string());
    if context.ui.json {
        context.ui.object(&made)?;
        return Ok(exit);
    }
    let done = match (args.check, exit) {
        (true, Exit::Success) => "all is well",
        (true, _) => "undamaged, but not all is in it",
        (false, _) => "imported",
    };
    context.ui.data(&format!("{done}: {}", words(&made)))?;
    if exit != Exit::Success {
        tell_lost(
            context,
            &made,
            ("the archive can be imported", "an older archive may have those, or where it comes from"),
        );
    } else if !args.check {
        context.ui.hint("start it: agentd-cli start");
    }
    Ok(exit)
}

/// True if what is written goes to `/dev/null`, as it does too where standard output was closed.
fn leads_nowhere() -> bool {
    matches!((fstat(std::io::stdout()), stat("/dev/null")), (Ok(out), Ok(null)) if out.st_rdev == null.st_rdev)
}

/// The file behind links: the program gives the archive this name, and so would replace a link, a pipe or a device.
fn target(file: &Path) -> Result<PathBuf, Error> {
    match (file.is_symlink(), file.metadata()) {
        (true, Ok(found)) if found.is_file() => file.canonicalize().map_err(Error::file("write", file)),
        (_, Ok(found)) if found.is_dir() => Err(is_folder(file, "name a file in it")),
        (false, Ok(found)) if found.is_file() => Ok(file.to_owned()),
        (false, Err(_)) => Ok(file.to_owned()),
        (true, Err(_)) => {
            let message = format!("{} is a link to what is not there", file.display());
            Err(Error::usage(message, "name the file itself, or remove the link"))
        }
        _ => Err(no_file(file, "name a file, or send it on: export - > …")),
    }
}

/// The file behind links. Whoever opens a pipe waits for its writer, perhaps for ever.
fn archive(file: &Path) -> Result<PathBuf, Error> {
    match file.metadata() {
        Ok(found) if found.is_dir() => Err(is_folder(file, "name an archive, which `journal export` wrote")),
        Ok(found) if found.is_file() => match file.canonicalize().map_err(Error::file("read", file))? {
            // What is open here, where that has no other name; the program cannot see it.
            real if real.starts_with("/dev") => Err(no_file(file, "name the archive itself")),
            real => Ok(real),
        },
        Ok(_) => Err(no_file(file, "write the archive into a file first")),
        // The program says why.
        Err(_) => Ok(file.to_owned()),
    }
}

fn is_folder(file: &Path, hint: &str) -> Error {
    Error::usage(format!("{} is a folder", file.display()), hint)
}

/// Of an export that was told to end.
fn may_be_left(archive: &Path) -> String {
    let archive = archive.display();
    format!("{archive}.agentd-partial may be left, which the next export to that name removes, or {archive} be there")
}

fn no_file(file: &Path, hint: &str) -> Error {
    Error::usage(format!("{} is no regular file", file.display()), hint)
}

/// A flag with its file as one argument, so that a file may begin with a hyphen.
fn naming(flag: &str, file: &Path) -> OsString {
    [OsStr::new(flag), OsStr::new("="), file.as_os_str()].into_iter().collect()
}

fn words(made: &ArchivedShape) -> String {
    let mut words = format!(
        "{}, {}, {}",
        text::things(made.records, "record", "records"),
        text::things(made.documents, "document", "documents"),
        text::bytes(made.bytes),
    );
    for (count, what) in [(made.open_tasks, "open"), (made.left_out, "left out")] {
        if count > 0 {
            words.push_str(&format!("; {} {what}", text::things(count, "task", "tasks")));
        }
    }
    if !made.lost.is_empty() {
        words.push_str(&format!("; {} lost before", text::things(made.lost.len() as u64, "thing", "things")));
    }
    words
}

/// The state folder of the daemon whose socket was named, if it answers.
async fn served(context: &Context<'_>) -> Result<Option<PathBuf>, Error> {
    if context.socket.is_none() {
        return Ok(None);
    }
    match context.connect().await {
        Ok(connection) => Ok(Some(connection.status().await?.state_dir.into())),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the program tells, line by line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Told {
    Done(ArchivedShape),
    Step { done: u64, total: u64 },
}

/// What the program has told so far.
#[derive(Default)]
struct Heard {
    said: Vec<String>,
    made: Option<ArchivedShape>,
}

impl Heard {
    async fn until_end(&mut self, child: &mut Child, bar: &Transfer) -> io::Result<ExitStatus> {
        if let Some(pipe) = child.stderr.take() {
            let mut lines = BufReader::new(pipe::Receiver::from_owned_fd(OwnedFd::from(pipe))?).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                match serde_json::from_slice(&line) {
                    Ok(Told::Done(done)) => self.made = Some(done),
                    Ok(Told::Step { done, total }) => bar.at(done, total),
                    // What is no UTF-8, as a file's name may be, is shown as far as it can be.
                    Err(_) => self.said.push(String::from_utf8_lossy(&line).into_owned()),
                }
            }
        }
        // It may live on without its pipe, as while a file that it had open is written out.
        let mut ends = signal(SignalKind::child())?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            ends.recv().await;
        }
    }

    fn words(&self) -> Option<String> {
        let said = self.said.join("\n");
        let said = said.strip_prefix("agentd: ").unwrap_or(&said);
        (!said.is_empty()).then(|| said.to_owned())
    }
}

/// Tells the program to end when this command is ended. Over when it is ended again.
async fn ended_again(endings: &mut Endings, program: Pid) {
    endings.next().await;
    // It may have ended this moment.
    let _gone = kill_process(program, Signal::TERM);
    let same = async {
        loop {
            endings.next().await;
        }
    };
    let _over = timeout(SAME_WISH, same).await;
    endings.next().await;
}

/// The daemon's program, about to work on a state folder.
struct Work<'a> {
    context: &'a Context<'a>,
    program: PathBuf,
    state: PathBuf,
    what: &'static str,
    /// What is there when it was ended, and nobody waited for what came of that.
    remains: String,
    /// The same when it has found what is stored, or the archive, damaged.
    nothing: &'static str,
}

impl<'a> Work<'a> {
    fn new(context: &'a Context<'a>, what: &'static str, remains: String) -> Result<Self, Error> {
        let (program, state) = (context.starter()?.find()?, state_dir(context.variable)?);
        Ok(Self { context, program, state, what, remains, nothing: "nothing was changed" })
    }

    /// In a group of its own, so that it hears of a terminal's Ctrl-C from us alone: once, and not if we ignore it.
    #[expect(clippy::disallowed_methods, reason = "the client cannot depend on host, and waits for this child's end")]
    fn spawn(&self, flags: &[OsString], streams: bool) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(flags).arg("--state-dir").arg(&self.state).env(HOME_VARIABLE, &self.state);
        command.process_group(0).stdin(Stdio::null()).stderr(Stdio::piped());
        command.stdout(if streams { Stdio::inherit() } else { Stdio::null() });
        command.spawn()
    }

    /// Runs it to its end: what it has made, and with which code to end, for an archive may lack something. Who ends this command ends it too, and is told what came of that; who does so again does not wait.
    async fn run(&self, flags: &[OsString], streams: bool) -> Result<(ArchivedShape, Exit), Error> {
        let failed = |source| Error::Spawn { program: self.program.clone(), source };
        let mut endings = Endings::new()?;
        let mut child = self.spawn(flags, streams).map_err(failed)?;
        let pid = Pid::from_child(&child);
        let mut heard = Heard::default();
        let bar = Transfer::new(self.context.ui, self.what);
        let status = tokio::select! {
            status = heard.until_end(&mut child, &bar) => Some(status.map_err(failed)?),
            () = ended_again(&mut endings, pid) => None,
        };
        drop(bar);
        match (status, heard.made.take()) {
            (Some(status), Some(made)) if status.success() => Ok((made, Exit::Success)),
            // It is there and whole, as far as could be; what the program says of it besides is said here.
            (Some(status), Some(made)) if status.code() == Some(DAMAGED) && !made.lost.is_empty() => {
                Ok((made, Exit::DataLoss))
            }
            (Some(status), _) => Err(self.failure(status, heard.words())),
            (None, _) => Err(self.unended(pid, heard.words())),
        }
    }

    fn unended(&self, pid: Pid, said: Option<String>) -> Error {
        let said = said.unwrap_or_else(|| "interrupted".to_owned());
        let said = format!(
            "{said}; agentd (pid {pid}) was told to end and has not ended yet: it does as soon as its disk answers (see \
             whether it has: ps -p {pid}), and {}",
            self.remains
        );
        Error::Archive { what: self.what, said, exit: Exit::Detached }
    }

    fn failure(&self, status: ExitStatus, said: Option<String>) -> Error {
        let code = status.code();
        let interrupted =
            [Signal::INT, Signal::TERM, Signal::HUP].iter().any(|of| status.signal() == Some(of.as_raw()));
        let exit = match code {
            None if interrupted => Exit::Detached,
            Some(2) => Exit::Usage,
            Some(3) => Exit::NotFound,
            Some(4) => Exit::Unavailable,
            Some(5) => Exit::Busy,
            Some(7) => Exit::Denied,
            Some(DAMAGED) => Exit::DataLoss,
            Some(130) => Exit::Detached,
            _ => Exit::Internal,
        };
        let mut said = said.unwrap_or_else(|| match code {
            None if interrupted => "interrupted".to_owned(),
            None => format!("{} was killed", self.program.display()),
            Some(code) => format!("{} ended with code {code} and said nothing", self.program.display()),
        });
        if exit == Exit::DataLoss {
            said = format!("{said}; {}", self.nothing);
        }
        Error::Archive { what: self.what, said, exit }
    }
}
