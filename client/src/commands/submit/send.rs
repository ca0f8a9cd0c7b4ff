//! Hands a task over until the daemon has answered for it, over new connections if need be: the key makes a repetition
//! harmless. Says of a task that nobody answered for that it may have been accepted, and refuses in the words of the flags.

use std::time::Duration;

use agentd_proto::{
    limits::RETRY_AFTER_TRAILER,
    rendezvous::LOG_FOLDER,
    v1::{Health, ListAgentsRequest, SubmitRequest, SubmitResponse},
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::WORKFLOWS;
use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::{Error, Unsure, broke, is_lost},
    follow::{PATIENCE, RESTARTS},
    near::{did_you_mean, near},
    owner::Owner,
    retry::Pauses,
    start::StartLog,
};

/// How often a daemon is asked that answers that it cannot take the task now.
const TRIES: usize = 6;

/// Longest pause between two tries, also if a busy daemon asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Fields of the contract as a refusal names them, and the flags that they come from.
const FLAGS: [(&str, &str); 7] = [
    ("workflow", "--workflow"),
    ("hints.prefer", "--prefer"),
    ("hints.cpu", "--cpu"),
    ("hints.expected_ms", "--expected"),
    ("priority", "--priority"),
    ("idempotency_key", "--key"),
    ("workspace", "--workspace"),
];

/// Submits until the daemon has answered: as long, and with as many restarts of one that dies, as a task is followed.
///
/// # Errors
/// [`Error::Call`]: refused, or nobody answered within [`PATIENCE`]; [`Error::Dying`]; those of connecting and starting.
/// Within [`Error::Unsure`] if a try may have been heeded.
pub(super) async fn send(
    context: &Context<'_>,
    connection: &mut Connection,
    request: &SubmitRequest,
) -> Result<SubmitResponse, Error> {
    // Whoever names the socket needs no state folder.
    let log = context.starter().ok().map(|starter| StartLog::of(&starter.state_dir.join(LOG_FOLDER)));
    let mut sending = Sending { context, connection, request, log, restarts: 0, unanswered: false };
    let outcome = sending.send().await;
    let (key, unanswered) = (&request.idempotency_key, sending.unanswered);
    outcome.map_err(|fault| match fault {
        fault if unanswered => Error::Unsure(Unsure { key: key.clone(), fault: Box::new(fault) }),
        fault => fault,
    })
}

struct Sending<'a> {
    context: &'a Context<'a>,
    connection: &'a mut Connection,
    request: &'a SubmitRequest,
    /// Where a daemon that is brought back says why it does not stay.
    log: Option<StartLog>,
    /// How often this brought a daemon back that had died.
    restarts: u32,
    /// A try was not answered, so it may have been heeded.
    unanswered: bool,
}

impl Sending<'_> {
    async fn send(&mut self) -> Result<SubmitResponse, Error> {
        let deadline = Instant::now() + PATIENCE;
        let (mut refusals, mut said) = (0, false);
        let mut pauses = Pauses::new(Duration::from_millis(50), LONGEST_PAUSE);
        loop {
            let status = match self.connection.tasks().submit(within_limit(self.request.clone())).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            let (lost, broken) = (is_lost(&status), broke(&status));
            let pause = pauses.next().unwrap_or_default();
            let pause = match status.code() {
                _ if broken => pause,
                Code::ResourceExhausted => retry_after(&status).unwrap_or(pause).min(LONGEST_PAUSE),
                // A daemon that gave up waiting may go on with it; one that looks on has refused it.
                _ if lost && !(status.code() == Code::Unavailable && self.is_read_only().await) => pause,
                _ => return Err(self.refused(status).await),
            };
            self.unanswered |= lost;
            refusals += usize::from(!broken);
            if refusals == TRIES || (broken && Instant::now() + pause >= deadline) {
                return Err(Error::call(WHAT)(status));
            }
            if !said {
                self.context.ui.note(again(&status));
                said = true;
            }
            sleep(pause).await;
            if lost {
                self.reopen().await?;
            }
        }
    }

    /// True if the daemon answers and takes no tasks until somebody mends what ails it: no other try would go better.
    async fn is_read_only(&self) -> bool {
        self.connection.status().await.is_ok_and(|status| status.health() == Health::ReadOnly)
    }

    /// A new connection if there is a daemon; else the old one, which is tried again after the next pause. After the last
    /// restart only one is waited for that somebody else has started.
    async fn reopen(&mut self) -> Result<(), Error> {
        let opened = if self.restarts < RESTARTS {
            self.context.connect_or_start().await
        } else {
            self.context.connect().await.map(|connection| (connection, false))
        };
        match (opened, &self.log) {
            (Ok((connection, ours)), _) => {
                *self.connection = connection;
                self.restarts += u32::from(ours);
                Ok(())
            }
            (Err(error), Some(log)) if error.is_absence() && self.context.lock()?.owner() == Owner::Nobody => {
                let (tail, log) = log.last_words();
                Err(Error::Dying { task_id: String::new(), times: self.restarts, tail, log })
            }
            (Err(error), _) if error.is_passing() => Ok(()),
            (Err(error), _) => Err(error),
        }
    }

    /// A refusal in the words of the command line, with the names that were perhaps meant.
    async fn refused(&self, status: Status) -> Error {
        let Some((problem, field, flag)) = named(&status) else { return Error::call(WHAT)(status) };
        let meant = match field {
            "workflow" => near(&self.request.workflow, WORKFLOWS),
            "hints.prefer" => self.near_agents().await,
            _ => Vec::new(),
        };
        let parts = [format!("{flag}: {problem}"), did_you_mean(&meant)];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Error::call(WHAT)(Status::new(status.code(), parts.join("; ")))
    }

    async fn near_agents(&self) -> Vec<String> {
        let asked = self.request.hints.as_ref().map_or("", |hints| hints.prefer.as_str());
        let agents = self.connection.agents().list(within_limit(ListAgentsRequest {})).await;
        agents.map_or_else(|_| Vec::new(), |all| near(asked, all.get_ref().agents.iter().map(|one| one.name.as_str())))
    }
}

/// What was asked for, as an infinitive.
const WHAT: &str = "submit the task";

/// What is wrong, with which field, and its flag.
fn named(status: &Status) -> Option<(&str, &'static str, &'static str)> {
    let invalid = status.code() == Code::InvalidArgument;
    let (field, problem) = status.message().split_once(": ").filter(|_| invalid)?;
    FLAGS.into_iter().find(|(name, _)| *name == field).map(|(name, flag)| (problem, name, flag))
}

fn again(status: &Status) -> &'static str {
    match status.code() {
        _ if broke(status) => "the connection to agentd is lost; trying again",
        Code::ResourceExhausted => "agentd is busy; trying again",
        _ => "agentd cannot take the task now; trying again",
    }
}

fn retry_after(status: &Status) -> Option<Duration> {
    let value = status.metadata().get(RETRY_AFTER_TRAILER)?;
    Some(Duration::from_millis(value.to_str().ok()?.parse().ok()?))
}
