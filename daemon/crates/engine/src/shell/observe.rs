//! The engine's state for people and for Prometheus: agents, status, figures.

use std::time::Duration;

use agentd_base::{AgentId, Role};

use super::Shell;
use crate::{
    core::Mode,
    roster::Roster,
    view::{AgentView, EngineStatus, Metric, TaskState},
};

impl Shell {
    /// The twelve, compute agents first.
    pub(super) fn agents(&self) -> Vec<AgentView> {
        self.crew.snapshot().into_iter().map(|snapshot| self.agent(snapshot)).collect()
    }

    fn agent(&self, snapshot: agentd_agents::AgentSnapshot) -> AgentView {
        let roster = self.core.roster();
        let member = roster.member(snapshot.agent);
        let overloaded = member.map(Roster::overloaded).unwrap_or_default();
        let (succeeded, failed, busy) =
            member.map_or((0, 0, Duration::ZERO), |member| (member.succeeded, member.failed, member.busy));
        let mut notes: Vec<String> = overloaded.iter().map(|action| format!("slow or failing at {action}")).collect();
        if !snapshot.note.is_empty() {
            notes.push(snapshot.note.to_owned());
        }
        notes.extend(snapshot.faults.iter().cloned());
        AgentView {
            role: snapshot.role,
            title: snapshot.title.to_owned(),
            class: snapshot.role.class(),
            asked: snapshot.asked,
            granted: snapshot.granted,
            pinned: snapshot.pinned,
            fast_share: snapshot.fast_share,
            capabilities: self.crew.capabilities(snapshot.role).iter().map(|action| action.name()).collect(),
            succeeded,
            failed,
            pieces: snapshot.pieces,
            cpu: snapshot.cpu.unwrap_or_default(),
            mean_step_ms: mean_ms(busy, succeeded + failed),
            holding: member.map(|member| self.holding(&member.held)).unwrap_or_default(),
            overloaded: !overloaded.is_empty(),
            note: notes.join("; "),
            // Its threads count from 1; what is shown is how often one was replaced.
            generation: snapshot.generation.saturating_sub(1),
            slots: snapshot.slots,
        }
    }

    fn holding(&self, held: &[agentd_base::AttemptKey]) -> Vec<String> {
        let name = |key: &agentd_base::AttemptKey| self.core.step_name(*key).unwrap_or_default();
        held.iter().map(|key| format!("{}/{}", key.task, name(key))).collect()
    }

    fn lost_agents(&self) -> impl Iterator<Item = String> {
        let name = |agent: &AgentId| Role::of(*agent).map_or("?", Role::name);
        let words = |name| format!("agent {name} is silent and cannot be replaced; it gets no work until it can");
        self.book.lost.iter().map(name).map(words)
    }

    /// How the engine does.
    pub(super) fn status(&self) -> EngineStatus {
        let census = self.core.census();
        let count = |state| census.get(&state).copied().unwrap_or_default();
        EngineStatus {
            read_only: match self.core.mode() {
                Mode::ReadOnly(why) => Some(why.clone()),
                _ => None,
            },
            stopping: *self.core.mode() == Mode::Stopping,
            epoch: self.epoch,
            queued: count(TaskState::Queued),
            running: count(TaskState::Running),
            waiting: count(TaskState::Waiting),
            cursor: self.core.durable_seq(),
            warnings: self.warnings.iter().cloned().chain(self.index_phase.lost()).chain(self.lost_agents()).collect(),
            index: self.index_phase.get(),
            unindexed: self.index_phase.failure(),
            compute: self.seats(),
            reading: self.reading(),
        }
    }

    /// All figures.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let counters = self.core.counters();
        let status = self.status();
        let mut metrics = vec![
            plain("agentd_tasks_submitted_total", "Tasks accepted since the start.", COUNTER, counters.submitted),
            plain(
                "agentd_submits_refused_total",
                "Submits refused: queue full or stopping.",
                COUNTER,
                counters.refused,
            ),
            plain("agentd_attempts_total", "Attempts of steps started.", COUNTER, counters.attempts),
            plain("agentd_agents_replaced_total", "Agents replaced after silence.", COUNTER, counters.replaced_agents),
            plain(
                "agentd_recovered_steps",
                "Steps in flight when the daemon died last.",
                GAUGE,
                counters.recovered_steps,
            ),
            plain("agentd_journal_records_total", "Records written to the journal.", COUNTER, counters.records),
            plain("agentd_journal_cursor", "Number of the newest durable record.", GAUGE, status.cursor.0),
            plain(
                "agentd_journal_read_only",
                "1 if the journal cannot be written.",
                GAUGE,
                u64::from(status.read_only.is_some()),
            ),
            plain("agentd_watchers", "Clients that watch.", GAUGE, self.book.lines.count() as u64),
        ];
        let ended = [("succeeded", counters.succeeded), ("failed", counters.failed), ("cancelled", counters.cancelled)];
        for (state, count) in ended {
            let help = "Tasks that ended since the start.";
            metrics.push(labelled("agentd_tasks_ended_total", help, COUNTER, ("state", state), count as f64));
        }
        for (state, count) in [("queued", status.queued), ("running", status.running), ("waiting", status.waiting)] {
            metrics.push(labelled("agentd_tasks_open", "Open tasks.", GAUGE, ("state", state), count as f64));
        }
        metrics.extend(self.machine_metrics());
        metrics.extend(self.pace_metrics());
        for agent in self.agents() {
            let label = ("agent", agent.role.name());
            metrics.extend(agent_metrics(&agent, label));
        }
        metrics
    }
}

pub(super) const COUNTER: &str = "counter";
pub(super) const GAUGE: &str = "gauge";

fn agent_metrics(agent: &AgentView, label: (&'static str, &str)) -> [Metric; 6] {
    let held = agent.holding.len() as f64;
    [
        labelled(
            "agentd_agent_cpu_seconds_total",
            "CPU time of the agent's thread.",
            COUNTER,
            label,
            agent.cpu.as_secs_f64(),
        ),
        labelled("agentd_agent_pieces_total", "CPU pieces done.", COUNTER, label, agent.pieces as f64),
        labelled("agentd_agent_steps_succeeded_total", "Steps succeeded.", COUNTER, label, agent.succeeded as f64),
        labelled("agentd_agent_steps_failed_total", "Steps failed.", COUNTER, label, agent.failed as f64),
        labelled("agentd_agent_steps_held", "Steps held now.", GAUGE, label, held),
        labelled(
            "agentd_agent_overloaded",
            "1 if it comes last in assignment.",
            GAUGE,
            label,
            f64::from(u8::from(agent.overloaded)),
        ),
    ]
}

pub(super) fn plain(name: &'static str, help: &'static str, kind: &'static str, value: u64) -> Metric {
    Metric { name, help, kind, labels: Vec::new(), value: value as f64 }
}

pub(super) fn labelled(
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    (label, text): (&'static str, &str),
    value: f64,
) -> Metric {
    Metric { name, help, kind, labels: vec![(label, text.to_owned())], value }
}

fn mean_ms(busy: Duration, steps: u64) -> f64 {
    if steps == 0 { 0.0 } else { busy.as_secs_f64() * 1_000.0 / steps as f64 }
}
