//! What the engine knows of the twelve: who holds what, and how each one does at each kind of step.

use std::{collections::HashMap, collections::VecDeque, time::Duration};

use agentd_base::{AgentId, AttemptKey, Role};
use agentd_workflow::Action;

use crate::{
    assign::Load,
    sabotage::{Point, is},
};

/// Newest attempts of one kind that the judgement looks at.
const WINDOW: usize = 16;

/// Attempts below which there is no judgement: one slow first step says little.
const LEAST: usize = 3;

/// When an agent counts as overloaded for a kind of step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverloadLimits {
    /// Mean wall time above this.
    pub mean: Duration,
    /// Share of successes below this, 0 to 1.
    pub success: f64,
}

#[cfg(test)]
impl Default for OverloadLimits {
    fn default() -> Self {
        Self { mean: Duration::from_secs(3), success: 0.8 }
    }
}

/// What one agent may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Duty {
    pub agent: AgentId,
    pub can: Vec<Action>,
    pub slots: u32,
}

/// One agent's books.
#[derive(Debug)]
pub(crate) struct Member {
    pub duty: Duty,
    pub generation: u32,
    pub held: Vec<AttemptKey>,
    pub succeeded: u64,
    pub failed: u64,
    pub busy: Duration,
    /// It gets nothing: it is silent and has no new thread, or did not take a step.
    away: bool,
    /// It holds a step that runs apart from others.
    apart: bool,
    /// Kinds of step at which it does badly.
    overloaded: Vec<Action>,
    recent: HashMap<Action, VecDeque<(Duration, bool)>>,
}

/// All twelve.
#[derive(Debug)]
pub(crate) struct Roster {
    members: Vec<Member>,
    limits: OverloadLimits,
}

impl Roster {
    pub(crate) fn new(duties: Vec<Duty>, limits: OverloadLimits) -> Self {
        let member = |duty| Member {
            duty,
            generation: 1,
            held: Vec::new(),
            succeeded: 0,
            failed: 0,
            busy: Duration::ZERO,
            away: false,
            apart: false,
            overloaded: Vec::new(),
            recent: HashMap::new(),
        };
        Self { members: duties.into_iter().map(member).collect(), limits }
    }

    pub(crate) fn member(&self, agent: AgentId) -> Option<&Member> {
        self.members.iter().find(|member| member.duty.agent == agent)
    }

    fn member_mut(&mut self, agent: AgentId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.duty.agent == agent)
    }

    /// The twelve as the assignment sees them.
    pub(crate) fn loads(&self) -> Vec<Load<'_>> {
        fn load(member: &Member) -> Load<'_> {
            let held = u32::try_from(member.held.len()).unwrap_or(u32::MAX);
            Load {
                agent: member.duty.agent,
                can: &member.duty.can,
                free: if member.away || member.apart { 0 } else { member.duty.slots.saturating_sub(held) },
                held,
                overloaded: &member.overloaded,
            }
        }
        self.members.iter().map(load).collect()
    }

    fn judge(limits: OverloadLimits, recent: &HashMap<Action, VecDeque<(Duration, bool)>>) -> Vec<Action> {
        let bad = |runs: &VecDeque<(Duration, bool)>| {
            let count = runs.len();
            let total: Duration = runs.iter().map(|(took, _)| *took).sum();
            let good = runs.iter().filter(|(_, success)| *success).count();
            // At most WINDOW runs: exact in f64.
            #[allow(clippy::cast_precision_loss, reason = "numbers up to 16")]
            let share = good as f64 / count as f64;
            let mean = total / u32::try_from(count).unwrap_or(u32::MAX);
            count >= LEAST && (mean > limits.mean || share < limits.success)
        };
        let mut actions: Vec<Action> = recent.iter().filter(|(_, runs)| bad(runs)).map(|(action, _)| *action).collect();
        actions.sort_unstable();
        actions
    }

    /// Puts an attempt into an agent's hands; if it runs `apart`, the agent gets nothing else beside it.
    pub(crate) fn give(&mut self, agent: AgentId, key: AttemptKey, apart: bool) {
        if let Some(member) = self.member_mut(agent) {
            member.apart = apart;
            member.held.push(key);
        }
    }

    /// Takes an attempt off an agent's hands. False: it did not hold it, so the report about it is late.
    pub(crate) fn take(&mut self, agent: AgentId, key: AttemptKey) -> bool {
        let Some(member) = self.member_mut(agent) else { return false };
        let before = member.held.len();
        member.held.retain(|held| *held != key);
        member.apart &= !member.held.is_empty();
        member.held.len() < before
    }

    /// Writes down how an attempt went.
    pub(crate) fn note(&mut self, agent: AgentId, action: Action, took: Duration, success: bool) {
        let limits = self.limits;
        let Some(member) = self.member_mut(agent) else { return };
        if success {
            member.succeeded += 1;
        } else {
            member.failed += 1;
        }
        member.busy += took;
        let runs = member.recent.entry(action).or_default();
        if runs.len() == WINDOW {
            runs.pop_front();
        }
        runs.push_back((took, success));
        member.overloaded = Self::judge(limits, &member.recent);
    }

    /// Who holds an attempt.
    pub(crate) fn holder(&self, key: AttemptKey) -> Option<AgentId> {
        self.members.iter().find(|member| member.held.contains(&key)).map(|member| member.duty.agent)
    }

    /// Starts a new generation of an agent and answers what the old one held.
    pub(crate) fn renew(&mut self, agent: AgentId) -> Vec<AttemptKey> {
        let Some(member) = self.member_mut(agent) else { return Vec::new() };
        member.generation += 1;
        (member.away, member.apart) = (false, false);
        std::mem::take(&mut member.held)
    }

    /// Kinds of step at which an agent does badly.
    pub(crate) fn overloaded(member: &Member) -> &[Action] {
        &member.overloaded
    }

    /// Takes an agent out of assignment, or back in.
    pub(crate) fn set_away(&mut self, agent: AgentId, away: bool) {
        if let Some(member) = self.member_mut(agent) {
            member.away = away && !is(Point::Away);
        }
    }

    /// Attempts in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.members.iter().map(|member| member.held.len()).sum()
    }

    /// The generation of an agent's present thread.
    pub(crate) fn generation(&self, agent: AgentId) -> u32 {
        self.member(agent).map_or(0, |member| member.generation)
    }

    /// The role of an agent, by name, for records.
    pub(crate) fn name(agent: AgentId) -> &'static str {
        Role::of(agent).map_or("?", Role::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let duty = Duty { agent: Role::Analyzer.agent(), can: vec![Action::Measure], slots: 2 };
        Roster::new(vec![duty], OverloadLimits::default())
    }

    #[test]
    fn slow_or_failing_agents_are_marked_and_recover() {
        let agent = Role::Analyzer.agent();
        let cases = [
            (Duration::from_millis(3_100), true, true),
            (Duration::from_millis(2_900), true, false),
            (Duration::from_millis(1), false, true),
        ];
        for (took, success, marked) in cases {
            let mut roster = roster();
            roster.note(agent, Action::Measure, took, success);
            assert!(roster.loads()[0].overloaded.is_empty(), "one run is no judgement");
            for _ in 0..3 {
                roster.note(agent, Action::Measure, took, success);
            }
            assert_eq!(roster.loads()[0].overloaded == [Action::Measure], marked, "{took:?} {success}");
            for _ in 0..WINDOW {
                roster.note(agent, Action::Measure, Duration::from_millis(1), true);
            }
            assert!(roster.loads()[0].overloaded.is_empty(), "good runs push the bad ones out");
        }
    }

    #[test]
    fn slots_are_counted_and_late_reports_are_told_apart() {
        let agent = Role::Analyzer.agent();
        let mut roster = roster();
        let key = AttemptKey { task: agentd_base::TaskId::from_parts(1, 1), step: agentd_base::StepId(0), attempt: 1 };
        roster.give(agent, key, false);
        assert_eq!((roster.loads()[0].free, roster.holder(key)), (1, Some(agent)));
        assert_eq!(roster.renew(agent), vec![key]);
        assert!(!roster.take(agent, key), "the new generation does not hold it");
        assert_eq!(roster.loads()[0].free, 2);
        roster.give(agent, key, true);
        assert_eq!(roster.loads()[0].free, 0, "nothing beside a step that runs apart");
        assert!(roster.take(agent, key));
        assert_eq!(roster.loads()[0].free, 2);
        for away in [true, false] {
            roster.set_away(agent, away);
            assert_eq!(roster.loads()[0].free == 0, away);
        }
    }
}
