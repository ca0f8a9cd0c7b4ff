//! The books, point by point: what waits for the disk, what a start makes of what it finds, who is suspected, what late
//! words are worth. On the real log and a simulated disk; the simulation plays the same by chance.

mod attempts;
mod bench;
mod beside;
mod clocks;
mod cost;
#[cfg(feature = "sabotage")]
mod sabotage;
mod storage;

use agentd_agents::StepFault;
use agentd_base::WallMs;
use agentd_journal::Record;

use super::*;
use crate::{
    Error,
    events::event_of,
    record::Recovered,
    view::{EventKind, ListQuery, Submit, TaskState, WatchQuery},
};
use bench::{Bench, intent};

fn is_answer(output: &Output) -> bool {
    matches!(output, Output::Answer(..))
}

#[test]
fn nothing_leaves_before_it_is_on_disk() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.expect_nothing_before_the_sync();
    let out = bench.sync();
    assert!(out.iter().any(is_answer) && out.iter().any(|output| matches!(output, Output::Publish(..))), "{out:?}");
    let from = bench.held(0);
    let token = bench.token();
    bench.core.intend(token, from, &intent(from.key), bench.now());
    bench.expect_nothing_before_the_sync();
    let out = bench.sync();
    assert!(out.iter().any(|output| matches!(output, Output::Granted(_, Ok(())))), "{out:?}");
    bench.succeed(from);
    bench.expect_nothing_before_the_sync();
    assert!(bench.sync().iter().any(|output| matches!(output, Output::Index(..))));
}

#[test]
fn one_key_makes_one_task() {
    let mut bench = Bench::new("1");
    // Twice before the index has answered once; and once more while the first batch is on its way.
    let asked = [bench.ask("key", "one"), bench.ask("key", "one")];
    for find in asked {
        bench.found(find, None);
    }
    bench.turn();
    let repeated = bench.ask("key", "one");
    assert!(repeated.is_none(), "memory knows the key");
    bench.turn();
    assert!(bench.take().iter().all(|output| !is_answer(output)), "the first batch is not on disk yet");
    let tasks = submitted(&bench.sync());
    assert!(tasks.len() == 3 && tasks.iter().all(|task| *task == tasks[0]), "{tasks:?}");

    let mut bench = bench.again("1").0;
    assert!(bench.ask("key", "one").is_none(), "a start knows the keys of open tasks");
    assert!(bench.ask("key", "two").is_none());
    bench.turn();
    let out = bench.sync();
    assert_eq!(submitted(&out), [tasks[0]]);
    let conflict =
        |output: &Output| matches!(output, Output::Answer(_, Answer::Submitted(Err(Error::KeyConflict { .. }))));
    assert!(out.iter().any(conflict), "{out:?}");

    // What only the index knows.
    let known = bench.core.known(&Text::new("key")).expect("it is open");
    let find = bench.ask("other", "one");
    bench.found(find, Some(known));
    bench.turn();
    assert_eq!(submitted(&bench.sync()), [tasks[0]]);
}

fn submitted(out: &[Output]) -> Vec<TaskId> {
    let task = |output: &Output| match output {
        Output::Answer(_, Answer::Submitted(Ok(submitted))) => Some(submitted.task),
        _ => None,
    };
    out.iter().filter_map(task).collect()
}

#[test]
fn a_failed_journal_refuses_all_who_wait_and_all_who_come() {
    let mut bench = Bench::new("1");
    let first = bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    let token = bench.token();
    bench.core.intend(token, from, &intent(from.key), bench.now());
    let second = bench.submit(None);
    bench.turn();
    bench.core.journal_failed("the disk is gone");
    let out = bench.take();
    let refused = |output: &&Output| matches!(output, Output::Answer(_, Answer::Submitted(Err(Error::ReadOnly(_)))));
    assert_eq!(out.iter().filter(refused).count(), 1, "{out:?}");
    assert!(out.iter().any(|output| matches!(output, Output::Granted(_, Err(_)))), "{out:?}");
    assert!(out.iter().any(|output| matches!(output, Output::Stop(_, key) if *key == from.key)), "{out:?}");
    assert!(
        bench.core.task(Token(98), first) && !bench.core.task(Token(99), second),
        "what was never on disk is not there"
    );
    bench.submit(None);
    assert_eq!(bench.take().iter().filter(refused).count(), 1);
}

#[test]
fn the_index_is_told_of_nothing_that_may_still_be_missing() {
    let mut bench = Bench::new("1");
    let open = bench.submit(None);
    bench.settle();
    let first = bench.core.known_first(open);
    assert!(bench.core.low_watermark() < first, "an open task");
    let from = bench.held(0);
    bench.succeed(from);
    bench.turn();
    assert!(bench.core.low_watermark() < first, "its end is on its way to the disk");
    bench.sync();
    assert!(bench.core.low_watermark() >= first);
}

#[test]
fn a_checkpoint_brings_open_tasks_and_the_boot() {
    let mut bench = Bench::new("1");
    let open = bench.submit(None);
    bench.settle();
    while !bench.rolled {
        bench.submit(None);
        bench.settle();
        let from = bench.held(1);
        bench.succeed(from);
        bench.settle();
    }
    let newest = bench.core.durable_seq();
    let (bench, restored) = bench.again("1");
    assert!(restored.unexplained, "{restored:?}");
    assert_eq!((restored.open, restored.in_flight), (1, 1));
    assert!(bench.core.remembers(open));
    assert!(bench.core.durable_seq() >= newest, "numbers are never given twice");
}

#[test]
fn only_a_death_on_the_same_boot_is_unexplained() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    let records = bench.records();
    let mut stopped = records.clone();
    stopped.push(after(&records, &Entry::Stopped(record::Stopped {}), None));
    for (records, boot, unexplained) in [(&records, "1", true), (&records, "2", false), (&stopped, "1", false)] {
        let restored = bench::books(boot).restore(None, records.clone(), None, bench.now()).unwrap();
        assert_eq!(
            (restored.in_flight, restored.unexplained),
            (1, unexplained),
            "boot {boot}, {} records",
            records.len()
        );
    }
}

/// One more record.
fn after(records: &[(Seq, Record)], entry: &Entry, task: Option<TaskId>) -> (Seq, Record) {
    let (last, _) = records.last().expect("there are records");
    (last.next(), entry.to_record(task, WallMs(1)))
}

#[test]
fn records_that_fit_no_task_are_refused_and_a_missing_end_is_written() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    bench.succeed(from);
    bench.settle();
    let records = bench.records();
    let restore = |records: Vec<(Seq, Record)>| {
        let mut core = bench::books("1");
        core.restore(None, records, None, bench.now()).map(|restored| (restored, core))
    };
    let is_submitted = |record: &Record| matches!(Entry::of_record(record), Ok(Entry::Submitted(_)));
    let headless = records.iter().filter(|(_, record)| !is_submitted(record)).cloned().collect();
    assert!(matches!(restore(headless), Err(Error::Unfit { .. })));
    let mut beyond = records.clone();
    beyond.push(after(&records, &record::Suspended::default().into(), Some(task)));
    assert!(matches!(restore(beyond), Err(Error::Unfit { .. })));

    let endless = records[..records.len() - 1].to_vec();
    let (restored, mut core) = restore(endless).unwrap();
    assert_eq!(restored.open, 0);
    let batch = core.end_turn(bench.now()).expect("the end is written");
    assert!(batch.records.iter().any(|record| matches!(Entry::of_record(record), Ok(Entry::Ended(_)))));
}

#[test]
fn after_an_unexplained_death_suspects_run_one_at_a_time_and_nothing_beside_them() {
    let mut bench = Bench::new("1");
    for _ in 0..3 {
        bench.submit(None);
    }
    bench.settle();
    assert_eq!(bench.agents.len(), 3);
    let (mut bench, _) = bench.again("1");
    bench.settle();
    assert_eq!(bench.agents.len(), 1, "one suspect");
    // Of a new death the one is to blame; what came in meanwhile did not run beside it.
    let (mut bench, _) = bench.again("1");
    bench.submit(None);
    bench.settle();
    bench.settle();
    assert_eq!(bench.agents.len(), 1, "the suspect alone");
    assert_eq!(bench.strikes(), 1);
    bench.wait(31_000);
    bench.settle();
    assert_eq!(bench.agents.len(), 4, "it was believed, and the others are no suspects");
}

#[test]
fn deaths_with_several_in_flight_blame_nobody() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.submit(None);
    bench.settle();
    for _ in 0..4 {
        assert_eq!(bench.agents.len(), 2);
        bench = bench.again("1").0;
        bench.settle();
        bench.wait(31_000);
        bench.settle();
    }
    assert_eq!(bench.strikes(), 0);
}

#[test]
fn an_intent_without_an_end_is_asked_about_and_one_that_ended_is_not() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    let from = bench.held(0);
    let (token, intent) = (bench.token(), intent(from.key));
    bench.core.intend(token, from, &intent, bench.now());
    bench.settle();
    let (mut bench, _) = bench.again("1");
    bench.settle();
    assert_eq!(bench.agents[0].1.unfinished, std::slice::from_ref(&intent));
    let from = bench.held(0);
    bench.core.effected(from, &intent, bench.now());
    bench.wait(1_000);
    bench.settle();
    let (mut bench, _) = bench.again("1");
    bench.settle();
    assert!(bench.agents[0].1.unfinished.is_empty());
}

#[test]
fn words_of_a_given_up_attempt_change_nothing_and_its_step_starts_again() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.settle();
    let late = bench.held(0);
    let intent = intent(late.key);
    bench.core.agent_silent(late.agent, false, bench.now());
    let before = bench.core.counters().records;
    bench.core.finished(late, Ok(bench::output()), Duration::ZERO, bench.now());
    bench.core.effected(late, &intent, bench.now());
    let token = bench.token();
    bench.core.intend(token, late, &intent, bench.now());
    assert_eq!(bench.core.counters().records, before, "late words are not recorded");
    assert!(bench.take().iter().any(|output| matches!(output, Output::Granted(_, Err(_)))));
    bench.agents.clear();
    bench.settle();
    let from = bench.held(0);
    assert_eq!((from.key.task, from.key.attempt), (task, 2));

    bench.core.unassigned(from.agent, from.key, bench.now());
    bench.agents.clear();
    bench.settle();
    let from = bench.held(0);
    assert_eq!((from.key.task, from.key.attempt), (task, 3));

    bench.core.cancel(Token(98), task, bench.now());
    let token = bench.token();
    bench.core.intend(token, from, &intent, bench.now());
    assert!(bench.take().iter().any(|output| matches!(output, Output::Granted(_, Err(_)))), "no effect after a cancel");
}

#[test]
fn a_stop_suspends_what_runs_and_says_so() {
    let mut bench = Bench::new("1");
    bench.submit(None);
    bench.settle();
    bench.core.begin_stop();
    bench.core.suspend_all(Token(98), bench.now());
    bench.settle();
    let last = bench.records().pop().map(|(_, record)| Entry::of_record(&record));
    assert!(matches!(last, Some(Ok(Entry::Stopped(_)))), "{last:?}");
    let (mut bench, restored) = bench.again("1");
    assert_eq!((restored.open, restored.in_flight), (1, 0));
    bench.settle();
    assert_eq!(bench.agents.len(), 1, "what was ready is taken up");
}

#[test]
fn a_step_that_is_stopped_for_a_cancel_is_not_said_to_go_on() {
    // The step's agent gives up before the daemon stops, the daemon stops first, and nobody cancels.
    for (cancelled, gives_up) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bench = Bench::new("1");
        let task = bench.submit(None);
        bench.settle();
        let from = bench.held(0);
        match cancelled {
            true => bench.core.cancel(Token(98), task, bench.now()),
            false => drop(bench.core.begin_stop()),
        }
        bench.settle();
        if gives_up {
            let stopped = StepFault::new(ErrorClass::Cancelled, "stopped");
            bench.core.finished(from, Err(stopped), Duration::ZERO, bench.now());
            bench.settle();
        }
        bench.core.suspend_all(Token(99), bench.now());
        bench.settle();
        let mut records = bench.records();
        let shown = records.iter().filter_map(|(seq, record)| event_of(*seq, record).unwrap());
        let suspended = shown.filter(|event| matches!(event.what, EventKind::Suspended { .. })).count();
        assert_eq!(suspended, usize::from(!cancelled), "{cancelled} {gives_up}");

        // As the same was written before it was said that a step is stopped for good.
        let mut stripped = 0;
        for (_, record) in &mut records {
            if let Ok(Entry::Suspended(entry)) = Entry::of_record(record) {
                let older = Entry::Suspended(record::Suspended { for_good: false, ..entry });
                *record = older.to_record(Some(task), WallMs(record.wall_ms));
                stripped += 1;
            }
        }
        assert_eq!(stripped, 1);
        for records in [bench.records(), records] {
            let restored = bench::books("1").restore(None, records, None, bench.now()).unwrap();
            assert_eq!((restored.open, restored.in_flight), (usize::from(!cancelled), 0), "{cancelled} {gives_up}");
        }
    }
}

#[test]
fn only_what_is_on_disk_is_shown_and_cursors_have_bounds() {
    let mut bench = Bench::new("1");
    let task = bench.submit(None);
    bench.turn();
    let list = ListQuery { states: Vec::new(), workspace: None, limit: 10, before: None };
    let query = WatchQuery { task: Some(task), after: Seq(0), progress: false };
    let seen = |bench: &Bench| match bench.core.watch(&query, Seq(1)) {
        Ok(WatchStart::Memory { events, over }) => (events.len(), over),
        other => panic!("{other:?}"),
    };
    bench.core.list(Token(98), Box::new(list));
    bench.turn();
    assert_eq!((listed(&bench.take()), seen(&bench)), (None, (0, false)), "it waits for the disk");
    assert_eq!(listed(&bench.sync()), Some(1));
    assert_eq!(seen(&bench), (2, false), "submitted and started");
    let from = bench.held(0);
    bench.succeed(from);
    bench.turn();
    assert_eq!(seen(&bench), (2, false), "its end is not on disk");
    bench.sync();
    assert_eq!(seen(&bench), (4, true));
    for after in [Seq(2), Seq(99)] {
        let all = WatchQuery { task: None, after, progress: false };
        assert!(matches!(bench.core.watch(&all, Seq(4)), Err(Error::OutOfRange { .. })), "{after}");
    }
}

/// How many tasks a list has that was answered.
fn listed(out: &[Output]) -> Option<usize> {
    out.iter().find_map(|output| match output {
        Output::Answer(_, Answer::List(_, tasks)) => Some(tasks.len()),
        _ => None,
    })
}

impl Bench {
    /// Strikes that the log tells of.
    fn strikes(&self) -> usize {
        let strikes = |(_, record): (Seq, Record)| match Entry::of_record(&record) {
            Ok(Entry::Recovered(Recovered { strikes, .. })) => strikes.len(),
            _ => 0,
        };
        self.records().into_iter().map(strikes).sum()
    }
}

impl Core {
    /// Number of a task's first record.
    fn known_first(&self, id: TaskId) -> Seq {
        self.tasks[&id].first()
    }
}
