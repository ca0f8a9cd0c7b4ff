//! Takes connections: only from our own user, never more than allowed, and whatever goes wrong, on with the next.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    os::unix::net::UnixListener as StdListener,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use agentd_host::Clock;
use futures_util::{Stream, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::pace::Pace;
use crate::{
    config::Server,
    sabotage::{Point, is},
};

/// How long to wait after the system gave no connection. Out of descriptors it says so at once, again and again; in this
/// time others may give theirs back.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take to say its first words. All that we serve say them at once.
const OPENING_LIMIT: Duration = Duration::from_secs(5);

/// Length of the words with which every HTTP/2 client begins (RFC 9113, 3.4), in bytes.
const PREFACE: usize = 24;

/// Decides who comes in, and counts who is in.
#[derive(Debug)]
pub struct Gate {
    own_uid: u32,
    limits: Server,
    clock: Arc<dyn Clock>,
    inside: Mutex<Inside>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    by_process: HashMap<i32, usize>,
}

/// Why a connection was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another user, or the system does not say who.
    User,
    /// As many as allowed in all.
    Full,
    /// As many as allowed from one process.
    Process,
    /// The system gave none.
    System,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Full, Self::Process, Self::System];

    /// The reason as one word, for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Full => "full",
            Self::Process => "process",
            Self::System => "system",
        }
    }
}

/// Who is at the other end, as the kernel says. Every call of the connection carries it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The user: decides.
    pub uid: u32,
    /// The process, as far as the system knows; for limits and logs only, since numbers are used again.
    pub pid: Option<i32>,
    /// How fast it submits.
    pub(super) pace: Arc<Pace>,
}

impl Gate {
    /// A gate for clients of one user.
    #[must_use]
    pub fn new(own_uid: u32, limits: Server, clock: Arc<dyn Clock>) -> Self {
        Self { own_uid, limits, clock, inside: Mutex::default(), refused: Default::default() }
    }

    /// The user who is served.
    #[must_use]
    pub const fn own_uid(&self) -> u32 {
        self.own_uid
    }

    /// Open connections.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().all
    }

    /// How often connections were refused, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().map(|reason| (reason, self.refused[reason as usize].load(Ordering::Relaxed)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, uid: Option<u32>, pid: Option<i32>) -> Result<Place, Refusal> {
        let is_own = |uid: &u32| *uid == self.own_uid || is(Point::PeerUser);
        let Some(uid) = uid.filter(is_own) else { return Err(Refusal::User) };
        let mut inside = self.lock();
        if inside.all >= self.limits.max_connections {
            return Err(Refusal::Full);
        }
        if let Some(pid) = pid {
            let of_process = inside.by_process.entry(pid).or_default();
            if *of_process >= self.limits.max_connections_per_process {
                return Err(Refusal::Process);
            }
            *of_process += 1;
        }
        inside.all += 1;
        drop(inside);
        let pace = Arc::new(Pace::new(self.limits.submits_per_second, Arc::clone(&self.clock)));
        Ok(Place { gate: Arc::clone(self), peer: Peer { uid, pid, pace } })
    }

    fn note(&self, reason: Refusal, pid: Option<i32>) {
        let times = self.refused[reason as usize].fetch_add(1, Ordering::Relaxed) + 1;
        // A flood must not fill the log: the 1st, 2nd, 4th, 8th … time is told.
        if times.is_power_of_two() {
            tracing::warn!(reason = reason.name(), pid, times, "a connection was refused");
        }
    }
}

/// A connection's place inside, given back when dropped.
#[derive(Debug)]
struct Place {
    gate: Arc<Gate>,
    peer: Peer,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        inside.all -= 1;
        let Some(pid) = self.peer.pid else { return };
        if let Some(count) = inside.by_process.get_mut(&pid) {
            *count -= 1;
            if *count == 0 {
                inside.by_process.remove(&pid);
            }
        }
    }
}

/// A connection that was let in.
pub struct Connection {
    stream: UnixStream,
    place: Place,
    /// Gone once the client has said its first words.
    opening: Option<Opening>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stream, place, opening } = self;
        let open = opening.is_none();
        f.debug_struct("Connection").field("stream", stream).field("place", place).field("open", &open).finish()
    }
}

/// A client that has not yet said its first words. The server waits for them without a limit, and would also at the stop.
struct Opening {
    /// How many bytes of them it has said.
    said: usize,
    /// Ready when nobody waits for the rest any more.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Opening {
    fn new(closing: CancellationToken) -> Self {
        let over = async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = tokio::time::sleep(OPENING_LIMIT) => {}
            }
        };
        Self { said: 0, over: Box::pin(over) }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.place.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(opening) = &mut self.opening else { return read };
        match read {
            Poll::Ready(Ok(())) => {
                opening.said += buf.filled().len() - before;
                if opening.said >= PREFACE {
                    self.opening = None;
                }
                read
            }
            Poll::Pending if opening.over.as_mut().poll(cx).is_ready() => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not say what it wants")))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where connections come from: a listener, and those that take its place when its path was lost.
type Listeners = (UnixListener, mpsc::Receiver<StdListener>);

/// Connections as they come, until `closing`: then the listener is gone, and the stream stays silent, so that open
/// connections are still served.
pub fn incoming(
    listeners: Listeners,
    gate: Arc<Gate>,
    closing: CancellationToken,
) -> impl Stream<Item = Result<Connection, Infallible>> {
    stream::unfold((listeners, gate, closing), |(mut listeners, gate, closing)| async move {
        let next = tokio::select! {
            biased;
            () = closing.cancelled() => None,
            (stream, place) = accept(&mut listeners, &gate) => Some((stream, place)),
        };
        if let Some((stream, place)) = next {
            let opening = Some(Opening::new(closing.clone()));
            return Some((Ok(Connection { stream, place, opening }), (listeners, gate, closing)));
        }
        drop(listeners);
        std::future::pending().await
    })
}

async fn accept((listener, next): &mut Listeners, gate: &Arc<Gate>) -> (UnixStream, Place) {
    loop {
        let accepted = tokio::select! {
            biased; // whoever waits at the old listener comes first
            accepted = listener.accept() => accepted,
            Some(new) = next.recv() => {
                match UnixListener::from_std(new) {
                    Ok(new) => *listener = new,
                    Err(error) => tracing::error!(%error, "the new socket cannot be used"),
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) => {
                let (uid, pid) = stream.peer_cred().map_or((None, None), |peer| (Some(peer.uid()), peer.pid()));
                match gate.enter(uid, pid) {
                    Ok(place) => return (stream, place),
                    // Dropping the stream closes it. A client that hears nothing and sees the lock held knows what that
                    // means; a word would cost a descriptor until it was read.
                    Err(reason) => gate.note(reason, pid),
                }
            }
            Err(error) => {
                gate.note(Refusal::System, None);
                tracing::debug!(%error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests with a clock of their own need tokio's test runtime")]

    use agentd_host::ManualClock;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LIMITS: Server = Server {
        max_connections: 5,
        max_connections_per_process: 3,
        max_streams: 1,
        requests_per_connection: 1,
        submits_per_second: 0,
    };

    fn gate() -> Arc<Gate> {
        Arc::new(Gate::new(501, LIMITS, Arc::new(ManualClock::default())))
    }

    #[test]
    pub(crate) fn users_and_numbers_are_limited_and_places_come_back() {
        let gate = gate();
        let enter = |uid, pid| gate.enter(uid, pid).map_err(Refusal::name);
        for (uid, pid) in [(Some(0), Some(1)), (Some(502), Some(1)), (None, Some(1)), (None, None)] {
            assert_eq!(enter(uid, pid).err(), Some("user"), "root is nothing special");
        }
        let mut inside: Vec<_> = (0..3).map(|_| enter(Some(501), Some(7)).unwrap()).collect();
        assert_eq!(enter(Some(501), Some(7)).err(), Some("process"));
        inside.push(enter(Some(501), Some(8)).unwrap());
        inside.push(enter(Some(501), None).unwrap());
        assert_eq!(enter(Some(501), Some(9)).err(), Some("full"));
        inside.remove(0);
        inside.push(enter(Some(501), Some(7)).unwrap());
        assert_eq!(gate.open(), 5);
        inside.clear();
        assert_eq!((gate.open(), gate.lock().by_process.len()), (0, 0));
    }

    /// A connection that was let in, and the client's end of it.
    fn connection(closing: &CancellationToken) -> (Connection, UnixStream) {
        let (stream, client) = UnixStream::pair().unwrap();
        let place = gate().enter(Some(501), Some(7)).unwrap();
        (Connection { stream, place, opening: Some(Opening::new(closing.clone())) }, client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_say_what_it_wants_is_cut() {
        for said in [0, 1, PREFACE - 1] {
            let (mut connection, mut client) = connection(&CancellationToken::new());
            client.write_all(&vec![b'P'; said]).await.unwrap();
            let start = tokio::time::Instant::now();
            let mut heard = Vec::new();
            let end = connection.read_to_end(&mut heard).await.unwrap_err();
            assert_eq!((heard.len(), end.kind()), (said, io::ErrorKind::TimedOut));
            assert_eq!(start.elapsed().as_secs(), OPENING_LIMIT.as_secs(), "of the clock that the test turns");
            let gate = Arc::clone(&connection.place.gate);
            drop(connection);
            assert_eq!(gate.open(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_said_it_may_be_silent_for_as_long_as_it_likes() {
        let closing = CancellationToken::new();
        let (mut connection, mut client) = connection(&closing);
        client.write_all(&[b'P'; PREFACE]).await.unwrap();
        connection.read_exact(&mut [0; PREFACE]).await.unwrap();
        closing.cancel();
        let silence = tokio::time::timeout(OPENING_LIMIT * 100, connection.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_stop_nobody_waits_for_first_words() {
        let closing = CancellationToken::new();
        let (mut connection, _client) = connection(&closing);
        closing.cancel();
        let start = tokio::time::Instant::now();
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed().is_zero());
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let gate = gate();
        for reason in Refusal::ALL.into_iter().chain([Refusal::Full]) {
            gate.note(reason, Some(1));
        }
        let counts: Vec<_> = gate.refused().map(|(reason, times)| (reason.name(), times)).collect();
        assert_eq!(counts, [("user", 1), ("full", 2), ("process", 1), ("system", 1)]);
    }
}
