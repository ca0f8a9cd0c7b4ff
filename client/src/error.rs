//! Everything that can go wrong for a user, in one table: what is said, what to do next, and the exit code.

use std::{io, path::PathBuf};

use agentd_proto::{
    codes::{Exit, exit_for},
    rendezvous::AddressError,
};
use tonic::{Code, Status};

use crate::ui::text::span_ms;

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
    /// The system refuses to open the socket.
    #[error("cannot open the socket {}", .socket.display())]
    Socket {
        /// The address.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something listens, but breaks off before it has said who it is. From here, garbage and a connection that is
    /// closed at once cannot be told apart: which of the two is noticed first is a matter of luck.
    #[error("what listens on {} does not speak agentd's protocol, or fails at once ({said})", .socket.display())]
    Foreign {
        /// The address.
        socket: PathBuf,
        /// How the attempt ended.
        said: String,
    },
    /// It took the connection and says nothing.
    #[error("agentd does not answer on {}: it took the connection, but said nothing for {}", .socket.display(), span_ms(*.waited_ms))]
    Silent {
        /// The address.
        socket: PathBuf,
        /// How long it had, in milliseconds.
        waited_ms: u64,
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
    /// The program ended before it answered.
    #[error("{} ended before it answered ({how}){}", .program.display(), quoted(.tail))]
    Died {
        /// The program.
        program: PathBuf,
        /// How it ended.
        how: String,
        /// The end of what it said.
        tail: String,
        /// Where all of it stands.
        log: PathBuf,
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
        /// Where all of it stands.
        log: PathBuf,
    },
    /// It went away while a task was watched, and did not come back.
    #[error("agentd went away and did not come back within {}", span_ms(*.waited_ms))]
    Lost {
        /// The watched task; empty: all.
        task_id: String,
        /// How long it had, in milliseconds.
        waited_ms: u64,
    },
    /// The daemon refuses a call.
    #[error("cannot {what}: {}", said(.status))]
    Call {
        /// What was asked for, as an infinitive.
        what: String,
        /// Its answer.
        status: Box<Status>,
    },
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
    #[error("`{name}` is the beginning of {} task ids: {}", .found.len(), .found.join(", "))]
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
    /// Writing to stdout failed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
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

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.verdict().0
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        self.verdict().1
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
            | Self::Foreign { .. } => true,
            Self::Call { status, .. } => is_lost(status),
            _ => false,
        }
    }

    /// The table: exit code and remedies of each fault.
    fn verdict(&self) -> (Exit, Vec<String>) {
        let (exit, hints): (Exit, Vec<String>) = match self {
            Self::Absent { .. } | Self::Stale { .. } => (Exit::Unavailable, vec!["start it: agentd-cli start".into()]),
            Self::Socket { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                (Exit::Denied, vec!["it belongs to another user; set AGENTD_HOME to a folder of your own".into()])
            }
            Self::Socket { .. } => {
                (Exit::Unavailable, vec!["set AGENTD_SOCKET or AGENTD_HOME to where agentd listens".into()])
            }
            Self::Foreign { socket, .. } => {
                let who = format!("find out who listens there: lsof {}", socket.display());
                (Exit::Unavailable, vec![who, "if it is agentd, look into its log in the state folder (logs/)".into()])
            }
            Self::Silent { .. } => (
                Exit::Unavailable,
                vec!["it may be overloaded or stuck: look into its log, or stop the process `agentd` and start it again: agentd-cli start".into()],
            ),
            Self::Failing { .. } => {
                (Exit::Unavailable, vec!["look into its log in the state folder (logs/)".into()])
            }
            Self::DaemonTooOld { .. } => {
                (Exit::Protocol, vec!["start the newer one; tasks go on: agentd-cli stop && agentd-cli start".into()])
            }
            Self::ClientTooOld { .. } | Self::Refused { .. } => {
                (Exit::Protocol, vec!["install the agentd-cli that came with this agentd".into()])
            }
            Self::NoProgram { .. } => {
                (Exit::Unavailable, vec!["name it: --daemon PATH, or AGENTD_DAEMON=PATH".into()])
            }
            Self::Spawn { .. } => (Exit::Unavailable, vec!["name another program: --daemon PATH".into()]),
            Self::Died { log, .. } | Self::Slow { log, .. } => {
                (Exit::Unavailable, vec![format!("all it said is in {}", log.display())])
            }
            Self::Lost { task_id, .. } => (Exit::Unavailable, lost_hints(task_id)),
            Self::Call { status, .. } => (exit_for(status.code()), call_hints(status)),
            Self::Usage { hint, .. } => (Exit::Usage, vec![hint.clone()]),
            Self::NoTask { .. } => (Exit::NotFound, vec!["see which there are: agentd-cli list".into()]),
            Self::NoTasks => (Exit::NotFound, vec!["submit one: agentd-cli submit \"…\"".into()]),
            Self::Ambiguous { .. } => (Exit::Usage, vec!["give more characters of the id".into()]),
            Self::NoDocument { found, .. } if found.is_empty() => (Exit::NotFound, vec!["it has none".into()]),
            Self::NoDocument { found, .. } => (Exit::NotFound, vec![format!("it has: {}", found.join(", "))]),
            Self::Unexpected { .. } => (Exit::Internal, vec!["compare versions: agentd-cli status".into()]),
            Self::File { .. } | Self::Address(_) => (Exit::Usage, vec![]),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => (Exit::Success, vec![]),
            Self::Output(_) => (Exit::Internal, vec![]),
        };
        (exit, hints.into_iter().filter(|hint| !hint.is_empty()).collect())
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

fn call_hints(status: &Status) -> Vec<String> {
    let hint = match status.code() {
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

fn lost_hints(task_id: &str) -> Vec<String> {
    if task_id.is_empty() {
        return vec!["start it: agentd-cli start".to_owned()];
    }
    vec![format!(
        "the task is safe on disk; start agentd and look again: agentd-cli start && agentd-cli watch {task_id}"
    )]
}

fn quoted(tail: &str) -> String {
    if tail.is_empty() { "; it said nothing".to_owned() } else { format!("; it said:\n{tail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_exit_code_and_says_what_to_do() {
        let socket = PathBuf::from("/s/agentd.sock");
        let call = |code| Error::call("submit the task")(Status::new(code, "queue full"));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let table: Vec<(Error, Exit, &str)> = vec![
            (Error::Absent { socket: socket.clone() }, Exit::Unavailable, "agentd-cli start"),
            (Error::Stale { socket: socket.clone() }, Exit::Unavailable, "agentd-cli start"),
            (Error::Socket { socket: socket.clone(), source: denied }, Exit::Denied, "AGENTD_HOME"),
            (Error::Foreign { socket: socket.clone(), said: String::new() }, Exit::Unavailable, "lsof /s/agentd.sock"),
            (Error::Silent { socket: socket.clone(), waited_ms: 5000 }, Exit::Unavailable, "log"),
            (Error::Failing { socket, said: String::new() }, Exit::Unavailable, "log"),
            (Error::DaemonTooOld { version: "0".into(), theirs: 0, ours: 1 }, Exit::Protocol, "agentd-cli stop"),
            (Error::ClientTooOld { version: "9".into(), theirs: 9, ours: 1 }, Exit::Protocol, "install"),
            (Error::NoProgram { tried: vec![] }, Exit::Unavailable, "--daemon"),
            (Error::Lost { task_id: "01X".into(), waited_ms: 60_000 }, Exit::Unavailable, "watch 01X"),
            (call(Code::ResourceExhausted), Exit::Busy, "later"),
            (call(Code::AlreadyExists), Exit::Usage, "--key"),
            (call(Code::DataLoss), Exit::DataLoss, "journal verify"),
            (Error::NoTask { name: "01".into() }, Exit::NotFound, "agentd-cli list"),
            (Error::Ambiguous { name: "01".into(), found: vec![] }, Exit::Usage, "more characters"),
            (Error::usage("bad", "do this"), Exit::Usage, "do this"),
        ];
        for (error, exit, hint) in table {
            assert_eq!(error.exit(), exit, "{error}");
            assert!(error.hints().iter().any(|found| found.contains(hint)), "{error}: {:?}", error.hints());
            assert!(!error.to_string().ends_with('.'), "{error}");
        }
        let broken = Error::Output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(broken.exit(), Exit::Success);
    }

    #[test]
    fn an_expired_deadline_is_said_in_words() {
        let error = Error::call("read the status")(Status::cancelled("Timeout expired"));
        assert_eq!(error.to_string(), "cannot read the status: agentd did not answer in time");
        assert_eq!(error.exit(), Exit::Unavailable);
    }
}
