//! Everything that can go wrong for a user, and what is said about it. What to do next and the exit code: `verdict`.

use std::{io, path::PathBuf};

use agentd_proto::rendezvous::AddressError;
use tonic::{Code, Status};

use crate::ui::text::span_ms;

mod unsure;
mod verdict;

pub use unsure::Unsure;

/// A fault, as the user sees it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no socket: nobody runs, or the last one ended in order.
    #[error("agentd is not running: there is no socket {}", .socket.display())]
    Absent {
        /// The address.
        socket: PathBuf,
    },
    /// There is a socket, but nobody listens: the last one was killed.
    #[error("agentd is not running: nobody listens on {}, which an earlier one left behind", .socket.display())]
    Stale {
        /// The address.
        socket: PathBuf,
    },
    /// A daemon lives, since the lock is held, but nobody listens where it should: most often its socket was deleted.
    #[error("agentd runs ({}), but its socket is gone: nobody listens on {}", process(*.pid), .socket.display())]
    Hidden {
        /// The owner of the lock, as far as it has said so.
        pid: Option<u32>,
        /// The address.
        socket: PathBuf,
        /// The lock.
        lock: PathBuf,
    },
    /// Where the socket should be is something else.
    #[error("{} is no socket, so agentd cannot be reached there", .path.display())]
    NoSocket {
        /// The address.
        path: PathBuf,
    },
    /// The owner of the lock could not be told to end.
    #[error("cannot stop process {pid}, which holds the lock")]
    Signal {
        /// The owner.
        pid: u32,
        /// The lock.
        lock: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It answers, but takes no tasks.
    #[error("agentd (pid {pid}) runs read-only and takes no tasks: {}", .reasons.join("; "))]
    ReadOnly {
        /// Its number.
        pid: u32,
        /// Why, and what to do.
        reasons: Vec<String>,
        /// It takes tasks again by itself once that is mended.
        recovers: bool,
    },
    /// The system refuses to open the socket.
    #[error("cannot open the socket {}", .socket.display())]
    Socket {
        /// The address.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something listens, but breaks off before it has said who it is. From one attempt, garbage and a connection that is
    /// closed at once cannot be told apart: which of the two is noticed first is a matter of luck. A daemon that has no
    /// place is found by another look ([`Full`](Self::Full)).
    #[error("what listens on {} does not speak agentd's protocol, or fails at once ({said})", .socket.display())]
    Foreign {
        /// The address.
        socket: PathBuf,
        /// How the attempt ended.
        said: String,
    },
    /// A daemon lives, and closes connections at once without a word: it has as many as it may have.
    #[error("agentd ({}) is busy: it takes no more connections on {}", process(*.pid), .socket.display())]
    Full {
        /// The owner of the lock, as far as it has said so.
        pid: Option<u32>,
        /// The address.
        socket: PathBuf,
    },
    /// It breaks off, and the wall clock stands where no HTTP server can write its date.
    #[error("agentd on {} cannot answer: the clock of this machine stands before the year 1970", .socket.display())]
    Clock {
        /// The address.
        socket: PathBuf,
    },
    /// The system refuses this process what it needs before anything else.
    #[error("agentd-cli cannot begin: the system gives it no {what}")]
    Bare {
        /// What it is.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The socket belongs to a daemon of another user, who is the only one it serves, or the state folder does.
    #[error("agentd on {} belongs to user {theirs} and serves nobody else; this is user {ours}", .socket.display())]
    OtherUser {
        /// The address.
        socket: PathBuf,
        /// Number of the socket's owner.
        theirs: u32,
        /// Number of the user who asks.
        ours: u32,
    },
    /// It took the connection and says nothing.
    #[error("agentd does not answer on {}: it took the connection, but said nothing for {}", .socket.display(), span_ms(*.waited_ms))]
    Silent {
        /// The address.
        socket: PathBuf,
        /// How long it had, in milliseconds.
        waited_ms: u64,
        /// The process, if the lock beside the socket tells it.
        pid: Option<u32>,
    },
    /// It answers, and says that it cannot serve.
    #[error("agentd on {} answers, but fails: {said}", .socket.display())]
    Failing {
        /// The address.
        socket: PathBuf,
        /// Its words.
        said: String,
    },
    /// The daemon is older than this client can use.
    #[error("agentd {version} is too old: it speaks protocol {theirs}, this agentd-cli needs {ours} or newer")]
    DaemonTooOld {
        /// Version of the daemon.
        version: String,
        /// Its protocol.
        theirs: u32,
        /// Oldest protocol of this client.
        ours: u32,
    },
    /// This client is older than the daemon can use.
    #[error("this agentd-cli is too old: it speaks protocol {ours}, agentd {version} needs {theirs} or newer")]
    ClientTooOld {
        /// Version of the daemon.
        version: String,
        /// Oldest protocol of the daemon.
        theirs: u32,
        /// Protocol of this client.
        ours: u32,
    },
    /// The daemon itself refuses the client's protocol.
    #[error("agentd refuses this agentd-cli: {said}")]
    Refused {
        /// Its words.
        said: String,
    },
    /// There is no program to start.
    #[error("cannot start agentd: no program `agentd` in {}", .tried.join(", "))]
    NoProgram {
        /// Where it was looked for.
        tried: Vec<String>,
    },
    /// The program could not be started.
    #[error("cannot start {}", .program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the program says at its start has no place.
    #[error("cannot start agentd: its first words go to {}, which cannot be written", .path.display())]
    StartLog {
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The program ended before it answered.
    #[error("{} ended before it answered ({how}){}", .program.display(), quoted(.tail))]
    Died {
        /// The program.
        program: PathBuf,
        /// How it ended.
        how: String,
        /// The end of what it said.
        tail: String,
        /// Where all of it stands; `None`: nowhere any more.
        log: Option<PathBuf>,
    },
    /// The program could not check what is stored.
    #[error("{} could not check what is stored ({how}): {said}", .program.display())]
    Check {
        /// The program.
        program: PathBuf,
        /// How it ended.
        how: String,
        /// What it said.
        said: String,
    },
    /// The program could not write or read an archive.
    #[error("cannot {what}: {said}")]
    Archive {
        /// What was asked for, as an infinitive.
        what: &'static str,
        /// Its words.
        said: String,
        /// Its exit code, as one of ours.
        exit: agentd_proto::codes::Exit,
    },
    /// The program runs, and does not answer.
    #[error("{} was started, but did not answer within {}{}", .program.display(), span_ms(*.waited_ms), quoted(.tail))]
    Slow {
        /// The program.
        program: PathBuf,
        /// How long it had, in milliseconds.
        waited_ms: u64,
        /// The end of what it said.
        tail: String,
        /// Where all of it stands; `None`: nowhere any more.
        log: Option<PathBuf>,
    },
    /// It went away while a task was watched, and did not come back.
    #[error("agentd went away and did not come back within {}", span_ms(*.waited_ms))]
    Lost {
        /// The watched task; empty: all.
        task_id: String,
        /// How long it had, in milliseconds.
        waited_ms: u64,
    },
    /// It died while a task was watched, and again each time it was started again.
    #[error("agentd died again and again: it was started again {times} times, and does not stay{}", quoted(.tail))]
    Dying {
        /// The watched task; empty: all.
        task_id: String,
        /// How often it was started again.
        times: u32,
        /// The end of what it said.
        tail: String,
        /// Where all of it stands.
        log: PathBuf,
    },
    /// The daemon refuses a call.
    #[error("cannot {what}: {}", said(.status))]
    Call {
        /// What was asked for, as an infinitive.
        what: String,
        /// Its answer.
        status: Box<Status>,
    },
    /// A task was handed over, and may have been accepted although this went wrong.
    #[error(transparent)]
    Unsure(Unsure),
    /// The command line or its input is wrong.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// No task of that name.
    #[error("there is no task whose id begins with `{name}`")]
    NoTask {
        /// As it was given.
        name: String,
    },
    /// `last`, and nothing was ever submitted.
    #[error("there is no task yet")]
    NoTasks,
    /// Several tasks of that name.
    #[error("`{name}` is the beginning of {} task ids: {}", counted(.found.len()), .found.join(", "))]
    Ambiguous {
        /// As it was given.
        name: String,
        /// All of them, or the newest ten.
        found: Vec<String>,
    },
    /// The task has no such result.
    #[error("task {task_id} has no document `{name}`")]
    NoDocument {
        /// The task.
        task_id: String,
        /// As it was asked for.
        name: String,
        /// What it has.
        found: Vec<String>,
    },
    /// The task succeeded, but there is nothing to be written to a file.
    #[error("task {task_id} succeeded, but made no {name}: nothing was written to {}", .path.display())]
    NothingToWrite {
        /// The task.
        task_id: String,
        /// The report that the file asks for.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the task made.
        found: Vec<String>,
    },
    /// No setting of that name.
    #[error("there is no setting whose key begins with `{prefix}`")]
    NoSetting {
        /// As it was given.
        prefix: String,
        /// Keys, or beginnings of keys, that were perhaps meant.
        near: Vec<String>,
    },
    /// No rule of that name.
    #[error("there is no rule `{id}`")]
    NoRule {
        /// As it was given.
        id: String,
        /// Ids that were perhaps meant.
        near: Vec<String>,
    },
    /// The daemon sent something that cannot be.
    #[error("agentd sent something unexpected: {what}")]
    Unexpected {
        /// What it was.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}", .path.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no usable address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The service cannot be installed, started or looked at.
    #[error(transparent)]
    Service(Box<crate::service::Fault>),
    /// Writing to stdout failed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl From<crate::service::Fault> for Error {
    fn from(fault: crate::service::Fault) -> Self {
        Self::Service(Box::new(fault))
    }
}

impl Error {
    /// A usage error.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// For `map_err` of a call that should have done `what` (an infinitive).
    pub fn call(what: impl Into<String>) -> impl FnOnce(Status) -> Self {
        move |status| Self::Call { what: what.into(), status: Box::new(status) }
    }

    /// For `map_err` of file access: `what` is `read` or `write`.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { what, path: path.into(), source }
    }

    /// True if there is no daemon that could be asked.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::Stale { .. })
    }

    /// True if another try, without any change, may go better: the daemon is absent, starting, stopping or overloaded.
    /// A connection that breaks during the handshake may look like a foreign one.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Absent { .. }
            | Self::Stale { .. }
            | Self::Silent { .. }
            | Self::Failing { .. }
            | Self::Foreign { .. }
            | Self::Full { .. }
            | Self::Hidden { .. } => true,
            Self::Call { status, .. } => is_lost(status),
            _ => false,
        }
    }
}

/// True if the connection broke or the daemon is about to go: what was asked may be asked again.
#[must_use]
pub fn is_lost(status: &Status) -> bool {
    broke(status) || matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded)
}

/// True if the connection broke, false if the daemon itself sent this status.
#[must_use]
pub fn broke(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// A client's own deadline comes back as `Cancelled: Timeout expired`; say it in words.
fn said(status: &Status) -> String {
    match status.code() {
        Code::Cancelled | Code::DeadlineExceeded => "agentd did not answer in time".to_owned(),
        _ if broke(status) => "the connection to agentd broke".to_owned(),
        code if status.message().is_empty() => code.description().to_owned(),
        _ => status.message().to_owned(),
    }
}

/// The look-up ends with as many as are named.
fn counted(found: usize) -> String {
    if found < crate::task::NAMED { found.to_string() } else { format!("{found} or more") }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "a process that has not said its number".to_owned(), |pid| format!("pid {pid}"))
}

fn quoted(tail: &str) -> String {
    if tail.is_empty() { "; it said nothing".to_owned() } else { format!("; it said:\n{tail}") }
}
