//! Clocks: hours asleep with steps in flight, and a wall clock that is set back or forward by a day while work goes on.

use agentd_agents::StepFault;
use agentd_base::{ErrorClass, MonoMs, Text};

use super::*;
use crate::{
    record::Entry,
    view::{Hints, Priority},
};
use agentd_workflow::WorkflowName;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

#[test]
fn a_suspect_that_slept_is_not_believed_for_it() {
    for (slept, believed) in [(true, false), (false, true)] {
        let mut bench = Bench::new("1");
        bench.submit(None);
        bench.submit(None);
        bench.settle();
        let (mut bench, restored) = bench.again("1");
        assert!(restored.unexplained);
        bench.settle();
        assert_eq!(bench.agents.len(), 1, "one suspect alone");
        if slept {
            bench.core.slept(Duration::from_millis(8 * HOUR));
        }
        bench.wait(8 * HOUR);
        bench.settle();
        let beside = bench.agents.len() > 1;
        assert_eq!(beside, believed, "it ran for no time, or for all of it");
        bench.wait(31_000);
        bench.settle();
        assert_eq!(bench.agents.len(), 2, "awake it is believed in the usual time");
    }
}

/// A step that fails with a fault that may pass; when it is due again.
fn fail(bench: &mut Bench) -> MonoMs {
    bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    bench.agents.clear();
    let fault = StepFault::new(ErrorClass::Unavailable, Text::<1024>::new("not now").as_str());
    bench.core.finished(from, Err(fault), Duration::ZERO, bench.now());
    // The record waits for company; timers are not looked at meanwhile.
    bench.time += 101;
    bench.settle();
    assert!(bench.agents.is_empty(), "it waits before the next try");
    bench.core.timers.first().expect("a try is due later").0
}

#[test]
fn after_eight_hours_asleep_what_waited_for_its_time_is_due() {
    let mut bench = Bench::new("1");
    let due = fail(&mut bench);
    bench.core.slept(Duration::from_millis(8 * HOUR));
    // The next wake-up of the engine, whenever that is: the clock for deadlines counts sleep.
    bench.wait(8 * HOUR);
    assert!(due < bench.now().mono);
    bench.settle();
    let keys: Vec<u32> = bench.agents.iter().map(|(_, assignment)| assignment.key.attempt).collect();
    assert_eq!(keys, [2]);
    assert_eq!(bench.core.counters().replaced_agents, 0);
}

#[test]
fn a_wall_clock_that_jumps_by_a_day_makes_nothing_early_or_late() {
    for wall in [0, 1_000, 5 * DAY] {
        let mut bench = Bench::new("1");
        let due = fail(&mut bench);
        let at = |mono: u64| Now { wall: WallMs(wall), mono: MonoMs(mono) };
        bench.core.tick(at(due.0 - 1));
        let early = bench.core.end_turn(at(due.0 - 1));
        assert!(early.is_none() && bench.take().is_empty(), "wall clock at {wall}: not yet");
        bench.core.tick(at(due.0));
        let batch = bench.core.end_turn(at(due.0)).expect("the next try is recorded");
        let started = |record: &&Record| matches!(Entry::of_record(record), Ok(Entry::Started(_)));
        let records: Vec<_> = batch.records.iter().filter(started).collect();
        assert_eq!(records.len(), 1, "wall clock at {wall}: due to the millisecond");
        assert_eq!(records[0].wall_ms, wall, "told as the clock says");
    }
}

#[test]
fn a_task_that_ends_before_it_began_is_told_as_it_is_and_its_steps_keep_their_times() {
    let mut bench = Bench::new("1");
    let (token, id) = (bench.token(), TaskId::from_parts(3 * DAY, 1));
    let submit = Submit {
        request: Text::new("noop"),
        workspace: None,
        workflow: WorkflowName::Noop,
        key: None,
        priority: Priority::Normal,
        hints: Hints::default(),
        path: None,
    };
    bench.core.submit(token, id, submit, Now { wall: WallMs(3 * DAY), mono: MonoMs(1_000) });
    bench.settle();
    let from = bench.held(0);
    let took = Duration::from_millis(1_500);
    let later = Now { wall: WallMs(2 * DAY), mono: MonoMs(2_500) };
    bench.core.finished(from, Ok(bench::output()), took, later);
    bench.time = 2_500;
    let out = bench.settle();
    let view = out.iter().find_map(|output| match output {
        Output::Index(view, ..) => Some(view),
        _ => None,
    });
    let view = view.expect("it ended");
    assert_eq!((view.submitted, view.state), (WallMs(3 * DAY), TaskState::Succeeded));
    assert!(view.ended.is_some_and(|ended| ended <= view.submitted));
    assert_eq!(view.steps[0].took, took, "of a clock that nobody sets");
}

#[test]
fn a_start_knows_the_newest_name_so_that_later_ones_sort_behind_it() {
    let mut bench = Bench::new("1");
    assert_eq!(bench.core.newest_task(), None);
    let ended = bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    bench.succeed(from);
    bench.settle();
    let (bench, _) = bench.again("1");
    assert_eq!(bench.core.newest_task(), Some(ended), "also of one that has ended");
    // Drawn by a clock that was set back: as the shell names it, behind all that are there.
    assert!(TaskId::from_parts(0, 7).after(ended) > ended);
}

#[test]
pub(super) fn the_newest_name_outlives_the_segment_in_which_its_task_ended() {
    let mut bench = Bench::new("1");
    let submit = |bench: &mut Bench| {
        let task = bench.submit(None);
        bench.settle();
        task
    };
    let [.., newest] = [submit(&mut bench), submit(&mut bench), submit(&mut bench)];
    let end = |bench: &mut Bench, task: usize| {
        let from = bench.held(task);
        bench.succeed(from);
        bench.settle();
    };
    end(&mut bench, 2);
    // In each life a segment begins with the end of an older task: in the first one after the newest has ended, in the
    // second one without anybody who saw it.
    for open in [1, 0] {
        bench.rolled = false;
        bench.core.roll_soon();
        end(&mut bench, 0);
        assert!(bench.rolled);
        let (again, restored) = bench.again("1");
        assert_eq!((restored.open, again.core.newest_task()), (open, Some(newest)));
        bench = again;
        bench.settle();
    }
}
