//! Faults of what keeps the records that were found once: a failed journal, a slow index, batches and checkpoints beyond
//! their bounds, and what is told of tasks meanwhile.

use agentd_agents::{Document, PayloadRef, StepOutput};
use agentd_base::Role;
use agentd_workflow::{Action, WorkflowName};
use bytes::Bytes;

use super::*;
use crate::{
    roster::{Duty, OverloadLimits},
    view::{Hints, Priority},
};

fn request(length: usize) -> Submit {
    Submit {
        request: Text::new("x".repeat(length)),
        workspace: None,
        workflow: WorkflowName::Noop,
        key: None,
        priority: Priority::Normal,
        hints: Hints::default(),
        path: None,
    }
}

const NOW: Now = Now { wall: WallMs(1_000), mono: MonoMs(1_000) };

/// Books whose agents take many steps.
fn broad(slots: u32, segment_bytes: u64) -> Core {
    let limits = Limits { max_tasks: 100_000, segment_bytes, overload: OverloadLimits::default() };
    let duty = |role: Role| Duty { agent: role.agent(), can: Action::ALL.to_vec(), slots };
    let boot = record::Booted { boot_id: "1".to_owned(), version: "test".to_owned() };
    Core::new(limits, Role::ALL.into_iter().map(duty).collect(), boot, Rng::new(7))
}

/// Writes everything, in batches that the journal takes. Answers what came out, with the batches before it.
fn write(core: &mut Core) -> (usize, Vec<(usize, Output)>) {
    let (mut batches, mut out) = (0, Vec::new());
    while let Some(batch) = core.end_turn(Now { mono: MonoMs(1_000_000), ..NOW }) {
        batch.check().expect("the journal takes it");
        assert!(batch.checkpoint.is_none() || core.records.is_empty(), "a checkpoint tells of what is before it");
        batches += 1;
        core.durable(Seq(batch.first.0 + batch.records.len() as u64 - 1));
        out.extend(core.take_outputs().into_iter().map(|output| (batches, output)));
    }
    out.extend(core.take_outputs().into_iter().map(|output| (batches, output)));
    (batches, out)
}

#[test]
pub(super) fn a_failure_with_a_full_batch_leaves_the_books_listening() {
    let mut core = broad(2, 8 << 20);
    let mut number = 0;
    let mut fill = |core: &mut Core| {
        while core.has_room() {
            number += 1;
            core.submit(Token(number), TaskId::from_parts(1, u128::from(number)), request(32_000), NOW);
        }
    };
    fill(&mut core);
    assert!(core.end_turn(NOW).is_some(), "on its way");
    fill(&mut core);
    core.journal_failed("the disk is gone");
    assert!(core.has_room(), "calls are taken again");
    let refused = core.take_outputs().iter().filter(|output| is_answer(output)).count();
    assert_eq!(refused as u64, number, "everybody was told");
}

#[test]
pub(super) fn finished_tasks_stay_in_memory_until_they_are_with_the_index() {
    let mut bench = Bench::new("1");
    let mut tasks = Vec::new();
    for number in 0..20 {
        let key = format!("key-{number}");
        tasks.push((bench.submit(Some(&key)), Text::new(key)));
        bench.settle();
        let from = bench.held(0);
        bench.succeed(from);
        bench.turn();
        assert!(bench.core.remembers(tasks[number].0), "its end is on its way to the disk");
        bench.sync();
        bench.settle();
    }
    assert!(bench.core.wants_index());
    for (task, key) in &tasks {
        assert_eq!(bench.core.known(key).map(|known| known.task), Some(*task), "the index was not told of {key}");
    }
    bench.core.indexed(10);
    let remembered = |bench: &Bench| tasks.iter().filter(|(task, _)| bench.core.remembers(*task)).count();
    assert_eq!(remembered(&bench), 10);
    assert!(bench.core.known(&tasks[0].1).is_none() && bench.core.known(&tasks[10].1).is_some());
    bench.core.indexed(10);
    assert_eq!(remembered(&bench), 4);
    // Room is made by those that the index has, so that new ones can wait until they are many.
    bench.submit(Some("one more"));
    bench.settle();
    let from = bench.held(0);
    bench.succeed(from);
    bench.turn();
    assert_eq!((remembered(&bench), bench.core.wants_index()), (3, false));
}

#[test]
pub(super) fn an_index_that_does_not_keep_up_stops_submits() {
    let mut core = broad(32, 8 << 20);
    let mut ended = 0;
    let refusal = loop {
        core.submit(Token(1), TaskId::from_parts(1, ended), request(32_000), NOW);
        let (_, out) = write(&mut core);
        let given = out.iter().find_map(|(_, output)| match output {
            Output::Assign(agent, assignment) => Some(Origin { agent: *agent, generation: 1, key: assignment.key }),
            _ => None,
        });
        let Some(from) = given else { break out };
        core.finished(from, Ok(bench::output()), Duration::ZERO, NOW);
        write(&mut core);
        ended += 1;
        assert!(ended < 2_000, "memory grows without bound");
    };
    let busy =
        |(_, output): &(usize, Output)| matches!(output, Output::Answer(_, Answer::Submitted(Err(Error::IndexBusy))));
    assert!(refusal.iter().any(busy), "{refusal:?}");
    core.indexed(usize::try_from(ended).unwrap());
    core.submit(Token(2), TaskId::from_parts(1, 9_999), request(1), NOW);
    assert!(write(&mut core).1.iter().any(|(_, output)| matches!(output, Output::Assign(..))), "it goes on");
}

#[test]
pub(super) fn who_only_looks_is_told_what_is_on_disk_also_after_a_failure() {
    let document = Document {
        name: Text::new("a.md"),
        media_type: Text::new("text/markdown"),
        content: PayloadRef::Inline(Bytes::from_static(b"a")),
    };
    for fails in [false, true] {
        let mut bench = Bench::new("1");
        let task = bench.submit(None);
        bench.settle();
        let from = bench.held(0);
        let result = StepOutput { documents: vec![document.clone()], ..bench::output() };
        bench.core.finished(from, Ok(result), Duration::ZERO, bench.now());
        bench.turn();
        let ask = |bench: &mut Bench| {
            bench.core.list(Token(97), Box::new(ListQuery { limit: 10, ..ListQuery::default() }));
            assert!(bench.core.task(Token(98), task));
            bench.core.document(Token(99), task, "a.md".to_owned());
        };
        ask(&mut bench);
        bench.turn();
        assert!(bench.take().iter().all(|output| !is_answer(output)), "the end is on its way to the disk");
        let mut out = if fails {
            bench.core.journal_failed("the disk is gone");
            bench.take()
        } else {
            bench.sync()
        };
        for round in 0..2 {
            let states: Vec<bool> = out.iter().filter_map(has_ended).collect();
            assert_eq!(states, [!fails; 3], "{fails} {round}");
            ask(&mut bench);
            bench.core.end_turn(bench.now());
            out = bench.take();
        }
        let query = WatchQuery { task: Some(task), after: Seq(0), progress: false };
        let Ok(WatchStart::Memory { over, .. }) = bench.core.watch(&query, Seq(1)) else { panic!("it is in memory") };
        assert_eq!(over, !fails);
        assert_eq!(bench.again("1").1.open, usize::from(fails));
    }
}

/// Whether an answer tells that the task has ended.
fn has_ended(output: &Output) -> Option<bool> {
    match output {
        Output::Answer(_, Answer::Task(_, Ok(view))) => Some(view.state.is_final()),
        Output::Answer(_, Answer::List(_, tasks)) => Some(tasks[0].state.is_final()),
        Output::Answer(_, Answer::Document(_, _, Some(document))) => Some(document.is_ok()),
        _ => None,
    }
}

#[test]
pub(super) fn after_a_failure_nothing_that_befalls_agents_is_recorded() {
    for silent in [true, false] {
        let mut bench = Bench::new("1");
        let task = bench.submit(None);
        bench.settle();
        let from = bench.held(0);
        bench.core.journal_failed("the disk is gone");
        bench.take();
        if silent {
            bench.core.agent_silent(from.agent, false, bench.now());
        } else {
            bench.core.unassigned(from.agent, from.key, bench.now());
        }
        // Longer than any record waits for company.
        bench.wait(1_000);
        assert!(bench.core.end_turn(bench.now()).is_none(), "silent: {silent}");
        assert!(bench.core.tasks[&task].cursor() <= bench.core.durable_seq(), "what is shown is on disk");
    }
}

#[test]
pub(super) fn a_stop_is_told_though_payloads_cannot_be_stored_but_not_to_a_log_that_failed() {
    let failed = |failures: &[&str]| {
        let mut bench = Bench::new("1");
        bench.submit(None);
        bench.settle();
        for what in failures {
            match *what {
                "log" => bench.core.journal_failed("the disk is gone"),
                _ => bench.core.payloads_failed("no payload can be stored"),
            }
        }
        bench.take();
        bench.core.begin_stop();
        bench.core.suspend_all(Token(98), bench.now());
        bench
    };
    let drained = |out: &[Output]| out.iter().any(|output| matches!(output, Output::Answer(_, Answer::Drained(_))));
    let mut bench = failed(&["payloads"]);
    bench.turn();
    assert!(!drained(&bench.take()), "the stop is not on disk yet");
    assert!(drained(&bench.sync()));
    let (mut bench, restored) = bench.again("1");
    assert_eq!((restored.in_flight, restored.unexplained), (1, false), "it was a stop");
    bench.settle();
    assert_eq!(bench.strikes(), 0);
    for failures in [&["log"][..], &["payloads", "log"], &["log", "payloads"]] {
        let mut bench = failed(failures);
        assert!(bench.core.end_turn(bench.now()).is_none(), "{failures:?}: nothing is written any more");
        assert!(drained(&bench.take()), "{failures:?}");
    }
}

#[test]
pub(super) fn a_stop_with_thousands_in_flight_fits_the_journal() {
    let mut core = broad(1_024, 8 << 20);
    for number in 0..4_000 {
        core.submit(Token(number), TaskId::from_parts(1, u128::from(number)), request(1_000), NOW);
        if !core.has_room() {
            write(&mut core);
        }
    }
    for _ in 0..20 {
        write(&mut core);
    }
    assert_eq!(core.begin_stop(), 4_000);
    for agent in (0..12).map(AgentId) {
        core.agent_silent(agent, false, NOW);
    }
    core.suspend_all(Token(99_999), NOW);
    write(&mut core);
    // As after a death: everything at once.
    let mut core = broad(1_024, 8 << 20);
    for number in 0..10_000 {
        core.submit(Token(number), TaskId::from_parts(1, u128::from(number)), request(100), NOW);
    }
    core.roll_soon();
    let (batches, out) = write(&mut core);
    assert!(batches > 2, "{batches} batches");
    let early = out.iter().filter(|(batch, output)| *batch < 2 && is_answer(output)).count();
    assert_eq!(early, 0, "no answer before all of the turn is on disk");
    assert_eq!(out.iter().filter(|(_, output)| is_answer(output)).count(), 10_000);
}

#[test]
pub(super) fn open_tasks_never_outgrow_a_checkpoint() {
    let mut core = broad(2, 1 << 20);
    let (mut accepted, mut refused) = (0_u64, 0);
    while refused == 0 {
        assert!(accepted < 3_000, "there is no bound");
        core.submit(Token(accepted), TaskId::from_parts(1, u128::from(accepted)), request(32_000), NOW);
        while let Some(batch) = core.end_turn(Now { mono: MonoMs(1_000_000), ..NOW }) {
            batch.check().expect("the journal takes it, with its checkpoint");
            core.durable(Seq(batch.first.0 + batch.records.len() as u64 - 1));
        }
        for output in core.take_outputs() {
            match output {
                Output::Answer(_, Answer::Submitted(Err(Error::QueueBytes { .. }))) => refused += 1,
                Output::Answer(_, Answer::Submitted(Err(error))) => panic!("{error}"),
                _ => {}
            }
        }
        accepted += 1;
    }
    assert!(accepted > 900, "{accepted}");
    core.roll_soon();
    core.cancel(Token(0), TaskId::from_parts(1, 0), NOW);
    let batch = core.end_turn(NOW).expect("the cancel is written");
    assert!(batch.checkpoint.is_some());
    batch.check().expect("the checkpoint of all fits");
    // They have grown since they were accepted: the roll waits until some have ended.
    core.open_bytes = agentd_journal::MAX_CHECKPOINT as u64;
    core.roll_soon();
    core.cancel(Token(0), TaskId::from_parts(1, 1), NOW);
    assert!(core.end_turn(NOW).expect("the cancel is written").checkpoint.is_none());
}

#[test]
fn what_retention_removed_under_a_watcher_is_told() {
    let read = |after, oldest| crate::handle::reading_from(Seq(after), Seq(oldest), Seq(99)).ok();
    for (after, oldest, begins) in [(0, 1, Some(0)), (0, 50, Some(49)), (49, 50, Some(49)), (60, 50, Some(60))] {
        assert_eq!(read(after, oldest), begins.map(Seq), "{after} {oldest}");
    }
    assert_eq!(read(48, 50), None, "49 is gone, and was not seen");
}

#[test]
fn only_a_missing_name_is_a_missing_document() {
    use crate::{
        handle::document_in,
        index::{Book, Phase},
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    bench.succeed(from);
    bench.settle();
    let unknown = TaskId::from_parts(1, 77);
    let home = agentd_journal::RealDisk::new(folder.path().join("state")).unwrap();
    let mut book = Book::new(home.clone(), bench.reader(), Phase::default(), None);
    let mut ask = |id| document_in(&mut book, id, "a.md".to_owned()).expect_err("there is none");
    assert!(matches!(ask(task), Error::NoDocument { .. }));
    assert!(matches!(ask(unknown), Error::NoTask(_)));
    book.close();
    let mut blind = Book::new(home, bench.reader(), Phase::default(), Some("damaged".to_owned()));
    assert!(matches!(document_in(&mut blind, task, "a.md".to_owned()), Err(Error::ReadOnly(_))));
}

#[test]
fn an_index_that_cannot_be_made_is_told_and_tried_again() {
    use crate::{
        index::{Book, Phase},
        view::IndexPhase,
    };
    let folder = tempfile::tempdir().unwrap();
    let (state, away) = (folder.path().join("state"), folder.path().join("away"));
    let home = agentd_journal::RealDisk::new(&state).unwrap();
    let phase = Phase::default();
    let mut book = Book::new(home, Bench::new("1").reader(), phase.clone(), None);
    assert_eq!(phase.failure(), None, "nobody has needed it");
    std::fs::rename(&state, &away).unwrap();
    assert!(book.find_key("a").is_err());
    assert!(phase.failure().is_some_and(|why| why.contains("was moved")), "{:?}", phase.failure());
    std::fs::rename(&away, &state).unwrap();
    book.try_open().unwrap();
    assert_eq!((phase.get(), phase.failure()), (IndexPhase::Open, None));
}
