//! What a configuration may say about the twelve.

use std::{path::PathBuf, sync::Arc};

use agentd_base::{CoreClass, Role};
use agentd_host::{Children, PlanSettings, Tier, Topology};
use agentd_tools::findings::{Confidence, RuleSet};
use agentd_workflow::Action;

/// The most slots an agent may have; an arbitrary bound on its mailbox.
pub const MOST_SLOTS: u32 = 1_024;

/// One role's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleConfig {
    /// Steps that the agent holds at once, 1 to [`MOST_SLOTS`].
    pub slots: u32,
    /// What the agent may do, best first; `None`: what its role can do.
    pub capabilities: Option<Vec<Action>>,
    /// Placement for this agent alone; `None`: as [`CrewConfig::plan`].
    pub plan: Option<PlanSettings>,
}

impl RoleConfig {
    /// An agent of its role with so many slots.
    #[must_use]
    pub const fn new(slots: u32) -> Self {
        Self { slots, capabilities: None, plan: None }
    }
}

/// How many agents of a class compute at once; `None`: as many as the tiers that it is placed on have cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PiecesAtOnce {
    /// Of the eight compute agents.
    pub compute: Option<usize>,
    /// Of the four coordinators.
    pub coordinator: Option<usize>,
}

/// The twelve, configured.
#[derive(Debug, Clone)]
pub struct CrewConfig {
    /// Settings per role, in the order of [`Role::ALL`].
    pub roles: [RoleConfig; 12],
    /// Placement of all that have none of their own.
    pub plan: PlanSettings,
    /// How many compute at once.
    pub pieces_at_once: PiecesAtOnce,
    /// The state folder, where task files are written.
    pub state: PathBuf,
    /// The performance rules that look at files, and how sure they must be.
    pub rules: RuleSet,
    /// Bytes in the state folder for what is known about files that an earlier analysis met; 0: nothing is kept.
    pub cache_bytes: u64,
    /// Whether a file whose size and times are as they were is not read again, as far as answers are kept at all.
    pub trust_times: bool,
    /// Where git and other programs are started; `None`: agents do without.
    pub children: Option<Arc<Children>>,
}

impl CrewConfig {
    /// These roles, with the state folder at `state` (absolute, exists), placed as planned by default, with all performance
    /// rules at medium confidence, without children or a cache.
    #[must_use]
    pub fn new(state: PathBuf, roles: [RoleConfig; 12]) -> Self {
        Self {
            roles,
            plan: PlanSettings::default(),
            pieces_at_once: PiecesAtOnce::default(),
            state,
            rules: RuleSet::ALL.at_least(Confidence::Medium),
            cache_bytes: 0,
            trust_times: true,
            children: None,
        }
    }

    pub(crate) fn role(&self, role: Role) -> &RoleConfig {
        &self.roles[role as usize]
    }

    pub(crate) fn placement(&self, role: Role) -> &PlanSettings {
        self.role(role).plan.as_ref().unwrap_or(&self.plan)
    }

    /// Seats of a class, no more than it has agents. Logical cpus where the system tells them, since its threads share cores
    /// as well as they can.
    pub(crate) fn seats(&self, class: CoreClass, topology: &Topology) -> usize {
        let cores = |tier: &Tier| if tier.cpus.is_empty() { tier.cores as usize } else { tier.cpus.len() };
        let seats = match class {
            CoreClass::Compute => {
                let fast = || topology.fast_tiers().iter().map(cores).sum();
                self.pieces_at_once.compute.unwrap_or_else(fast)
            }
            CoreClass::Coordinator => self.pieces_at_once.coordinator.unwrap_or_else(|| cores(topology.slow())),
        };
        let agents = Role::ALL.iter().filter(|role| role.class() == class).count();
        seats.clamp(1, agents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_seats_as_cores_where_the_class_is_placed() {
        for (cores, compute, coordinator) in
            [(vec![1, 3, 4], 4, 4), (vec![1, 3, 2], 4, 2), (vec![8, 2], 8, 2), (vec![12, 6], 8, 4), (vec![2], 2, 2)]
        {
            for counted in [false, true] {
                let tier = |cores: &u32| {
                    // With two threads per core.
                    let cpus = if counted { (0..cores * 2).collect() } else { Vec::new() };
                    Tier { name: String::new(), cores: *cores, cpus }
                };
                let topology = Topology { tiers: cores.iter().map(tier).collect(), ..Topology::detect() };
                let config = CrewConfig::new(PathBuf::from("/"), std::array::from_fn(|_| RoleConfig::new(1)));
                let seats = [CoreClass::Compute, CoreClass::Coordinator].map(|class| config.seats(class, &topology));
                let factor = if counted { 2 } else { 1 };
                assert_eq!(seats, [(compute * factor).min(8), (coordinator * factor).min(4)], "{cores:?} {counted}");
            }
        }
    }
}
