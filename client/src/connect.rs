//! The way to the daemon: a channel over its socket and the handshake. Tells apart a daemon that is absent, one that
//! speaks another protocol, one that fails, and something else that listens there.

use std::{
    error::Error as _,
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use agentd_proto::limits::{CALL_LIMIT, JOURNAL_LIMIT};
use agentd_proto::{
    OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION,
    rendezvous::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    v1::{
        HandshakeRequest, HandshakeResponse, StatusRequest, StatusResponse, agent_service_client::AgentServiceClient,
        daemon_service_client::DaemonServiceClient, rule_service_client::RuleServiceClient,
        task_service_client::TaskServiceClient,
    },
};
use tokio::{io::AsyncReadExt, net::UnixStream, time::timeout};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

use crate::error::{Error, broke};

/// How long the system may take to open the socket.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How long the daemon may take to say who it is. It answers this first of all, so longer means that it is stuck.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// How long a look may take whether connections are closed at once.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// A message with the deadline of an ordinary call.
pub fn within_limit<T>(message: T) -> Request<T> {
    with_limit(message, CALL_LIMIT)
}

/// A message with a deadline of its own.
pub fn with_limit<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

/// Where to connect to, and how long to wait for the handshake.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The socket.
    pub socket: PathBuf,
    /// Limit of the handshake.
    pub patience: Duration,
}

impl Dial {
    /// Connects to `socket` with the usual patience.
    #[must_use]
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket, patience: HANDSHAKE_LIMIT }
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Stale`], [`Error::Socket`], [`Error::NoSocket`]: no daemon; [`Error::DaemonTooOld`],
    /// [`Error::ClientTooOld`], [`Error::Refused`]: another protocol; [`Error::Silent`], [`Error::Failing`]: it is not
    /// well; [`Error::OtherUser`]: it is not ours; [`Error::Foreign`]: it is no daemon, or has no place; [`Error::Clock`].
    pub async fn open(&self) -> Result<Connection, Error> {
        let channel = self.channel().await?;
        let hello = HandshakeRequest {
            protocol: PROTOCOL_VERSION,
            client: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        };
        let mut client = DaemonServiceClient::new(channel.clone());
        let answer = match timeout(self.patience, client.handshake(Request::new(hello))).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Err(self.refusal(&status)),
            Err(_) => return Err(self.silent()),
        };
        check(&answer)?;
        Ok(Connection { channel, daemon: answer })
    }

    /// True if a connection is closed before it has said a word and without one being said: a daemon that has no place
    /// does that (`server.max_connections`). What was written first, as by [`open`](Self::open), would hide it: writing to a
    /// closed connection and reading its end compete.
    pub async fn turns_away(&self) -> bool {
        let look = async { UnixStream::connect(&self.socket).await?.read(&mut [0; 1]).await };
        matches!(timeout(LOOK_LIMIT, look).await, Ok(Ok(0)))
    }

    async fn channel(&self) -> Result<Channel, Error> {
        let path = self.socket.to_str().ok_or_else(|| {
            Error::usage(
                format!("the socket path {} is not UTF-8", self.socket.display()),
                "set AGENTD_SOCKET to a path that is",
            )
        })?;
        let endpoint = Endpoint::from_shared(format!("unix://{path}")).map_err(|error| self.unusable(&error))?;
        match timeout(CONNECT_LIMIT, endpoint.connect()).await {
            Ok(channel) => channel.map_err(|error| self.unusable(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> Error {
        let waited_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        Error::Silent { socket: self.socket.clone(), waited_ms, pid: None }
    }

    /// What the system said when the socket was opened, found in the chain of causes.
    fn unusable(&self, error: &tonic::transport::Error) -> Error {
        let socket = self.socket.clone();
        let mut cause = error.source();
        while let Some(found) = cause {
            if let Some(system) = found.downcast_ref::<io::Error>() {
                // Systems differ in what they say about a file that is no socket; some say that nobody listens.
                if std::fs::metadata(&socket).is_ok_and(|there| !there.file_type().is_socket()) {
                    return Error::NoSocket { path: socket };
                }
                return match system.kind() {
                    io::ErrorKind::NotFound => Error::Absent { socket },
                    io::ErrorKind::ConnectionRefused => Error::Stale { socket },
                    kind if hung_up(kind) => self.broken_off(system.to_string()),
                    kind => Error::Socket {
                        socket,
                        source: system.raw_os_error().map_or_else(|| kind.into(), io::Error::from_raw_os_error),
                    },
                };
            }
            cause = found.source();
        }
        Error::Foreign { socket, said: error.to_string() }
    }

    /// A daemon hangs up on other users without a word. Its socket has its owner; one that is owned by the same user and
    /// hangs up is something else, or was killed.
    fn broken_off(&self, said: String) -> Error {
        let (socket, ours) = (self.socket.clone(), rustix::process::geteuid().as_raw());
        match owner_of(&socket) {
            Some(theirs) if theirs != ours => Error::OtherUser { socket, theirs, ours },
            _ if is_before_1970(SystemTime::now()) => Error::Clock { socket },
            _ => Error::Foreign { socket, said },
        }
    }

    fn refusal(&self, status: &Status) -> Error {
        let socket = self.socket.clone();
        match status.code() {
            Code::FailedPrecondition => Error::Refused { said: status.message().to_owned() },
            Code::Unimplemented => Error::Foreign { socket, said: "a gRPC server without agentd.v1".to_owned() },
            _ if broke(status) => self.broken_off(innermost(status)),
            code => Error::Failing { socket, said: format!("{} ({})", status.message(), code.description()) },
        }
    }
}

/// Every answer over HTTP has its date, and the server's library has none for such a time: it panics.
fn is_before_1970(now: SystemTime) -> bool {
    now < UNIX_EPOCH
}

fn owner_of(socket: &Path) -> Option<u32> {
    std::fs::metadata(socket).ok().map(|metadata| metadata.uid())
}

/// The last cause says most: `frame with invalid size` instead of `transport error`.
fn innermost(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// True for the ends of a connection that was open.
fn hung_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected
    )
}

fn check(daemon: &HandshakeResponse) -> Result<(), Error> {
    let version = daemon.version.clone();
    if daemon.protocol < OLDEST_PROTOCOL_VERSION {
        return Err(Error::DaemonTooOld { version, theirs: daemon.protocol, ours: OLDEST_PROTOCOL_VERSION });
    }
    if daemon.oldest_protocol > PROTOCOL_VERSION {
        return Err(Error::ClientTooOld { version, theirs: daemon.oldest_protocol, ours: PROTOCOL_VERSION });
    }
    Ok(())
}

/// An open connection to a daemon that understands us.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    /// What it said about itself.
    pub daemon: HandshakeResponse,
}

impl Connection {
    /// Calls about tasks.
    #[must_use]
    pub fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_REQUEST_BYTES)
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
    }

    /// Calls about agents.
    #[must_use]
    pub fn agents(&self) -> AgentServiceClient<Channel> {
        AgentServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_RESPONSE_BYTES)
    }

    /// Calls about the performance rules.
    #[must_use]
    pub fn rules(&self) -> RuleServiceClient<Channel> {
        RuleServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_RESPONSE_BYTES)
    }

    /// How the daemon does: its process, health, counts, and who started it.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn status(&self) -> Result<StatusResponse, Error> {
        let answer = self.daemon().status(within_limit(StatusRequest {})).await;
        Ok(answer.map_err(Error::call("read the status"))?.into_inner())
    }

    /// Calls about the daemon.
    #[must_use]
    pub fn daemon(&self) -> DaemonServiceClient<Channel> {
        DaemonServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_RESPONSE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_blamed_only_for_times_that_have_no_date() {
        let second = Duration::from_secs(1);
        let times = [UNIX_EPOCH - second, UNIX_EPOCH, UNIX_EPOCH + second];
        assert_eq!(times.map(is_before_1970), [true, false, false]);
    }
}
