//! `Examine`: what the daemon can say of its machine, its threads, its disk and the folders of its tasks. Looks only when
//! asked. What may block has a thread of its own for that long; a folder that does not answer costs its line, not the rest.

mod clock;
mod folders;
mod machine;
mod placement;
mod storage;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentd_engine::{EngineStatus, ListQuery};
use agentd_host::{Clock, Intent, PlanSettings, place};
use agentd_proto::{
    doctor::{DAEMON, DISK, LIMITS, SANDBOX},
    limits::RETRY_AFTER_TRAILER,
    v1::{DoctorCheck, ExamineResponse, Verdict},
};
use tokio::{sync::mpsc, time::Instant};
use tonic::{Response, Status, metadata::MetadataValue};

use super::{Context, status::refused};
use clock::Baseline;

/// How long disk and folders may take together.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// One at a time: two would measure each other's syncs.
    busy: Arc<AtomicBool>,
}

impl Doctor {
    /// Notes what the clocks say now, at the daemon's start.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { baseline: Baseline::take(clock), busy: Arc::default() }
    }
}

/// The right to examine; whoever looks holds it to his end.
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn take(busy: &Arc<AtomicBool>) -> Result<Self, Status> {
        if busy.swap(true, Ordering::AcqRel) {
            let message = "another examination is under way; ask again in a second".to_owned();
            let mut status = Status::resource_exhausted(message);
            status.metadata_mut().insert(RETRY_AFTER_TRAILER, MetadataValue::from(1_000_u64));
            return Err(status);
        }
        Ok(Self(Arc::clone(busy)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Context {
    /// Everything at once.
    pub(super) async fn examine(&self) -> Result<Response<ExamineResponse>, Status> {
        let turn = Turn::take(&self.doctor.busy)?;
        let status = self.engine.status().await.map_err(|error| refused(&error))?;
        let agents = self.engine.agents().await.map_err(|error| refused(&error))?;
        let mut checks = self.of_daemon(&status);
        checks.extend(machine::checks(&self.facts.topology));
        let threads = placement::threads(&agents);
        checks.extend(placement::checks(&agents, self.facts.band.as_deref()));
        checks.extend(self.of_journal(&status));
        checks.extend(clock::checks(&self.doctor.baseline, self.clock.as_ref()));
        checks.push(self.of_descriptors());
        checks.push(sandbox());
        checks.extend(self.of_disk(turn).await);
        Ok(Response::new(ExamineResponse { checks, threads }))
    }

    fn of_daemon(&self, status: &EngineStatus) -> Vec<DoctorCheck> {
        let refusal = status.read_only.clone().or_else(|| self.premises.refusal().map(|why| why.to_string()));
        let health = match refusal {
            _ if status.stopping => {
                let found = "it is shutting down and takes no new tasks";
                DoctorCheck::of(DAEMON, "health", Verdict::Warning, found).with_command("agentd-cli start")
            }
            Some(why) => DoctorCheck::of(DAEMON, "health", Verdict::Failed, format!("read-only: {why}"))
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
        [figures(journal), storage::index(status.index)]
    }

    fn of_descriptors(&self) -> DoctorCheck {
        machine::descriptors(self.facts.limits.as_ref().map(|limits| limits.descriptors), LIMITS)
    }

    /// What may block: syncs, sizes, folders.
    async fn of_disk(&self, turn: Turn) -> Vec<DoctorCheck> {
        let (mut checks, folders) = match self.folders().await {
            Ok(folders) => (Vec::new(), folders),
            Err(unknown) => (vec![unknown], Vec::new()),
        };
        let (state_dir, cache_bytes) = (self.config.state_dir.clone(), self.config.storage.cache_bytes);
        let topology = Arc::clone(&self.facts.topology);
        let (tell, mut told) = mpsc::channel::<DoctorCheck>(ROOM);
        let placement = place(&self.facts.topology, Intent::Io, &PlanSettings::default());
        let looked = agentd_host::spawn("doctor", &placement, move || {
            let _turn = turn;
            // Whoever waited may have gone; then the rest is of no use.
            let mut tell = |check| tell.blocking_send(check).is_ok();
            let _ = machine::look(&topology, &mut tell)
                && storage::look(&state_dir, cache_bytes, &mut tell)
                && folders::look(&folders, &mut tell);
        });
        if let Err(error) = looked {
            let found = format!("no thread could be started to look at disk and folders: {error}");
            checks.push(DoctorCheck::of(DISK, "look", Verdict::Unknown, found));
            return checks;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, told.recv()).await {
                Ok(Some(check)) => checks.push(check),
                Ok(None) => return checks,
                Err(_) => {
                    let last = checks.last().map_or("nothing", |check| check.name.as_str());
                    let found = format!(
                        "no answer within {} s after `{last}`: a disk or a folder on a server does not answer",
                        PATIENCE.as_secs()
                    );
                    checks.push(DoctorCheck::of(DISK, "look", Verdict::Unknown, found));
                    return checks;
                }
            }
        }
    }

    /// Folders of the newest tasks, each once.
    async fn folders(&self) -> Result<Vec<PathBuf>, DoctorCheck> {
        let query = ListQuery { states: Vec::new(), workspace: None, limit: TASKS, before: None };
        let page = self.engine.tasks(query).await.map_err(|error| folders::unknown(&error.to_string()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_examination_at_a_time_and_the_next_one_after_it() {
        let busy = Arc::default();
        let turn = Turn::take(&busy).unwrap_or_else(|status| panic!("{status}"));
        let refusal = Turn::take(&busy).err().unwrap();
        assert_eq!(refusal.code(), tonic::Code::ResourceExhausted);
        assert!(refusal.metadata().get(RETRY_AFTER_TRAILER).is_some());
        drop(turn);
        assert!(Turn::take(&busy).is_ok());
    }
}
