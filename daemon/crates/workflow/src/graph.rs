//! What a task consists of: steps, the role each asks for, and which must succeed first.

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use agentd_base::{Role, StepId, Text};

/// Most steps that a graph may have.
pub const MAX_STEPS: usize = 1_000;

macro_rules! actions {
    ($($variant:ident $name:literal: $doc:literal),+ $(,)?) => {
        /// What a step does. Agents hold one function per action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $(#[doc = $doc] $variant),+ }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as in the journal and in `agents`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

actions! {
    Noop "noop": "Nothing at all: measures the way there and back.",
    Pause "pause": "Waits for as long as the step's time limit says, without computing.",
    Survey "survey": "Chooses the files of a workspace.",
    Measure "measure": "Parses the files and measures their functions, scattered over all compute agents.",
    Project "project": "Reads the project's manifests and lock files: name, entry points, build and test commands, dependencies.",
    History "history": "Asks git what the last commits changed.",
    Structure "structure": "Builds the import graph and finds its cycles.",
    Duplicates "duplicates": "Finds blocks of code that stand in several places.",
    Merge "merge": "Merges all findings into one report.",
    Report "report": "Renders the report.",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.name() == text)
            .ok_or_else(|| format!("this version of agentd knows no action `{text}`"))
    }
}

/// One node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpec {
    /// Name within the task, e.g. `survey`.
    pub name: Text<64>,
    /// Who should do it.
    pub role: Role,
    /// What is done.
    pub action: Action,
    /// Steps that must succeed first.
    pub needs: Vec<StepId>,
    /// Longest time of one attempt, time asleep not counted.
    pub limit: Duration,
}

/// A checked graph: names differ, every need exists, no cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    steps: Vec<StepSpec>,
}

/// Why a list of steps is no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No step at all.
    #[error("the graph has no step; give it at least one")]
    Empty,
    /// More than [`MAX_STEPS`].
    #[error("the graph has {0} steps, at most {MAX_STEPS} are allowed; split the task")]
    TooManySteps(usize),
    /// Two steps of one name.
    #[error("two steps are called `{0}`; give each its own name")]
    DuplicateName(String),
    /// A need that names no step.
    #[error("step `{step}` needs step number {need}, which does not exist")]
    UnknownNeed {
        /// The step.
        step: String,
        /// The number it names.
        need: u16,
    },
    /// Steps that wait for each other.
    #[error("step `{0}` waits for itself through its needs; remove one of them")]
    Cycle(String),
}

impl Graph {
    /// Checks `steps`; a step's number is its place in the list.
    ///
    /// # Errors
    /// All of [`GraphError`].
    pub fn new(steps: Vec<StepSpec>) -> Result<Self, GraphError> {
        if steps.is_empty() {
            return Err(GraphError::Empty);
        }
        if steps.len() > MAX_STEPS {
            return Err(GraphError::TooManySteps(steps.len()));
        }
        let mut names = HashSet::new();
        for step in &steps {
            if !names.insert(step.name.as_str()) {
                return Err(GraphError::DuplicateName(step.name.to_string()));
            }
            if let Some(need) = step.needs.iter().find(|need| need.index() >= steps.len()) {
                return Err(GraphError::UnknownNeed { step: step.name.to_string(), need: need.0 });
            }
        }
        let graph = Self { steps };
        graph.refuse_cycles()?;
        Ok(graph)
    }

    /// The steps, in order of their numbers.
    #[must_use]
    pub fn steps(&self) -> &[StepSpec] {
        &self.steps
    }

    /// One step; `None` for a number that the graph does not have.
    #[must_use]
    pub fn step(&self, id: StepId) -> Option<&StepSpec> {
        self.steps.get(id.index())
    }

    /// Numbers of all steps.
    pub fn ids(&self) -> impl Iterator<Item = StepId> + use<> {
        // MAX_STEPS fits into u16, and `new` is the only way to make a graph.
        (0..self.steps.len()).map(|index| StepId(u16::try_from(index).unwrap_or(u16::MAX)))
    }

    /// Kahn's algorithm: takes away steps without open needs until none is left, or only a cycle is.
    fn refuse_cycles(&self) -> Result<(), GraphError> {
        let mut done = vec![false; self.steps.len()];
        loop {
            let mut progress = false;
            for (index, step) in self.steps.iter().enumerate() {
                if !done[index] && step.needs.iter().all(|need| done[need.index()]) {
                    done[index] = true;
                    progress = true;
                }
            }
            if !progress {
                break;
            }
        }
        match done.iter().position(|finished| !finished) {
            Some(index) => Err(GraphError::Cycle(self.steps[index].name.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, needs: &[u16]) -> StepSpec {
        StepSpec {
            name: Text::new(name),
            role: Role::Analyzer,
            action: Action::Noop,
            needs: needs.iter().map(|&need| StepId(need)).collect(),
            limit: Duration::from_secs(1),
        }
    }

    #[test]
    fn bad_graphs_are_refused_by_name() {
        assert_eq!(Graph::new(vec![]), Err(GraphError::Empty));
        assert_eq!(Graph::new(vec![step("a", &[]), step("a", &[])]), Err(GraphError::DuplicateName("a".into())));
        let unknown = GraphError::UnknownNeed { step: "a".into(), need: 7 };
        assert_eq!(Graph::new(vec![step("a", &[7])]), Err(unknown));
        assert_eq!(Graph::new(vec![step("a", &[0])]), Err(GraphError::Cycle("a".into())));
        assert!(matches!(
            Graph::new(vec![step("a", &[]), step("b", &[2]), step("c", &[1])]),
            Err(GraphError::Cycle(_))
        ));
        let many = (0..=MAX_STEPS).map(|n| step(&n.to_string(), &[])).collect();
        assert_eq!(Graph::new(many), Err(GraphError::TooManySteps(MAX_STEPS + 1)));
    }

    #[test]
    fn needs_may_point_forward() {
        assert!(Graph::new(vec![step("a", &[1]), step("b", &[])]).is_ok());
    }

    #[test]
    fn action_names_come_back() {
        for &action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(action));
        }
        assert!("dance".parse::<Action>().is_err());
    }
}
