//! Tables of events and what must follow, and a random walk that must always come to an end.

use std::sync::Arc;

use super::*;
use crate::{Graph, StepRun, WorkflowName, builtin};

const NOW: MonoMs = MonoMs(1_000);

fn task(workflow: WorkflowName) -> TaskState {
    TaskState::new(builtin(workflow))
}

/// One step, then two at the same time.
fn fork() -> TaskState {
    let template = builtin(WorkflowName::Noop).steps()[0].clone();
    let spec = |name: &str, needs: &[u16]| crate::StepSpec {
        name: Text::new(name),
        needs: needs.iter().map(|&need| StepId(need)).collect(),
        ..template.clone()
    };
    TaskState::new(Arc::new(Graph::new(vec![spec("a", &[]), spec("b", &[0]), spec("c", &[0])]).unwrap()))
}

fn step(state: &mut TaskState, event: Event) -> Vec<Decision> {
    decide(state, &event, NOW, &mut Rng::new(7))
}

fn succeed(state: &mut TaskState, number: u16) -> Vec<Decision> {
    let id = StepId(number);
    let attempt = state.run(id).attempts + 1;
    step(state, Event::Started { step: id, attempt });
    step(state, Event::Succeeded { step: id, attempt })
}

fn failure(number: u16, attempt: u32, class: ErrorClass) -> Event {
    Event::Failed { step: StepId(number), attempt, class, message: Text::new("it broke"), wait: None }
}

#[test]
fn analyze_runs_in_the_order_of_its_needs() {
    let mut state = task(WorkflowName::Analyze);
    let mut decisions = step(&mut state, Event::Submitted);
    assert_eq!(decisions, vec![Decision::Ready(StepId(0))], "everything needs the choice of files");
    let (mut ready, mut done) = (Vec::new(), Vec::new());
    while decisions != [Decision::End(Outcome::Succeeded)] {
        ready.extend(decisions.iter().map(|decision| match decision {
            Decision::Ready(step) => *step,
            other => panic!("{other:?} after {done:?}"),
        }));
        let next = ready.pop().expect("either a step is ready or the task has ended");
        let needs = &state.graph.step(next).unwrap().needs;
        assert!(needs.iter().all(|need| done.contains(need)), "{next:?} after {done:?}");
        done.push(next);
        decisions = succeed(&mut state, next.0);
    }
    assert_eq!(done.len(), state.graph.steps().len());
    assert_eq!(step(&mut state, Event::CancelRequested), vec![], "nothing happens after the end");
}

#[test]
fn passing_faults_are_tried_again_until_the_tries_are_used_up() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    for attempt in 1..MAX_ATTEMPTS {
        step(&mut state, Event::Started { step: StepId(0), attempt });
        let decisions = step(&mut state, failure(0, attempt, ErrorClass::Unavailable));
        assert!(matches!(decisions[..], [Decision::Wake { at, .. }] if at >= NOW), "{decisions:?}");
        assert_eq!(step(&mut state, Event::Due { step: StepId(0) }), vec![Decision::Ready(StepId(0))]);
    }
    step(&mut state, Event::Started { step: StepId(0), attempt: MAX_ATTEMPTS });
    let end = step(&mut state, failure(0, MAX_ATTEMPTS, ErrorClass::Unavailable));
    assert!(matches!(end[..], [Decision::End(Outcome::Failed { class: ErrorClass::Unavailable, .. })]), "{end:?}");
}

#[test]
fn a_step_waits_for_room_on_the_disk_for_as_long_as_it_takes() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    for attempt in 1..(10 * MAX_ATTEMPTS) {
        step(&mut state, Event::Started { step: StepId(0), attempt });
        let decisions = step(&mut state, failure(0, attempt, ErrorClass::Disk));
        assert!(matches!(decisions[..], [Decision::Wake { at, .. }] if at > NOW), "{decisions:?}");
        assert_eq!(state.run(StepId(0)).charged, 0, "nobody is charged for it");
        assert_eq!(step(&mut state, Event::Due { step: StepId(0) }), vec![Decision::Ready(StepId(0))]);
    }
    assert_eq!(succeed(&mut state, 0), vec![Decision::End(Outcome::Succeeded)]);
}

#[test]
fn lasting_faults_end_the_task_and_stop_its_other_steps() {
    let mut state = fork();
    step(&mut state, Event::Submitted);
    succeed(&mut state, 0);
    step(&mut state, Event::Started { step: StepId(1), attempt: 1 });
    step(&mut state, Event::Started { step: StepId(2), attempt: 1 });
    assert_eq!(step(&mut state, failure(1, 1, ErrorClass::Denied)), vec![Decision::Stop(StepId(2))]);
    let end = step(&mut state, Event::Suspended { step: StepId(2), silence: Silence::None });
    assert!(matches!(end[..], [Decision::End(Outcome::Failed { step: StepId(1), .. })]), "{end:?}");
}

#[test]
fn cancel_stops_what_runs_and_ends_what_waits() {
    let mut state = task(WorkflowName::Analyze);
    step(&mut state, Event::Submitted);
    assert_eq!(
        step(&mut state.clone(), Event::CancelRequested),
        vec![Decision::End(Outcome::Cancelled)],
        "nothing in flight"
    );
    step(&mut state, Event::Started { step: StepId(0), attempt: 1 });
    assert_eq!(step(&mut state, Event::CancelRequested), vec![Decision::Stop(StepId(0))]);
    assert_eq!(
        step(&mut state, Event::Suspended { step: StepId(0), silence: Silence::None }),
        vec![Decision::End(Outcome::Cancelled)]
    );
}

#[test]
fn a_result_that_was_faster_than_the_cancel_counts() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    step(&mut state, Event::Started { step: StepId(0), attempt: 1 });
    step(&mut state, Event::CancelRequested);
    let end = step(&mut state, Event::Succeeded { step: StepId(0), attempt: 1 });
    assert_eq!(end, vec![Decision::End(Outcome::Succeeded)]);
}

#[test]
fn late_results_of_an_older_attempt_are_dropped() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    step(&mut state, Event::Started { step: StepId(0), attempt: 1 });
    assert_eq!(
        step(&mut state, Event::Suspended { step: StepId(0), silence: Silence::None }),
        vec![Decision::Ready(StepId(0))]
    );
    step(&mut state, Event::Started { step: StepId(0), attempt: 2 });
    assert_eq!(step(&mut state, Event::Succeeded { step: StepId(0), attempt: 1 }), vec![]);
    assert_eq!(state.run(StepId(0)).state, StepState::Running);
    assert_eq!(state.run(StepId(0)).charged, 0, "a suspended attempt is not charged");
}

#[test]
fn three_strikes_quarantine_a_step_and_deaths_without_a_strike_do_not() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    for attempt in 1..=10 {
        step(&mut state, Event::Started { step: StepId(0), attempt });
        let again = step(&mut state, Event::Died { step: StepId(0), strike: false });
        assert_eq!(again, vec![Decision::Ready(StepId(0))]);
    }
    for attempt in 11..13 {
        step(&mut state, Event::Started { step: StepId(0), attempt });
        step(&mut state, Event::Died { step: StepId(0), strike: true });
    }
    step(&mut state, Event::Started { step: StepId(0), attempt: 13 });
    let end = step(&mut state, Event::Died { step: StepId(0), strike: true });
    assert!(matches!(end[..], [Decision::End(Outcome::Failed { class: ErrorClass::Poison, .. })]), "{end:?}");
}

/// A step that takes its agent's thread costs a thread each time, so it is given up; one that was only beside it is not.
#[test]
fn three_silences_alone_end_a_step_and_those_beside_others_do_not() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    let mut attempt = 0;
    let mut silent = |state: &mut TaskState, silence| {
        attempt += 1;
        step(state, Event::Started { step: StepId(0), attempt });
        step(state, Event::Suspended { step: StepId(0), silence })
    };
    for silence in [Silence::None, Silence::Beside, Silence::Beside, Silence::Beside, Silence::Alone, Silence::Alone] {
        assert_eq!(silent(&mut state, silence), vec![Decision::Ready(StepId(0))], "{silence:?}");
        assert_eq!(state.run(StepId(0)).apart, silence != Silence::None, "{silence:?}");
    }
    let end = silent(&mut state, Silence::Alone);
    let [Decision::End(Outcome::Failed { class: ErrorClass::TimedOut, message, .. })] = &end[..] else {
        panic!("{end:?}")
    };
    assert!(message.contains("`noop`") && message.contains("3 times"), "{message}");
    assert_eq!(state.run(StepId(0)).charged, 0);
}

/// A write that the disk refuses, a thread that the system does not give: five tries take longer than such a thing lasts.
#[test]
fn what_the_machine_refused_is_given_time() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let (mut state, mut waited) = (task(WorkflowName::Noop), Duration::ZERO);
        decide(&mut state, &Event::Submitted, NOW, &mut rng);
        for attempt in 1..MAX_ATTEMPTS {
            decide(&mut state, &Event::Started { step: StepId(0), attempt }, NOW, &mut rng);
            let decisions = decide(&mut state, &failure(0, attempt, ErrorClass::Unavailable), NOW, &mut rng);
            let [Decision::Wake { at, .. }] = decisions[..] else { panic!("{decisions:?}") };
            waited += at.since(NOW);
            assert_eq!(state.run(StepId(0)).charged, attempt, "unlike room on the disk, it does not wait for ever");
            decide(&mut state, &Event::Due { step: StepId(0) }, NOW, &mut rng);
        }
        assert!(waited >= Duration::from_secs(35), "seed {seed}: all tries within {waited:?}");
    }
}

/// What is written is what happens: the wait of a replay is not drawn again.
#[test]
fn a_wait_that_was_decided_is_kept() {
    for class in [ErrorClass::Unavailable, ErrorClass::Disk] {
        let mut state = task(WorkflowName::Noop);
        step(&mut state, Event::Submitted);
        step(&mut state, Event::Started { step: StepId(0), attempt: 1 });
        let wait = Some(Duration::from_millis(123_456));
        let failed = Event::Failed { step: StepId(0), attempt: 1, class, message: Text::new("x"), wait };
        let at = MonoMs(NOW.0 + 123_456);
        assert_eq!(step(&mut state, failed), vec![Decision::Wake { step: StepId(0), at }]);
    }
}

/// The crash marker convicts a step also if others ran beside it, so the words must not say that it was alone.
#[test]
fn the_words_of_a_quarantine_are_true_of_a_marked_step_too() {
    let mut state = task(WorkflowName::Noop);
    step(&mut state, Event::Submitted);
    let mut end = Vec::new();
    for attempt in 1..=MAX_STRIKES {
        step(&mut state, Event::Started { step: StepId(0), attempt });
        end = step(&mut state, Event::Died { step: StepId(0), strike: true });
    }
    let [Decision::End(Outcome::Failed { message, .. })] = &end[..] else { panic!("{end:?}") };
    assert!(message.contains("`noop`") && !message.contains("only step"), "{message}");
}

#[test]
fn resume_names_what_is_left() {
    let mut state = fork();
    step(&mut state, Event::Submitted);
    succeed(&mut state, 0);
    let mut copy = state.clone();
    assert_eq!(resume(&mut copy), vec![Decision::Ready(StepId(1)), Decision::Ready(StepId(2))]);
    step(&mut state, Event::Started { step: StepId(1), attempt: 1 });
    assert_eq!(resume(&mut state), vec![Decision::Ready(StepId(2))], "what is in flight is not started twice");
}

/// Drives random graphs through random events; every walk must end, and a replay of its events must give the same state.
#[test]
fn random_walks_end_and_replay_to_the_same_state() {
    for seed in 0..2_000 {
        let mut rng = Rng::new(seed);
        let graph = random_graph(&mut rng);
        let mut state = TaskState::new(Arc::clone(&graph));
        let mut events = vec![Event::Submitted];
        decide(&mut state, &events[0], NOW, &mut Rng::new(1));
        let mut patience = 10_000;
        while state.ended.is_none() {
            patience -= 1;
            assert!(patience > 0, "seed {seed} does not end: {state:?}");
            let Some(event) = random_event(&state, &mut rng) else { panic!("seed {seed} is stuck: {state:?}") };
            decide(&mut state, &event, NOW, &mut Rng::new(1));
            events.push(event);
        }
        let mut replayed = TaskState::new(graph);
        for event in &events {
            decide(&mut replayed, event, NOW, &mut Rng::new(1));
        }
        assert_eq!(replayed, state, "seed {seed}");
    }
}

fn random_graph(rng: &mut Rng) -> Arc<Graph> {
    let template = builtin(WorkflowName::Noop).steps()[0].clone();
    let count = 1 + rng.below(12);
    let steps = (0..count).map(|number| {
        let needs = (0..number).filter(|_| rng.below(3) == 0).map(|need| StepId(u16::try_from(need).unwrap()));
        crate::StepSpec { name: Text::new(number.to_string()), needs: needs.collect(), ..template.clone() }
    });
    Arc::new(Graph::new(steps.collect()).unwrap())
}

fn random_event(state: &TaskState, rng: &mut Rng) -> Option<Event> {
    let candidates: Vec<Event> = state.graph.ids().filter_map(|id| possible(id, state.run(id), rng)).collect();
    if rng.below(60) == 0 {
        return Some(Event::CancelRequested);
    }
    let pick = rng.below(u64::try_from(candidates.len()).unwrap());
    candidates.into_iter().nth(usize::try_from(pick).unwrap())
}

fn possible(step: StepId, run: &StepRun, rng: &mut Rng) -> Option<Event> {
    let attempt = run.attempts;
    match run.state {
        StepState::Ready => Some(Event::Started { step, attempt: attempt + 1 }),
        StepState::Backoff(_) => Some(Event::Due { step }),
        StepState::Running => Some(match rng.below(8) {
            0 => Event::Failed { step, attempt, class: ErrorClass::Internal, message: Text::new("x"), wait: None },
            1 => Event::Suspended {
                step,
                silence: [Silence::None, Silence::Beside, Silence::Alone][usize::try_from(rng.below(3)).unwrap()],
            },
            2 => Event::Died { step, strike: rng.below(2) == 0 },
            _ => Event::Succeeded { step, attempt },
        }),
        _ => None,
    }
}

/// With each switch that leaves out one rule, one of these must turn red.
#[cfg(feature = "sabotage")]
mod sabotage {
    use crate::sabotage::{Check, first_red, prove};

    /// The tests by their names.
    macro_rules! checks {
        ($($name:ident),+ $(,)?) => { [$((stringify!($name), &super::$name)),+] };
    }

    const CHECKS: [Check<'_>; 11] = checks![
        analyze_runs_in_the_order_of_its_needs,
        passing_faults_are_tried_again_until_the_tries_are_used_up,
        a_step_waits_for_room_on_the_disk_for_as_long_as_it_takes,
        lasting_faults_end_the_task_and_stop_its_other_steps,
        cancel_stops_what_runs_and_ends_what_waits,
        late_results_of_an_older_attempt_are_dropped,
        three_strikes_quarantine_a_step_and_deaths_without_a_strike_do_not,
        three_silences_alone_end_a_step_and_those_beside_others_do_not,
        a_wait_that_was_decided_is_kept,
        resume_names_what_is_left,
        what_the_machine_refused_is_given_time,
    ];

    #[test]
    fn every_switch_turns_the_tests_red() {
        assert_eq!(first_red(&CHECKS), None, "without a switch all is green");
        println!("{}", prove(&CHECKS));
    }
}
