//! Workflows that come with the program, until the workflow language does.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use agentd_base::{Role, StepId, Text};

use crate::{Action, Graph, StepSpec, drill};

/// Longest time that one step of the analysis may take. A repository of 200,000 files is surveyed in seconds; an hour
/// without an end means that something hangs.
const ANALYSIS_LIMIT: Duration = Duration::from_secs(3_600);

/// A no-op that takes longer than this is stuck.
const NOOP_LIMIT: Duration = Duration::from_secs(10);

/// A workflow by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkflowName {
    /// Finds out what a repository is, how it is built and where it is heavy. Needs no model.
    Analyze,
    /// One step that does nothing: measures the daemon itself.
    Noop,
    /// Forty steps that only wait: measures what the engine adds to a graph.
    Drill,
}

impl WorkflowName {
    /// The name, as users write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Noop => "noop",
            Self::Drill => "drill",
        }
    }

    /// Whether a task of this workflow is about a folder.
    #[must_use]
    pub const fn needs_workspace(self) -> bool {
        matches!(self, Self::Analyze)
    }
}

impl fmt::Display for WorkflowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WorkflowName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "analyze" => Ok(Self::Analyze),
            "noop" => Ok(Self::Noop),
            "drill" => Ok(Self::Drill),
            other => Err(format!("there is no workflow `{other}`; this version has `analyze`, `noop` and `drill`")),
        }
    }
}

/// The graph of a workflow, made once.
#[must_use]
pub fn builtin(workflow: WorkflowName) -> Arc<Graph> {
    static GRAPHS: LazyLock<[Arc<Graph>; 3]> =
        LazyLock::new(|| [WorkflowName::Analyze, WorkflowName::Noop, WorkflowName::Drill].map(make));
    Arc::clone(&GRAPHS[workflow as usize])
}

fn make(workflow: WorkflowName) -> Arc<Graph> {
    let steps = match workflow {
        WorkflowName::Noop => vec![spec("noop", Role::Coordinator, Action::Noop, &[], NOOP_LIMIT)],
        WorkflowName::Drill => drill::steps(),
        WorkflowName::Analyze => vec![
            spec("survey", Role::Researcher, Action::Survey, &[], ANALYSIS_LIMIT),
            spec("project", Role::Integrator, Action::Project, &[0], ANALYSIS_LIMIT),
            spec("history", Role::Researcher, Action::History, &[0], ANALYSIS_LIMIT),
            // Imports can be resolved only once the project's packages are known.
            spec("measure", Role::Analyzer, Action::Measure, &[0, 1], ANALYSIS_LIMIT),
            spec("structure", Role::Architect, Action::Structure, &[0, 3], ANALYSIS_LIMIT),
            spec("duplicates", Role::Optimizer, Action::Duplicates, &[0, 3], ANALYSIS_LIMIT),
            spec("merge", Role::Synthesizer, Action::Merge, &[0, 1, 2, 3, 4, 5], ANALYSIS_LIMIT),
            spec("report", Role::Reporter, Action::Report, &[6], ANALYSIS_LIMIT),
        ],
    };
    Arc::new(Graph::new(steps).expect("the built-in graphs are valid, as a test holds"))
}

fn spec(name: &str, role: Role, action: Action, needs: &[u16], limit: Duration) -> StepSpec {
    StepSpec { name: Text::new(name), role, action, needs: needs.iter().map(|&need| StepId(need)).collect(), limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_graphs_are_valid_and_named() {
        for workflow in [WorkflowName::Analyze, WorkflowName::Noop, WorkflowName::Drill] {
            assert_eq!(builtin(workflow), make(workflow), "the one of its name");
            assert_eq!(workflow.name().parse(), Ok(workflow));
        }
        assert!("bake".parse::<WorkflowName>().unwrap_err().contains("`bake`"));
    }
}
