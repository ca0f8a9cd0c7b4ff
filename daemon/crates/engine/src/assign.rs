//! Who does what: pure. Role first, then a neighbour of the same core class that may do the work, then age; an agent that
//! does badly at this kind of step comes last.

use agentd_base::{AgentId, CoreClass, Role};
use agentd_workflow::Action;

/// A step that may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Who it asks for.
    pub role: Role,
    /// What is to be done.
    pub action: Action,
    /// Whom the submitter would like.
    pub prefer: Option<Role>,
    /// It runs beside no other step.
    pub apart: bool,
}

/// An agent as the assignment sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load<'a> {
    /// Who.
    pub agent: AgentId,
    /// What it can do.
    pub can: &'a [Action],
    /// Steps that it may still take.
    pub free: u32,
    /// Steps that it holds.
    pub held: u32,
    /// Actions at which it does badly.
    pub overloaded: &'a [Action],
}

/// Gives steps to agents: `steps` in the order of their urgency, `loads` as of now. Answers the place of each step that
/// gets an agent, with the agent; steps without one wait. The slots given away are taken off `loads`.
pub(crate) fn assign(steps: &[Candidate], loads: &mut [Load<'_>]) -> Vec<(usize, AgentId)> {
    let mut given = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if loads.iter().all(|load| load.free == 0) {
            break;
        }
        let Some(load) = choose(*step, loads) else {
            if step.apart {
                reserve(*step, loads);
            }
            continue;
        };
        load.free = if step.apart { 0 } else { load.free - 1 };
        load.held += 1;
        given.push((place, load.agent));
    }
    given
}

fn choose<'l, 'a>(step: Candidate, loads: &'l mut [Load<'a>]) -> Option<&'l mut Load<'a>> {
    loads
        .iter_mut()
        .filter(|load| load.free > 0 && (load.held == 0 || !step.apart))
        .filter(|load| load.can.contains(&step.action) && class_of(load) == Some(step.role.class()))
        .min_by_key(|load| rank(step, load))
}

/// Nobody is empty for a step that has to run apart: who is nearest to it takes nothing more, so that one will be.
fn reserve(step: Candidate, loads: &mut [Load<'_>]) {
    let eligible = |load: &&mut Load<'_>| load.can.contains(&step.action) && class_of(load) == Some(step.role.class());
    if let Some(load) = loads.iter_mut().filter(eligible).min_by_key(|load| (load.held, load.agent)) {
        load.free = 0;
    }
}

fn class_of(load: &Load<'_>) -> Option<CoreClass> {
    Role::of(load.agent).map(Role::class)
}

/// Smaller is better.
fn rank(step: Candidate, load: &Load<'_>) -> (bool, bool, bool, u32, AgentId) {
    let role = Role::of(load.agent);
    (load.overloaded.contains(&step.action), role != step.prefer, role != Some(step.role), load.held, load.agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(role: Role, can: &[Action], free: u32) -> Load<'_> {
        Load { agent: role.agent(), can, free, held: 0, overloaded: &[] }
    }

    fn step(role: Role, action: Action) -> Candidate {
        Candidate { role, action, prefer: None, apart: false }
    }

    fn names(given: Vec<(usize, AgentId)>) -> Vec<(usize, Role)> {
        given.into_iter().map(|(place, agent)| (place, Role::of(agent).unwrap())).collect()
    }

    #[test]
    fn role_first_then_a_neighbour_then_waiting() {
        let survey = step(Role::Researcher, Action::Survey);
        let mut loads = [load(Role::Architect, &[Action::Survey], 1), load(Role::Researcher, &[Action::Survey], 1)];
        let given = assign(&[survey; 3], &mut loads);
        assert_eq!(names(given), [(0, Role::Researcher), (1, Role::Architect)]);
    }

    #[test]
    fn the_core_class_is_never_left() {
        let mut loads = [load(Role::Reporter, &[Action::Survey], 5)];
        assert_eq!(assign(&[step(Role::Researcher, Action::Survey)], &mut loads), []);
    }

    #[test]
    fn a_step_nobody_can_do_does_not_hold_up_the_next() {
        let mut loads = [load(Role::Analyzer, &[Action::Measure], 1)];
        let steps = [step(Role::Researcher, Action::Survey), step(Role::Analyzer, Action::Measure)];
        assert_eq!(names(assign(&steps, &mut loads)), [(1, Role::Analyzer)]);
    }

    #[test]
    fn overloaded_agents_come_last_even_for_their_own_role() {
        let mut own = load(Role::Researcher, &[Action::Survey], 2);
        own.overloaded = &[Action::Survey];
        let mut loads = [own, load(Role::Architect, &[Action::Survey], 1)];
        let given = assign(&[step(Role::Researcher, Action::Survey); 2], &mut loads);
        assert_eq!(names(given), [(0, Role::Architect), (1, Role::Researcher)]);
    }

    #[test]
    fn advice_wins_over_role_but_not_over_overload() {
        let wish = Candidate { prefer: Some(Role::Monitor), ..step(Role::Coordinator, Action::Noop) };
        let mut loads = [load(Role::Coordinator, &[Action::Noop], 1), load(Role::Monitor, &[Action::Noop], 1)];
        assert_eq!(names(assign(&[wish], &mut loads.clone())), [(0, Role::Monitor)]);
        loads[1].overloaded = &[Action::Noop];
        assert_eq!(names(assign(&[wish], &mut loads)), [(0, Role::Coordinator)]);
    }

    #[test]
    fn a_step_that_runs_apart_is_not_overtaken_for_ever() {
        let apart = Candidate { apart: true, ..step(Role::Analyzer, Action::Measure) };
        let next = step(Role::Analyzer, Action::Measure);
        let mut loads = [load(Role::Analyzer, &[Action::Measure], 1)];
        loads[0].held = 1;
        assert_eq!(assign(&[apart, next], &mut loads), [], "the slot stays free until the agent is empty");
        loads[0] = load(Role::Analyzer, &[Action::Measure], 2);
        assert_eq!(names(assign(&[apart, next], &mut loads)), [(0, Role::Analyzer)]);
    }

    #[test]
    fn load_spreads_over_neighbours() {
        let pause = step(Role::Optimizer, Action::Pause);
        let mut loads = [load(Role::Analyzer, &[Action::Pause], 2), load(Role::Architect, &[Action::Pause], 2)];
        let given = names(assign(&[pause; 4], &mut loads));
        assert_eq!(given.iter().filter(|(_, role)| *role == Role::Analyzer).count(), 2);
    }

    #[test]
    fn a_step_that_runs_apart_gets_an_agent_of_its_own() {
        let pause = step(Role::Optimizer, Action::Pause);
        let apart = Candidate { apart: true, ..pause };
        let mut loads = [load(Role::Analyzer, &[Action::Pause], 2), load(Role::Architect, &[Action::Pause], 2)];
        assert_eq!(
            names(assign(&[pause, apart, pause, pause], &mut loads)),
            [(0, Role::Analyzer), (1, Role::Architect), (2, Role::Analyzer)]
        );
        assert_eq!(names(assign(&[apart], &mut loads)), [], "nobody is free of others");
    }
}
