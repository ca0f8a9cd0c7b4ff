//! How an agent does, for people: what it asked for, what it got, what it did. Nothing is assumed.

use std::{sync::atomic::Ordering, time::Duration};

use agentd_base::{AgentId, Role};
use agentd_host::{CpuSampler, Measured, Topology, thread_cpu};
use agentd_prompts::Persona;

use super::{Handle, roles};

/// One agent at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSnapshot {
    /// Which agent.
    pub agent: AgentId,
    /// Its role, which is also the name of its thread.
    pub role: Role,
    /// The role's title for people, from its persona.
    pub title: &'static str,
    /// The placement that was asked for.
    pub asked: String,
    /// What the system answered.
    pub granted: String,
    /// What the system refused, one sentence each.
    pub faults: Vec<String>,
    /// Whether the system holds the thread on its cores.
    pub pinned: bool,
    /// Share (0 to 1) of its CPU time on the fast tiers, all but the slowest, or why that is not known.
    pub fast_share: Result<f64, String>,
    /// CPU time of its thread; `None`: the thread is gone.
    pub cpu: Option<Duration>,
    /// The kernel's id of its thread.
    pub tid: u64,
    /// Pieces that this thread computed.
    pub pieces: u64,
    /// Counts the agent's threads from 1.
    pub generation: u32,
    /// Attempts that it holds.
    pub in_flight: usize,
    /// Attempts that it may hold.
    pub slots: u32,
    /// What people should know; empty: nothing.
    pub note: &'static str,
}

pub(super) fn take(handle: &Handle, topology: &Topology, sampler: &CpuSampler) -> AgentSnapshot {
    let tid = handle.thread.tid();
    let granted = handle.thread.granted();
    AgentSnapshot {
        agent: handle.role.agent(),
        role: handle.role,
        title: title(handle.role),
        asked: handle.placement.asked.clone(),
        granted: granted.text.clone(),
        faults: granted.faults.clone(),
        pinned: granted.pinned,
        fast_share: match sampler.share(tid, topology) {
            Measured::Value(share) => Ok(share),
            Measured::Unmeasured(why) => Err(why),
        },
        cpu: thread_cpu(tid),
        tid,
        pieces: handle.state.pieces.load(Ordering::Relaxed),
        generation: handle.state.who.generation,
        in_flight: handle.state.in_flight(),
        slots: handle.slots,
        note: roles::note(handle.role),
    }
}

fn title(role: Role) -> &'static str {
    Persona::of_role(role.name()).map_or_else(|| role.name(), |persona| persona.title)
}
