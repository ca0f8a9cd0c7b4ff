//! The drill: forty steps that only wait, in the shape of a product team (one plan, three designs, eight leads, twenty-four
//! developers, tests, two reviews, a release). It measures how much the engine adds to a graph, beside other engines that
//! ran the same one.

use std::time::Duration;

use agentd_base::{Role, StepId, Text};

use crate::{Action, StepSpec};

/// Name, role, milliseconds, needs. The critical path is 822 ms, everything one after another 2,787 ms.
const STEPS: [(&str, Role, u64, &[u16]); 40] = [
    ("pm", Role::Coordinator, 42, &[]),
    ("architect", Role::Architect, 29, &[0]),
    ("uiux_gui", Role::Researcher, 32, &[0]),
    ("uiux_cli", Role::Researcher, 142, &[0]),
    ("tl_api", Role::Coordinator, 20, &[1, 2, 3]),
    ("tl_core", Role::Coordinator, 82, &[1, 2, 3]),
    ("tl_data", Role::Coordinator, 73, &[1, 2, 3]),
    ("tl_net", Role::Coordinator, 69, &[1, 2, 3]),
    ("tl_ui", Role::Coordinator, 25, &[1, 2, 3]),
    ("tl_sec", Role::Coordinator, 43, &[1, 2, 3]),
    ("tl_ops", Role::Coordinator, 35, &[1, 2, 3]),
    ("tl_docs", Role::Documenter, 130, &[1, 2, 3]),
    ("dev_api_1", Role::Generator, 34, &[4]),
    ("dev_api_2", Role::Generator, 20, &[4]),
    ("dev_api_3", Role::Generator, 86, &[4]),
    ("dev_core_1", Role::Generator, 20, &[5]),
    ("dev_core_2", Role::Generator, 60, &[5]),
    ("dev_core_3", Role::Generator, 36, &[5]),
    ("dev_data_1", Role::Generator, 96, &[6]),
    ("dev_data_2", Role::Generator, 32, &[6]),
    ("dev_data_3", Role::Generator, 200, &[6]),
    ("dev_net_1", Role::Generator, 48, &[7]),
    ("dev_net_2", Role::Generator, 151, &[7]),
    ("dev_net_3", Role::Generator, 98, &[7]),
    ("dev_ui_1", Role::Generator, 81, &[8]),
    ("dev_ui_2", Role::Generator, 27, &[8]),
    ("dev_ui_3", Role::Generator, 102, &[8]),
    ("dev_sec_1", Role::Generator, 53, &[9]),
    ("dev_sec_2", Role::Generator, 60, &[9]),
    ("dev_sec_3", Role::Generator, 20, &[9]),
    ("dev_ops_1", Role::Generator, 117, &[10]),
    ("dev_ops_2", Role::Generator, 104, &[10]),
    ("dev_ops_3", Role::Generator, 43, &[10]),
    ("dev_docs_1", Role::Documenter, 52, &[11]),
    ("dev_docs_2", Role::Documenter, 76, &[11]),
    ("dev_docs_3", Role::Documenter, 58, &[11]),
    (
        "test",
        Role::Validator,
        200,
        &[12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35],
    ),
    ("cqr", Role::Optimizer, 26, &[36]),
    ("sr", Role::Analyzer, 85, &[36]),
    ("doe", Role::Monitor, 80, &[37, 38]),
];

/// The drill's steps.
pub(crate) fn steps() -> Vec<StepSpec> {
    let spec = |(name, role, ms, needs): &(&str, Role, u64, &[u16])| StepSpec {
        name: Text::new(*name),
        role: *role,
        action: Action::Pause,
        needs: needs.iter().map(|&need| StepId(need)).collect(),
        limit: Duration::from_millis(*ms),
    };
    STEPS.iter().map(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_in_the_comment_are_those_of_the_graph() {
        let mut ends = Vec::new();
        for (_, _, ms, needs) in STEPS {
            let begin: u64 = needs.iter().map(|&need| ends[usize::from(need)]).max().unwrap_or(0);
            ends.push(begin + ms);
        }
        assert_eq!(ends.iter().max(), Some(&822));
        assert_eq!(STEPS.iter().map(|(_, _, ms, _)| ms).sum::<u64>(), 2_787);
    }
}
