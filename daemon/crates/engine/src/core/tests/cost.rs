//! What a task costs the books: to be run under a counter of instructions, since times say little on a busy machine.

use super::*;
use bench::output;

/// No-op tasks, from the submit to the end, without disk and threads. `valgrind --tool=callgrind` on this test alone gives
/// the instructions; divide by the number.
#[test]
pub(super) fn two_thousand_tasks_from_submit_to_done() {
    let mut core = bench::books("1");
    let mut ended = 0;
    for number in 0..2_000 {
        let now = Now { wall: WallMs(1_000 + number), mono: MonoMs(1_000 + number) };
        let submit = Submit {
            request: Text::new("noop"),
            workspace: None,
            workflow: agentd_workflow::WorkflowName::Noop,
            key: None,
            priority: crate::view::Priority::Normal,
            hints: crate::view::Hints::default(),
            path: None,
        };
        core.submit(Token(number), TaskId::from_parts(1_000 + number, 0), submit, now);
        let out = turn(&mut core, now);
        let given = out.iter().find_map(|output| match output {
            Output::Assign(agent, assignment) => Some((*agent, assignment.key)),
            _ => None,
        });
        let (agent, key) = given.expect("it is given to an agent");
        core.finished(Origin { agent, generation: 1, key }, Ok(output()), Duration::ZERO, now);
        ended += turn(&mut core, now).iter().filter(|output| matches!(output, Output::Index(..))).count();
    }
    assert_eq!(ended, 2_000);
}

fn turn(core: &mut Core, now: Now) -> Vec<Output> {
    if let Some(batch) = core.end_turn(now) {
        core.durable(Seq(batch.first.0 + batch.records.len() as u64 - 1));
    }
    core.take_outputs()
}
