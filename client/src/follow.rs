//! Follows events from a cursor, and rides out a daemon that goes away: reconnects, goes on behind the last event it
//! saw, and brings a daemon back that was killed. A daemon that was stopped in order is waited for, never restarted.

use std::time::Duration;

use agentd_proto::{
    limits::{DEATHS_OF_A_STEP, HEARTBEAT_SECONDS},
    rendezvous::LOG_FOLDER,
    v1::{Event, Progress, WatchRequest, WatchResponse, event::What, watch_response::Item as Wire},
};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Request, Streaming};

use crate::{
    connect::Connection,
    error::{Error, broke, is_lost},
    owner::{Lock, Owner},
    retry::Pauses,
    start::{StartLog, Starter},
};

/// How long a daemon may stay away.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Three heartbeats: a connection that is silent for so long leads nowhere.
const SILENCE: Duration = Duration::from_secs(3 * HEARTBEAT_SECONDS);

/// How often one command brings a killed daemon back: the start after the last death of these gives the step up that kills it.
/// Beyond it something is wrong that a restart does not mend.
pub const RESTARTS: u32 = DEATHS_OF_A_STEP;

/// What there is to see.
#[derive(Debug)]
pub enum Item {
    /// A durable event.
    Event(Box<Event>),
    /// Live progress.
    Progress(Progress),
    /// The daemon went away; the next item comes when it is back.
    Lost,
    /// It is back. True: this client restarted it.
    Back {
        /// Who restarted it.
        restarted: bool,
    },
}

/// What to follow.
#[derive(Debug)]
pub struct Subject {
    /// The task; empty: all.
    pub task_id: String,
    /// Events after this one.
    pub cursor: u64,
    /// Also live progress.
    pub progress: bool,
}

enum State {
    Unopened,
    Open(Box<Streaming<WatchResponse>>),
    /// True: it was killed, as far as can be seen from here.
    Away(bool),
    Ended,
}

/// A journal reader that outlives the daemon.
pub struct Follow {
    subject: Subject,
    connection: Connection,
    starter: Starter,
    /// Restart it if it was killed.
    may_restart: bool,
    restarts: u32,
    /// Where a daemon that is brought back says why it does not stay.
    log: StartLog,
    suspended: bool,
    patience: Duration,
    /// When it went away, and how often since then it came back without anything new.
    lost_since: Instant,
    losses: u32,
    state: State,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Follow {
    /// Begins to follow. A daemon that was started from a terminal is started again if it is killed: nobody else would.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn new(starter: Starter, connection: Connection, subject: Subject) -> Result<Self, Error> {
        // Lost as well as found: opening the stream finds out.
        let may_restart = match connection.status().await {
            Ok(status) => status.started_by == "terminal",
            Err(error) if error.is_passing() => starter.service.is_none(),
            Err(error) => return Err(error),
        };
        let log = StartLog::of(&starter.state_dir.join(LOG_FOLDER));
        Ok(Self {
            subject,
            connection,
            starter,
            may_restart,
            restarts: 0,
            log,
            suspended: false,
            patience: PATIENCE,
            lost_since: Instant::now(),
            losses: 0,
            state: State::Unopened,
        })
    }

    /// The newest connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Connects again after the end of the task, for what is still to be read.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        self.lost_since = Instant::now();
        self.come_back(true).await?;
        self.state = State::Ended;
        Ok(())
    }

    /// The next item; `None` after the end of the task.
    ///
    /// # Errors
    /// [`Error::Lost`] after 60 s without a daemon, [`Error::Dying`] at once if it was brought back too often, [`Error::Call`]
    /// if it refuses, and those of [`Dial::open`](crate::connect::Dial::open) and [`Starter::start`] that waiting does not mend.
    pub async fn next(&mut self) -> Result<Option<Item>, Error> {
        loop {
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Away(killed) => {
                    let killed = *killed;
                    let restarted = self.come_back(killed).await?;
                    if restarted || self.losses == 1 {
                        return Ok(Some(Item::Back { restarted }));
                    }
                }
                State::Unopened => match self.open().await {
                    Ok(stream) => self.state = State::Open(Box::new(stream)),
                    Err(error) if error.is_passing() => {
                        if let Some(item) = self.lost(true) {
                            return Ok(Some(item));
                        }
                    }
                    Err(error) => return Err(error),
                },
                State::Open(stream) => {
                    let item = match timeout(SILENCE, stream.message()).await {
                        Ok(Ok(Some(WatchResponse { item }))) => item.and_then(|item| self.take(item)),
                        Ok(Ok(None)) => self.lost(false),
                        Ok(Err(status)) if is_lost(&status) => self.lost(broke(&status)),
                        Ok(Err(status)) => return Err(Error::call("watch")(status)),
                        Err(_) => self.lost(true),
                    };
                    if item.is_some() {
                        return Ok(item);
                    }
                }
            }
        }
    }

    fn take(&mut self, item: Wire) -> Option<Item> {
        match item {
            Wire::Heartbeat(cursor) => {
                self.losses = 0;
                self.subject.cursor = self.subject.cursor.max(cursor);
                None
            }
            Wire::Progress(progress) => {
                self.losses = 0;
                Some(Item::Progress(progress))
            }
            Wire::Event(event) => {
                // A stream that begins again may repeat nothing that was seen.
                if event.cursor <= self.subject.cursor {
                    return None;
                }
                self.losses = 0;
                self.subject.cursor = event.cursor;
                match &event.what {
                    Some(What::Ended(_)) if event.task_id == self.subject.task_id => self.state = State::Ended,
                    Some(What::Suspended(_)) => self.suspended = true,
                    _ => {}
                }
                Some(Item::Event(Box::new(event)))
            }
        }
    }

    /// Told only once until there is something new: a daemon that comes and goes is no news each time.
    fn lost(&mut self, killed: bool) -> Option<Item> {
        self.state = State::Away(killed && !std::mem::take(&mut self.suspended));
        self.losses += 1;
        if self.losses > 1 {
            return None;
        }
        self.lost_since = Instant::now();
        Some(Item::Lost)
    }

    async fn open(&self) -> Result<Streaming<WatchResponse>, Error> {
        let Subject { task_id, cursor, progress } = &self.subject;
        let request = WatchRequest { task_id: task_id.clone(), cursor: *cursor, progress: *progress };
        let what = if task_id.is_empty() { "watch".to_owned() } else { format!("watch task {task_id}") };
        let answer = self.connection.tasks().watch(Request::new(request)).await.map_err(Error::call(what))?;
        Ok(answer.into_inner())
    }

    /// Waits for the daemon. A socket that was left behind says that the daemon did not end in order; only then, and
    /// only if nobody else (launchd, systemd) would do it, it is started here.
    async fn come_back(&mut self, killed: bool) -> Result<bool, Error> {
        let deadline = self.lost_since + self.patience;
        let mut restarted = false;
        let mut pauses = Pauses::new(Duration::from_millis(50), Duration::from_secs(1));
        if self.losses > 1 {
            // It answers, but what was asked for breaks off again: more and more slowly.
            let pause = pauses.nth(usize::try_from(self.losses).unwrap_or(usize::MAX).min(10));
            sleep(pause.unwrap_or_default()).await;
        }
        for pause in pauses {
            let opened = match self.starter.dial.open().await {
                Err(stale @ Error::Stale { .. }) if killed && self.may_restart => {
                    self.bring_back(stale).await.map(|(connection, ours)| {
                        restarted = ours;
                        connection
                    })
                }
                other => other,
            };
            match opened {
                Ok(connection) if Instant::now() < deadline => {
                    self.connection = connection;
                    self.state = State::Unopened;
                    return Ok(restarted);
                }
                Err(error) if !error.is_passing() => return Err(error),
                _ => {}
            }
            if Instant::now() + pause >= deadline {
                break;
            }
            sleep(pause).await;
        }
        let waited_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        Err(Error::Lost { task_id: self.subject.task_id.clone(), waited_ms })
    }

    /// Starts it again. After the last time only one is waited for that somebody else has started.
    async fn bring_back(&mut self, stale: Error) -> Result<(Connection, bool), Error> {
        if self.restarts < RESTARTS {
            self.restarts += 1;
            // Of several clients that see it die each tries; the daemon's lock decides whose start counts.
            return self.starter.start().await;
        }
        if Lock::of(&self.starter.state_dir).owner() != Owner::Nobody {
            return Err(stale);
        }
        let (tail, log) = self.log.last_words();
        Err(Error::Dying { task_id: self.subject.task_id.clone(), times: self.restarts, tail, log })
    }
}
