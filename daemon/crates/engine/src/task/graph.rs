//! A task's graph, as it is written and read back.

use std::time::Duration;

use agentd_base::Text;
use agentd_workflow::{Graph, StepSpec};

use crate::{record, view::Priority};

pub(crate) const fn priority_of(number: u32) -> Priority {
    match number {
        0 => Priority::Low,
        1 => Priority::Normal,
        _ => Priority::High,
    }
}

/// The graph that a task was submitted with.
pub(crate) fn graph_of(entry: &record::Submitted) -> Result<Graph, String> {
    let spec = |step: &record::StepRecord| -> Result<StepSpec, String> {
        Ok(StepSpec {
            name: Text::new(step.name.clone()),
            role: step.role.parse()?,
            action: step.action.parse()?,
            needs: step.needs.iter().map(|&need| record::step_id(need)).collect(),
            limit: Duration::from_millis(step.limit_ms),
        })
    };
    let steps = entry.steps.iter().map(spec).collect::<Result<Vec<_>, _>>()?;
    Graph::new(steps).map_err(|error| error.to_string())
}

/// A graph as it is written.
pub(crate) fn step_records(graph: &Graph) -> Vec<record::StepRecord> {
    let record = |spec: &StepSpec| record::StepRecord {
        name: spec.name.to_string(),
        role: spec.role.name().to_owned(),
        action: spec.action.name().to_owned(),
        needs: spec.needs.iter().map(|need| u32::from(need.0)).collect(),
        limit_ms: u64::try_from(spec.limit.as_millis()).unwrap_or(u64::MAX),
    };
    graph.steps().iter().map(record).collect()
}
