//! `watch` and the following part of `submit`: cursors, a daemon that goes away and comes back, all tasks.

use agentd_proto::v1::{CancelRequested, Suspended, TaskEnded, TaskState, event::What};
use tonic::Status;

use crate::{
    cli::Cli,
    fake::{Act, Fake, REPORT, TASK, ended, event, submitted, succeeded, task, with_success},
};

#[test]
fn watching_a_task_delivers_its_report() {
    let fake = with_success();
    fake.script().tasks = vec![task(TASK)];
    let output = Cli::new(fake.home(), &["watch", "last"]).run().expect(0);
    assert_eq!(output.stdout, REPORT);
    let watched = fake.script().watched[0].clone();
    assert_eq!((watched.task_id.as_str(), watched.cursor, watched.progress), (TASK, 0, true));
}

/// The first life shows two events and dies; the second must be asked for what comes behind them.
#[test]
fn a_killed_daemon_that_comes_back_is_gone_on_with_behind_the_last_event() {
    let mut fake = with_success();
    fake.script().status.started_by = "launchd".into();
    fake.script().watches.clear();
    fake.script().watches.extend([
        vec![submitted(11), succeeded(12, "survey", "")],
        // A daemon may repeat an event; the client shows it once.
        vec![succeeded(12, "survey", ""), succeeded(13, "report", ""), ended(14, TaskState::Succeeded, &["report.md"])],
    ]);
    let mut running = Cli::new(fake.home(), &["submit", "x"]).spawn();
    running.until("✓ survey");
    fake.kill();
    running.until("connection to agentd is lost");
    fake.serve();
    let output = running.end().expect(0);
    output.says(&["agentd is back"]);
    assert_eq!(output.stdout, REPORT);
    assert_eq!(output.stderr.matches("is lost").count(), 1, "{output:?}");
    assert_eq!(output.stderr.matches("✓ survey").count(), 1, "{output:?}");
    let cursors: Vec<u64> = fake.script().watched.iter().map(|watch| watch.cursor).collect();
    assert_eq!(cursors, [10, 12]);
}

#[test]
fn a_stream_that_ends_in_order_is_opened_again() {
    let fake = with_success();
    let rest = fake.script().watches.pop_front().unwrap();
    fake.script().watches.extend([
        vec![submitted(11), event(12, What::Suspended(Suspended { step: "survey".into() })), Act::End],
        vec![Act::Fail(Status::unavailable("shutting down"))],
        vec![Act::End],
        rest,
    ]);
    let output = Cli::new(fake.home(), &["submit", "x"]).run().expect(0);
    assert_eq!(output.stdout, REPORT);
    let cursors: Vec<u64> = fake.script().watched.iter().map(|watch| watch.cursor).collect();
    assert_eq!(cursors, [10, 12, 12, 12]);
    assert_eq!(output.stderr.matches("is lost").count(), 1, "{output:?}");
}

#[test]
fn a_cursor_that_is_no_longer_kept_is_said() {
    let fake = Fake::serving();
    fake.script().watches.push_back(vec![Act::Fail(Status::out_of_range("the oldest kept cursor is 500"))]);
    let output = Cli::new(fake.home(), &["watch", TASK, "--from", "3"]).run().expect(2);
    output.says(&["the oldest kept cursor is 500"]);
    fake.script().watches.push_back(vec![Act::Fail(Status::not_found("there is no such task"))]);
    Cli::new(fake.home(), &["watch", TASK]).run().expect(3).says(&["there is no such task"]);
}

#[test]
fn all_tasks_are_watched_from_now_on_until_ctrl_c() {
    let fake = Fake::serving();
    fake.script().status.cursor = 77;
    fake.script().watches.push_back(vec![submitted(78), ended(79, TaskState::Failed, &[])]);
    let mut running = Cli::new(fake.home(), &["watch"]).spawn();
    let lines = running.stdout_lines(2);
    running.interrupt();
    let _left = running.end().expect(130);
    assert_eq!(lines, format!("78 {TASK} + analyze in /w with 2 steps\n79 {TASK} ✗ failed: 1,480 files\n"));
    let watched = fake.script().watched[0].clone();
    assert_eq!((watched.task_id.as_str(), watched.cursor), ("", 77));
}

#[test]
fn what_a_cancelled_task_leaves_undone_is_not_promised() {
    let fake = Fake::serving();
    let suspended = |cursor| event(cursor, What::Suspended(Suspended { step: "survey".into() }));
    let summary = "cancelled on request".into();
    let end = TaskEnded { state: TaskState::Cancelled.into(), summary, documents: Vec::new() };
    let cancelled = event(13, What::CancelRequested(CancelRequested {}));
    let course = vec![submitted(11), suspended(12), cancelled, suspended(14), event(15, What::Ended(end))];
    fake.script().watches.extend([course.clone(), course]);
    let output = Cli::new(fake.home(), &["watch", TASK]).run().expect(75);
    output.says(&["■ cancelling", &format!("task {TASK} cancelled on request\n")]);
    assert_eq!(output.stderr.matches("survey goes on after").count(), 1, "{output:?}");
    let mut running = Cli::new(fake.home(), &["watch", "--from", "0"]).spawn();
    let lines = running.stdout_lines(4);
    running.interrupt();
    let _left = running.end().expect(130);
    assert!(lines.ends_with("■ cancelled on request\n"), "{lines}");
    assert_eq!(lines.matches("survey goes on after").count(), 1, "{lines}");
}
