//! What each role can do. Every agent of a class holds the same code, so that a neighbour can take a step when the agent it
//! was meant for is busy or slow; what differs is what it is asked for first.

use agentd_base::{CoreClass, Role};
use agentd_workflow::Action;

/// Actions of a role, its own first, then those that it takes for its neighbours.
pub(crate) fn capabilities(role: Role) -> Vec<Action> {
    let class: &[Action] = match role.class() {
        CoreClass::Compute => &[
            Action::Survey,
            Action::Measure,
            Action::Project,
            Action::History,
            Action::Structure,
            Action::Duplicates,
            Action::Merge,
            Action::Noop,
            Action::Pause,
        ],
        CoreClass::Coordinator => &[Action::Noop, Action::Pause, Action::Report],
    };
    let own = own(role);
    own.into_iter().chain(class.iter().copied().filter(|action| own != Some(*action))).collect()
}

/// The action that a workflow asks this role for.
const fn own(role: Role) -> Option<Action> {
    match role {
        Role::Researcher => Some(Action::Survey),
        Role::Analyzer => Some(Action::Measure),
        Role::Integrator => Some(Action::Project),
        Role::Architect => Some(Action::Structure),
        Role::Optimizer => Some(Action::Duplicates),
        Role::Synthesizer => Some(Action::Merge),
        Role::Reporter => Some(Action::Report),
        Role::Generator | Role::Validator => None,
        Role::Coordinator | Role::Documenter | Role::Monitor => None,
    }
}

/// What people should know about a role; empty: nothing.
pub(crate) const fn note(role: Role) -> &'static str {
    match role {
        Role::Generator => "own work comes with templates and patches; takes pieces and steps of its neighbours",
        Role::Validator => "own work comes with test runs; takes pieces and steps of its neighbours",
        Role::Coordinator => "own work comes with strategies and approvals; takes steps of its neighbours",
        Role::Documenter => "own work comes with task documents; takes steps of its neighbours",
        Role::Monitor => "own work comes with watching hardware and backends; takes steps of its neighbours",
        Role::Analyzer
        | Role::Architect
        | Role::Integrator
        | Role::Optimizer
        | Role::Researcher
        | Role::Synthesizer
        | Role::Reporter => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn own_work_comes_first_and_nothing_twice() {
        for role in Role::ALL {
            let actions = capabilities(role);
            assert_eq!(actions.iter().collect::<HashSet<_>>().len(), actions.len(), "{role}");
            assert_eq!(own(role).is_none(), !note(role).is_empty(), "{role}: a role without own work says so");
            if let Some(own) = own(role) {
                assert_eq!(actions.first(), Some(&own), "{role}");
            }
        }
    }

    #[test]
    fn every_action_has_an_agent() {
        for &action in Action::ALL {
            assert!(Role::ALL.into_iter().any(|role| capabilities(role).contains(&action)), "{action}");
        }
    }
}
