//! What the daemon answers: one service per file, conversion and error table apart, and the server that carries them.

pub(crate) mod accept;
mod agents;
mod convert;
mod counters;
mod daemon;
mod doctor;
mod health;
mod pace;
mod prometheus;
mod reflection;
mod rules;
pub(crate) mod server;
mod status;
mod tasks;
pub mod told;

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_base::{MonoMs, WallMs};
use agentd_engine::{Engine, EngineStatus};
use agentd_host::{Children, Clock, Limits, Topology};
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    config::Config,
    lifecycle::{owner::StartedBy, premises::Premises},
};
use counters::{Counters, Method};

pub use accept::{Connection, Gate, Peer, Refusal, incoming};
pub use prometheus::render;
pub use server::serve;
pub use status::code_for;

/// What every service may use.
#[derive(Debug)]
pub struct Context {
    /// Does the work.
    pub engine: Engine,
    /// What the daemon was told.
    pub config: Arc<Config>,
    /// What the daemon is.
    pub facts: Facts,
    /// Reads time.
    pub clock: Arc<dyn Clock>,
    /// Who comes in.
    pub gate: Arc<Gate>,
    /// How far the stop is.
    pub stops: Stops,
    /// What the daemon stands on.
    pub premises: Arc<Premises>,
    told: health::Told,
    /// `None` inside: the system does not tell.
    gpu_cores: OnceCell<Option<u32>>,
    counters: Counters,
    doctor: doctor::Doctor,
}

/// What does not change while the daemon runs.
#[derive(Debug)]
pub struct Facts {
    /// When it started, by the wall clock.
    pub started: WallMs,
    /// The same for measuring how long it runs.
    pub started_mono: MonoMs,
    /// Who started it.
    pub started_by: StartedBy,
    /// Where clients connect.
    pub socket: PathBuf,
    /// The machine.
    pub topology: Arc<Topology>,
    /// Starts programs, for questions that only they can answer.
    pub children: Children,
    /// What works, but worse than it could.
    pub warnings: Vec<String>,
    /// The one of them that is about the band into which the service manager has put the process.
    pub band: Option<String>,
    /// What the process may use; `None`: it was not looked at.
    pub limits: Option<Limits>,
}

/// How far the stop is: states, which nobody can miss.
#[derive(Debug, Clone)]
pub struct Stops {
    /// No new connections; calls on open ones are answered.
    pub closing: CancellationToken,
    /// Streams end, clients are told to go.
    pub ending: CancellationToken,
    /// Where `Shutdown` asks for the stop.
    requests: mpsc::Sender<StopRequest>,
}

/// A client asks for the end.
#[derive(Debug)]
pub struct StopRequest {
    /// How long running steps may take to end.
    pub grace: Duration,
    /// Told how many attempts were in flight, once they have ended or are suspended.
    pub answer: oneshot::Sender<u32>,
}

impl Stops {
    /// A stop that has not begun, and where requests for it arrive.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<StopRequest>) {
        let (requests, arrive) = mpsc::channel(1);
        (Self { closing: CancellationToken::new(), ending: CancellationToken::new(), requests }, arrive)
    }
}

impl Context {
    /// Everything that services use.
    #[must_use]
    pub fn new(
        (engine, config): (Engine, Arc<Config>),
        (facts, premises): (Facts, Arc<Premises>),
        clock: Arc<dyn Clock>,
        gate: Arc<Gate>,
        stops: Stops,
    ) -> Arc<Self> {
        let doctor = doctor::Doctor::new(clock.as_ref());
        Arc::new(Self {
            engine,
            config,
            facts,
            clock,
            gate,
            stops,
            premises,
            told: health::Told::default(),
            gpu_cores: OnceCell::new(),
            counters: Counters::default(),
            doctor,
        })
    }

    /// How the engine does now: what was in the way of its index may be gone.
    async fn status(&self) -> Result<EngineStatus, agentd_engine::Error> {
        let status = self.engine.status().await?;
        if status.unindexed.is_none() {
            return Ok(status);
        }
        self.engine.retry_index().await;
        self.engine.status().await
    }

    /// Why no task is accepted, and whether it will be again by itself once that is mended; `None`: it is.
    fn refusal(&self, engine: &EngineStatus) -> Option<(String, bool)> {
        let fixed = engine.read_only.clone().map(|why| (why, false));
        let unindexed = || {
            let why = engine.unindexed.as_ref()?;
            Some((format!("keys and older tasks cannot be looked up, so no task is accepted: {why}"), true))
        };
        fixed.or_else(|| self.premises.refusal().map(|why| (why.to_string(), true))).or_else(unindexed)
    }

    /// Waits for an answer as long as its kind of call may take, and counts it. What it waits for may go on behind it.
    async fn answer<T>(&self, method: Method, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        self.counters.count(method, within(method.limit(), answer).await)
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s; see the daemon's log, then ask again", limit.as_secs());
        Err(Status::deadline_exceeded(message))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests with a clock of their own need tokio's test runtime")]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_reads_the_whole_journal_may_take_longer_than_other_calls() {
        for (method, seconds, answered) in [
            (Method::Status, 29, true),
            (Method::Status, 31, false),
            (Method::VerifyJournal, 599, true),
            (Method::RebuildIndex, 599, true),
            (Method::VerifyJournal, 601, false),
        ] {
            let slow = async {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(())
            };
            let outcome = within(method.limit(), slow).await;
            assert_eq!(outcome.is_ok(), answered, "{method:?} after {seconds} s: {outcome:?}");
        }
    }
}
