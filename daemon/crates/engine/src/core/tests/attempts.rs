//! Faults around attempts that were found once: agents that are silent or refuse, intents that cannot be written or read, a
//! wait that a restart finds.

use agentd_base::ErrorClass;
use agentd_workflow::StepState;

use super::*;

#[test]
pub(super) fn an_agent_without_a_new_thread_gets_nothing_and_keeps_what_it_has() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    let silent = bench.held(0);
    bench.core.agent_away(silent.agent, true);
    for _ in 0..6 {
        bench.submit(None);
    }
    bench.settle();
    assert_eq!(bench.agents.iter().filter(|(agent, _)| *agent == silent.agent).count(), 1, "only what it had");
    // The old thread comes back: what it says counts.
    bench.succeed(silent);
    assert!(bench.settle().iter().any(|output| matches!(output, Output::Index(..))));
    bench.core.agent_away(silent.agent, false);
    bench.submit(None);
    bench.submit(None);
    bench.settle();
    assert!(bench.agents.iter().any(|(agent, _)| *agent == silent.agent), "it gets work again");
}

#[test]
pub(super) fn an_agent_that_refuses_a_step_is_not_asked_again_at_once() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    let mut refused = Vec::new();
    // Nobody takes it: after the four there is nobody left, instead of a round at the speed of the disk.
    for _ in 0..4 {
        let from = bench.held(0);
        refused.push(from.agent);
        bench.agents.clear();
        bench.core.unassigned(from.agent, from.key, bench.now());
        bench.settle();
    }
    assert!(bench.agents.is_empty());
    refused.sort_unstable();
    refused.dedup();
    assert_eq!(refused.len(), 4, "each was asked once");
}

#[test]
pub(super) fn silences_are_counted_across_restarts_and_end_the_step() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    let mut boot = 1;
    for round in 1..=3 {
        bench.settle();
        let from = bench.held(0);
        bench.core.agent_silent(from.agent, false, bench.now());
        bench.settle();
        if round < 3 {
            boot += 1;
            bench = bench.again(&boot.to_string()).0;
        }
    }
    assert!(bench.core.task(Token(98), task));
    bench.core.end_turn(bench.now());
    let state = bench.take().into_iter().find_map(|output| match output {
        Output::Answer(_, Answer::Task(_, Ok(view))) => Some((view.state, view.summary)),
        _ => None,
    });
    let (state, summary) = state.expect("it was asked for");
    assert_eq!(state, TaskState::Failed);
    assert!(summary.contains("silent 3 times"), "{summary}");
}

#[test]
pub(super) fn a_step_that_was_beside_others_in_a_silence_runs_apart_afterwards() {
    let mut bench = Bench::new("1");
    for _ in 0..8 {
        bench.submit(None);
    }
    bench.settle();
    let silent = bench.held(0).agent;
    let held = |bench: &Bench, agent| bench.agents.iter().filter(|(holder, _)| *holder == agent).count();
    assert_eq!(held(&bench, silent), 2);
    bench.agents.retain(|(agent, _)| *agent != silent);
    bench.core.agent_silent(silent, false, bench.now());
    bench.settle();
    assert_eq!(held(&bench, silent), 1, "one of the two, and nothing beside it");
}

/// As in a mount that hangs: the agent that helps is silent, and what it holds beside had no part in it.
#[test]
pub(super) fn a_silence_in_the_piece_of_another_step_is_charged_to_nobody_who_was_beside() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    for _ in 0..agentd_workflow::MAX_SILENCES + 2 {
        bench.settle();
        let from = bench.held(0);
        bench.agents.clear();
        bench.core.agent_silent(from.agent, true, bench.now());
    }
    bench.settle();
    let run = bench.core.tasks[&task].flow.run(StepId(0));
    assert_eq!((run.silences, run.charged, run.apart), (0, 0, false), "{run:?}");
    let from = bench.held(0);
    bench.succeed(from);
    assert!(bench.settle().iter().any(|output| matches!(output, Output::Index(..))));
}

#[test]
pub(super) fn an_intent_that_cannot_be_written_is_answered() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    let path = std::path::PathBuf::from(std::ffi::OsStr::from_bytes(b"tasks/\xff"));
    let agentd_base::EffectIntent::WriteFile { after, .. } = intent(from.key);
    let intent = agentd_base::EffectIntent::WriteFile { path, before: None, after };
    bench.core.intend(Token(98), from, &intent, bench.now());
    let answered = bench.take().into_iter().find_map(|output| match output {
        Output::Granted(Token(98), result) => Some(result.map_err(|fault| fault.class)),
        _ => None,
    });
    assert_eq!(answered, Some(Err(ErrorClass::Invalid)));
}

#[test]
pub(super) fn an_intent_that_cannot_be_read_is_refused_at_the_start() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.settle();
    let words = || (0, "noop".to_owned(), 1, "{\"kind\":\"launch\"}".to_owned());
    let (step, name, attempt, intent) = words();
    let intended: Entry = record::EffectIntended { step, name, attempt, intent }.into();
    let (step, name, attempt, intent) = words();
    let done: Entry = record::EffectDone { step, name, attempt, intent }.into();
    for entry in [intended, done] {
        let mut records = bench.records();
        records.push(after(&records, &entry, Some(task)));
        let error = bench::books("1").restore(None, records, None, bench.now()).expect_err("it is not understood");
        assert!(matches!(error, Error::Unfit { .. }) && error.to_string().contains("`noop`"), "{error}");
    }
}

#[test]
pub(super) fn a_restart_keeps_the_wait_that_was_recorded() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.settle();
    let failed = record::Failed {
        step: 0,
        name: "noop".to_owned(),
        attempt: 1,
        class: "unavailable".to_owned(),
        message: "x".to_owned(),
        retry_in_ms: Some(123_456),
    };
    let mut records = bench.records();
    records.push(after(&records, &failed.into(), Some(task)));
    let mut core = bench::books("1");
    core.restore(None, records, None, bench.now()).unwrap();
    let at = MonoMs(bench.time + 123_456);
    assert_eq!(core.tasks[&task].flow.run(StepId(0)).state, StepState::Backoff(at));
    assert_eq!(core.next_timer(), Some(at));
}
