//! Tables of faults: exit code, the word that programs know it by, and what to do next.

use std::{io, path::Path};

use agentd_proto::codes::{Exit, exit_for};
use rustix::io::Errno;
use tonic::{Code, Status};

use super::{Error, broke};
use crate::near::did_you_mean;

impl Error {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Self::Unexpected { .. } => Exit::Internal,
            Self::Output(_) => Exit::Unavailable,
            Self::File { what: "write", source, .. } if gives_out(source) => Exit::Unavailable,
            Self::Usage { .. } | Self::Ambiguous { .. } | Self::File { .. } | Self::Address(_) => Exit::Usage,
            Self::NoTask { .. }
            | Self::NoTasks
            | Self::NoDocument { .. }
            | Self::NothingToWrite { .. }
            | Self::NoSetting { .. }
            | Self::NoRule { .. } => Exit::NotFound,
            Self::DaemonTooOld { .. } | Self::ClientTooOld { .. } | Self::Refused { .. } => Exit::Protocol,
            Self::Signal { source, .. } | Self::Socket { source, .. } | Self::StartLog { source, .. }
                if is_denied(source) =>
            {
                Exit::Denied
            }
            Self::OtherUser { .. } => Exit::Denied,
            Self::Full { .. } => Exit::Busy,
            Self::Absent { .. }
            | Self::Stale { .. }
            | Self::Hidden { .. }
            | Self::NoSocket { .. }
            | Self::Socket { .. }
            | Self::Signal { .. }
            | Self::ReadOnly { .. }
            | Self::Foreign { .. }
            | Self::Clock { .. }
            | Self::Bare { .. }
            | Self::Silent { .. }
            | Self::Failing { .. }
            | Self::NoProgram { .. }
            | Self::Spawn { .. }
            | Self::StartLog { .. }
            | Self::Check { .. }
            | Self::Died { .. }
            | Self::Slow { .. }
            | Self::Lost { .. }
            | Self::Dying { .. } => Exit::Unavailable,
            Self::Archive { exit, .. } => *exit,
            // Whatever code the library gives that: nobody answered.
            Self::Call { status, .. } if broke(status) => Exit::Unavailable,
            Self::Call { status, .. } => exit_for(status.code()),
            Self::Unsure(unsure) => unsure.fault.exit(),
            Self::Service(fault) => fault.verdict().0,
        }
    }

    /// What kind of fault it is, for programs: stable `snake_case` words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Absent { .. } | Self::Stale { .. } => "not_running",
            Self::Hidden { .. } => "socket_gone",
            Self::NoSocket { .. } | Self::Socket { .. } => "socket",
            Self::Signal { .. } => "signal",
            Self::ReadOnly { .. } => "read_only",
            Self::Foreign { .. } => "foreign",
            Self::Full { .. } => "busy",
            Self::Clock { .. } => "clock",
            Self::Bare { .. } => "limit",
            Self::OtherUser { .. } => "denied",
            Self::Silent { .. } => "silent",
            Self::Failing { .. } => "failing",
            Self::DaemonTooOld { .. } | Self::ClientTooOld { .. } | Self::Refused { .. } => "protocol",
            Self::NoProgram { .. }
            | Self::Spawn { .. }
            | Self::StartLog { .. }
            | Self::Check { .. }
            | Self::Died { .. }
            | Self::Slow { .. } => "start",
            Self::Archive { exit: Exit::DataLoss, .. } => "damaged",
            Self::Archive { exit: Exit::Usage, .. } => "conflict",
            Self::Archive { .. } => "archive",
            Self::Lost { .. } | Self::Dying { .. } => "lost",
            Self::Call { status, .. } if broke(status) => "lost",
            Self::Call { status, .. } => code_word(status.code()),
            Self::Unsure(unsure) => unsure.fault.kind(),
            Self::Usage { .. } | Self::Address(_) => "usage",
            Self::NoTask { .. } | Self::NoTasks => "no_task",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoDocument { .. } | Self::NothingToWrite { .. } => "no_document",
            Self::NoSetting { .. } => "no_setting",
            Self::NoRule { .. } => "no_rule",
            Self::Unexpected { .. } => "unexpected",
            Self::File { .. } => "file",
            Self::Service(fault) => fault.kind(),
            Self::Output(_) => "output",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        if is_starved(self) {
            return vec![STARVED.to_owned()];
        }
        let hints = match self {
            Self::Absent { .. } | Self::Stale { .. } => vec!["start it: agentd-cli start".to_owned()],
            Self::Hidden { socket, lock, pid } => hidden_hints(socket, lock, *pid),
            Self::NoSocket { .. } => {
                vec!["name the socket of agentd (--socket, AGENTD_SOCKET), or move what is there away".to_owned()]
            }
            Self::Signal { source, .. } if is_denied(source) => vec!["stop it as the user who started it".to_owned()],
            Self::Signal { lock, .. } => vec![format!("find out who holds it: lsof {}", lock.display())],
            Self::ReadOnly { recovers: true, .. } => {
                vec!["mend that: it takes tasks again by itself, see agentd-cli status".to_owned()]
            }
            Self::ReadOnly { .. } => vec![
                "mend that and start it anew: agentd-cli stop && agentd-cli start".to_owned(),
                "what can still be read: agentd-cli list".to_owned(),
            ],
            Self::Socket { source, .. } if is_denied(source) => {
                vec!["agentd serves its own user only; set AGENTD_HOME to a folder of your own".to_owned()]
            }
            Self::Socket { .. } => vec!["set AGENTD_SOCKET or AGENTD_HOME to where agentd listens".to_owned()],
            Self::OtherUser { .. } => vec![OTHER_USER.to_owned()],
            Self::Foreign { socket, .. } => vec![
                format!("find out who listens there: lsof {}", socket.display()),
                "if it is agentd, look into its log in the state folder (logs/)".to_owned(),
            ],
            Self::Full { pid, socket } => full_hints(*pid, socket),
            Self::Clock { .. } => vec!["set the clock (date), and ask again".to_owned()],
            Self::Bare { .. } => vec!["see what this shell may use: ulimit -a".to_owned()],
            Self::Silent { pid, .. } => vec![silent_hint(*pid)],
            Self::Failing { .. } => vec!["look into its log in the state folder (logs/)".to_owned()],
            Self::DaemonTooOld { .. } => {
                vec!["start the newer one; tasks go on: agentd-cli stop && agentd-cli start".to_owned()]
            }
            Self::ClientTooOld { .. } | Self::Refused { .. } => {
                vec!["install the agentd-cli that came with this agentd".to_owned()]
            }
            Self::NoProgram { .. } => vec!["name it: --daemon PATH, or AGENTD_DAEMON=PATH".to_owned()],
            Self::Spawn { .. } => vec!["name another program: --daemon PATH".to_owned()],
            Self::StartLog { path, source } => vec![start_log_hint(path, source)],
            Self::Check { said, .. } | Self::Archive { said, .. } => older_hints(said),
            Self::Died { log, .. } | Self::Slow { log, .. } => log.iter().map(|log| all_said(log)).collect(),
            Self::Lost { task_id, .. } => vec![lost_hint(task_id)],
            Self::Dying { task_id, log, .. } => vec![all_said(log), lost_hint(task_id)],
            Self::Call { status, .. } => call_hints(status),
            Self::Unsure(unsure) => unsure.fault.hints().into_iter().chain(unsure.hints()).collect(),
            Self::Usage { hint, .. } => vec![hint.clone()],
            Self::NoTask { .. } => vec!["see which there are: agentd-cli list".to_owned()],
            Self::NoTasks => vec!["submit one: agentd-cli submit \"…\"".to_owned()],
            Self::Ambiguous { .. } => vec!["give more characters of the id".to_owned()],
            Self::NoDocument { found, .. } => vec![documents("it has none", found)],
            Self::NothingToWrite { task_id, found, .. } => unwritten_hints(task_id, found),
            Self::NoSetting { near, .. } => {
                vec![format!("near: {}", near.join(", ")), "see all: agentd-cli config show".to_owned()]
            }
            Self::NoRule { near, .. } => vec![did_you_mean(near), "see all: agentd-cli rules".to_owned()],
            Self::Unexpected { .. } => vec!["compare versions: agentd-cli status".to_owned()],
            Self::Service(fault) => fault.verdict().1,
            Self::File { .. } | Self::Address(_) | Self::Output(_) => Vec::new(),
        };
        hints.into_iter().filter(|hint| !hint.is_empty()).collect()
    }
}

const OTHER_USER: &str =
    "each user has an agentd of his own: run this as that user, or set AGENTD_HOME to a folder of yours";

const STARVED: &str = "this shell's limit of open files is too low: raise it: ulimit -n 1024";

/// True if the system says that this process, or the machine, has too many files open.
fn is_starved(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        let system = found.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if [Errno::MFILE, Errno::NFILE].iter().any(|errno| system == Some(errno.raw_os_error())) {
            return true;
        }
        cause = found.source();
    }
    false
}

/// Stopping it in order takes a connection too.
fn full_hints(pid: Option<u32>, socket: &Path) -> Vec<String> {
    let end =
        "end some of its clients (each `agentd-cli watch` or waiting `submit` is one), or raise server.max_connections";
    let stop = pid.map(|pid| format!("to stop it all the same: kill {pid}"));
    let other = format!("if something else listens there: lsof {}", socket.display());
    [Some(end.to_owned()), stop, Some(other)].into_iter().flatten().collect()
}

/// One that is stuck or stopped heeds no other signal.
fn silent_hint(pid: Option<u32>) -> String {
    let end = match pid {
        Some(pid) => format!("end it and start it again, its tasks go on: kill -9 {pid} && agentd-cli start"),
        None => "stop the process `agentd` and start it again: agentd-cli start".to_owned(),
    };
    format!("it may be overloaded or stuck: look into its log, or {end}")
}

/// True if what is written to is there and takes no more, for which no other command line is to blame.
fn gives_out(source: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, FileTooLarge, QuotaExceeded, StorageFull};
    matches!(source.kind(), BrokenPipe | FileTooLarge | QuotaExceeded | StorageFull)
        || Errno::from_io_error(source) == Some(Errno::IO)
}

fn is_denied(source: &io::Error) -> bool {
    source.kind() == io::ErrorKind::PermissionDenied
}

fn documents(none: &str, found: &[String]) -> String {
    if found.is_empty() { none.to_owned() } else { format!("it has: {}", found.join(", ")) }
}

fn unwritten_hints(task_id: &str, found: &[String]) -> Vec<String> {
    let write = |name| format!("write one: agentd-cli show {task_id} --document {name} --output PATH");
    [documents("it has no documents", found)].into_iter().chain(found.first().map(write)).collect()
}

/// A refusal of the daemon, as a word.
const fn code_word(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument | Code::OutOfRange => "invalid",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "conflict",
        Code::PermissionDenied | Code::Unauthenticated => "denied",
        Code::ResourceExhausted | Code::Aborted => "busy",
        Code::Unavailable => "unavailable",
        Code::Cancelled | Code::DeadlineExceeded => "timed_out",
        Code::FailedPrecondition | Code::Unimplemented => "protocol",
        Code::DataLoss => "damaged",
        Code::Ok | Code::Unknown | Code::Internal => "internal",
    }
}

/// A log that is not there could not be made, nor perhaps the folder that it belongs into: then what is nearest to it is
/// named.
fn start_log_hint(log: &Path, source: &io::Error) -> String {
    let there = log.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or_else(|| Path::new("/"));
    let word = agentd_proto::doctor::shell_word(there);
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("make room there: df -h {word}"),
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("set AGENTD_HOME to a folder on a disk that can be written: df -h {word}")
        }
        io::ErrorKind::PermissionDenied if there == log => {
            format!("see whose it is, and give it back or delete it: ls -l {word}")
        }
        io::ErrorKind::PermissionDenied => format!("see whose folder it is, and who may write to it: ls -ld {word}"),
        _ => format!("see what is there: ls -ld {word}"),
    }
}

/// The program says itself what to do; only one that does not know the question cannot.
fn older_hints(said: &str) -> Vec<String> {
    let old = said.contains("unexpected argument");
    old.then(|| "an agentd of this client's version can".to_owned()).into_iter().collect()
}

fn call_hints(status: &Status) -> Vec<String> {
    let hint = match status.code() {
        _ if broke(status) => "see how it does: agentd-cli status",
        Code::ResourceExhausted => "agentd is busy; try again later, or see what it does: agentd-cli list",
        Code::AlreadyExists => "use another --key, or none",
        Code::Unimplemented => "agentd is older than this agentd-cli: agentd-cli stop && agentd-cli start",
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => "see how it does: agentd-cli status",
        Code::DataLoss => "see what is damaged: agentd-cli journal verify",
        Code::Internal | Code::Unknown => "this is a fault in agentd; its log in the state folder (logs/) tells more",
        _ => "",
    };
    vec![hint.to_owned()]
}

/// The lock is that of the state folder. A socket elsewhere may be that of another daemon, or the daemon of the lock may
/// listen elsewhere: then nobody is told to end it without a look.
fn hidden_hints(socket: &Path, lock: &Path, pid: Option<u32>) -> Vec<String> {
    if lock.parent().is_some() && socket.parent() == lock.parent() {
        if pid.is_none() {
            return vec![format!("try again in a moment, or find out who it is: lsof {}", lock.display())];
        }
        return vec!["start it anew, its tasks go on: agentd-cli stop && agentd-cli start".to_owned()];
    }
    let listens = "it may listen elsewhere: look without --socket and AGENTD_SOCKET".to_owned();
    let end = pid.map(|pid| format!("if it is the one you mean, stop it: kill {pid}"));
    [Some(listens), end].into_iter().flatten().collect()
}

fn all_said(log: &Path) -> String {
    format!("all it said is in {}", log.display())
}

fn lost_hint(task_id: &str) -> String {
    if task_id.is_empty() {
        return "start it: agentd-cli start".to_owned();
    }
    format!("the task is safe on disk; start agentd and look again: agentd-cli start && agentd-cli watch {task_id}")
}

#[cfg(test)]
mod tests;
