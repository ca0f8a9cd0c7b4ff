//! `Examine`: what the daemon can say of its machine, its threads, its disk and the folders of its tasks. Looks only when
//! asked. What may block has a thread of its own for that long; a folder that does not answer costs its line, not the rest,
//! and there is never more than one such thread.

mod clock;
mod folders;
mod machine;
mod placement;
mod storage;
mod turn;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use agentd_engine::{EngineStatus, ListQuery};
use agentd_host::{Clock, Intent, PlanSettings, place};
use agentd_proto::{
    doctor::{DAEMON, DISK, LIMITS, SANDBOX},
    v1::{DoctorCheck, ExamineResponse, Verdict},
};
use tokio::sync::mpsc;
use tonic::{Response, Status};

use super::{Context, status::refused};
use clock::Baseline;
use turn::{Desk, Entry, PATIENCE, Teller, Turn};

/// How long the index may take to tell which folders tasks were about; part of the time for all.
const INDEX_PATIENCE: Duration = Duration::from_secs(3);

/// Newest tasks whose folders are looked at.
const TASKS: usize = 100;

/// Different folders that are looked at, the newest ones.
const MOST_FOLDERS: usize = 16;

/// Checks that may wait to be taken: more than there can be.
const ROOM: usize = 64;

/// What an examination needs to know from before.
#[derive(Debug)]
pub(super) struct Doctor {
    baseline: Baseline,
    desk: Desk,
}

impl Doctor {
    /// Notes what the clocks say now, at the daemon's start.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { baseline: Baseline::take(clock), desk: Desk::default() }
    }
}

impl Context {
    /// Everything at once.
    pub(super) async fn examine(&self) -> Result<Response<ExamineResponse>, Status> {
        let began = Instant::now();
        let entry = self.doctor.desk.enter(began)?;
        let status = self.status().await.map_err(|error| refused(&error))?;
        let agents = self.engine.agents().await.map_err(|error| refused(&error))?;
        let mut checks = self.of_daemon(&status);
        checks.extend(machine::checks(&self.facts.topology));
        let threads = placement::threads(&agents);
        checks.extend(placement::checks(&agents, self.facts.band.as_deref()));
        checks.extend(self.of_journal(&status));
        checks.extend(clock::checks(&self.doctor.baseline, self.clock.as_ref()));
        checks.push(self.of_descriptors());
        checks.push(sandbox());
        match entry {
            Entry::Free(turn) => checks.extend(self.of_disk(turn, began + PATIENCE).await),
            Entry::Stuck(check) => checks.push(check),
        }
        Ok(Response::new(ExamineResponse { checks, threads }))
    }

    fn of_daemon(&self, status: &EngineStatus) -> Vec<DoctorCheck> {
        let health = match self.refusal(status) {
            _ if status.stopping => {
                let found = "it is shutting down and takes no new tasks";
                DoctorCheck::of(DAEMON, "health", Verdict::Warning, found).with_command("agentd-cli start")
            }
            Some((why, _)) => DoctorCheck::of(DAEMON, "health", Verdict::Failed, format!("read-only: {why}"))
                .with_remedy("mend what is named; what was accepted is there"),
            None => {
                let found = format!(
                    "serving: {} running, {} waiting, {} queued",
                    status.running, status.waiting, status.queued
                );
                DoctorCheck::of(DAEMON, "health", Verdict::Ok, found)
            }
        };
        // The service band has a check of its own.
        let of_start = self.facts.warnings.iter().filter(|warning| Some(*warning) != self.facts.band.as_ref()).cloned();
        let warnings = of_start.chain(self.premises.warnings()).chain(status.warnings.clone());
        let warnings = warnings.map(|text| DoctorCheck::of(DAEMON, "warning", Verdict::Warning, text));
        std::iter::once(health).chain(warnings).collect()
    }

    fn of_journal(&self, status: &EngineStatus) -> [DoctorCheck; 2] {
        let figures = |check: DoctorCheck| {
            check.with_figure("records", status.cursor.0 as f64).with_figure("starts", status.epoch as f64)
        };
        let journal = match &status.read_only {
            Some(why) => DoctorCheck::of(DISK, "journal", Verdict::Failed, format!("it cannot be written: {why}"))
                .with_remedy("see every fault; if a file is damaged, keep the folder and restore a backup of it")
                .with_command("agentd-cli journal verify"),
            None => {
                let found = format!("record {} of start {} is durable", status.cursor.0, status.epoch);
                DoctorCheck::of(DISK, "journal", Verdict::Ok, found)
            }
        };
        [figures(journal), storage::index(status.index, status.unindexed.as_deref())]
    }

    fn of_descriptors(&self) -> DoctorCheck {
        machine::descriptors(self.facts.limits.as_ref().map(|limits| limits.descriptors), LIMITS)
    }

    /// What may block: syncs, sizes, folders.
    async fn of_disk(&self, turn: Turn, deadline: Instant) -> Vec<DoctorCheck> {
        let folders = tokio::time::timeout(INDEX_PATIENCE, self.folders()).await;
        let folders =
            folders.unwrap_or_else(|_| Err(format!("the index does not answer within {} s", INDEX_PATIENCE.as_secs())));
        let (mut checks, folders) = match folders {
            Ok(folders) => (Vec::new(), folders),
            Err(why) => (vec![folders::unknown(&why)], Vec::new()),
        };
        let (state_dir, cache_bytes) = (self.config.state_dir.clone(), self.config.storage.cache_bytes);
        let (topology, sensors) = (Arc::clone(&self.facts.topology), self.engine.sensors());
        let (tell, mut told) = mpsc::channel::<DoctorCheck>(ROOM);
        let placement = place(&self.facts.topology, Intent::Io, &PlanSettings::default());
        let looked = agentd_host::spawn("doctor", &placement, move || {
            let mut teller = Teller { turn, tell };
            // Whoever waited may have gone; then the rest is of no use.
            let _ = machine::look(&*sensors, &topology, &mut teller)
                && storage::look(&state_dir, cache_bytes, &mut teller)
                && folders::look(&folders, &mut teller);
        });
        if let Err(error) = looked {
            let found = format!("no thread could be started to look at disk and folders: {error}");
            checks.push(DoctorCheck::of(DISK, "look", Verdict::Unknown, found));
            return checks;
        }
        loop {
            match tokio::time::timeout_at(deadline.into(), told.recv()).await {
                Ok(Some(check)) => checks.push(check),
                Ok(None) => return checks,
                Err(_) => {
                    checks.extend(self.doctor.desk.stuck(Instant::now()));
                    return checks;
                }
            }
        }
    }

    /// Folders of the newest tasks, each once.
    async fn folders(&self) -> Result<Vec<PathBuf>, String> {
        let query = ListQuery { states: Vec::new(), workspace: None, limit: TASKS, before: None };
        let page = self.engine.tasks(query).await.map_err(|error| error.to_string())?;
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in page.tasks.into_iter().filter_map(|task| task.workspace) {
            if folders.len() < MOST_FOLDERS && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Ok(folders)
    }
}

/// The only program that runs on a workspace today is git, with everything off by which a repository could name another one.
fn sandbox() -> DoctorCheck {
    let found = "not needed yet: no task runs programs of a workspace";
    DoctorCheck::of(SANDBOX, "level", Verdict::Skipped, found)
}
