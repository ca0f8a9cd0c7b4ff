//! What an error becomes at the edges: one table from gRPC code to the client's exit code.

use tonic::Code;

/// Exit codes of `agentd-cli`. Scripts rely on them: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and the task (if one was waited for) succeeded.
    Success = 0,
    /// The task failed.
    TaskFailed = 1,
    /// The command line or the request is wrong; a change of it helps, a repetition does not.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The daemon is not running and could not be started, or does not answer; or what is written to takes no more.
    Unavailable = 4,
    /// The daemon is too busy or its queue is full; try again later.
    Busy = 5,
    /// The daemon speaks another protocol.
    Protocol = 6,
    /// Not allowed.
    Denied = 7,
    /// Stored data is damaged.
    DataLoss = 8,
    /// A fault in agentd itself.
    Internal = 70,
    /// The task was cancelled.
    Cancelled = 75,
    /// Left by Ctrl-C: a task goes on, a bench or an export is cut off.
    Detached = 130,
}

/// Exit code of the program `agentd` if another one owns the state folder: whoever started it may wait for that one.
pub const DAEMON_ALREADY_RUNNING: u8 = 75;

/// Exit codes of the program `agentd` after which a service manager is not to start it again, since that would end the same way
/// until somebody mends it: the state folder or socket cannot be made (73), the folder was taken away, and the socket that the
/// manager holds perhaps with it (74), another daemon owns it (75), it is open to others (77), the configuration is wrong (78).
pub const DAEMON_FINAL: [u8; 5] = [73, 74, DAEMON_ALREADY_RUNNING, 77, 78];

/// The exit code for a gRPC answer. `Cancelled` is how a tonic client reports its own expired deadline.
#[must_use]
pub fn exit_for(code: Code) -> Exit {
    match code {
        Code::Ok => Exit::Success,
        Code::InvalidArgument | Code::AlreadyExists | Code::OutOfRange => Exit::Usage,
        Code::NotFound => Exit::NotFound,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Exit::Unavailable,
        Code::ResourceExhausted | Code::Aborted => Exit::Busy,
        Code::FailedPrecondition | Code::Unimplemented => Exit::Protocol,
        Code::PermissionDenied | Code::Unauthenticated => Exit::Denied,
        Code::DataLoss => Exit::DataLoss,
        Code::Internal | Code::Unknown => Exit::Internal,
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_never_change() {
        let table = [
            (Code::Ok, 0),
            (Code::Cancelled, 4),
            (Code::Unknown, 70),
            (Code::InvalidArgument, 2),
            (Code::DeadlineExceeded, 4),
            (Code::NotFound, 3),
            (Code::AlreadyExists, 2),
            (Code::PermissionDenied, 7),
            (Code::ResourceExhausted, 5),
            (Code::FailedPrecondition, 6),
            (Code::Aborted, 5),
            (Code::OutOfRange, 2),
            (Code::Unimplemented, 6),
            (Code::Internal, 70),
            (Code::Unavailable, 4),
            (Code::DataLoss, 8),
            (Code::Unauthenticated, 7),
        ];
        for (code, exit) in table {
            assert_eq!(u8::from(exit_for(code)), exit, "{code:?}");
        }
        let words = [(Exit::TaskFailed, 1), (Exit::Cancelled, 75), (Exit::Detached, 130)];
        assert!(words.iter().all(|(exit, number)| u8::from(*exit) == *number));
    }
}
