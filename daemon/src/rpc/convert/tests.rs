//! Tests of the conversion: each bad field is refused by its name, each good one arrives.

use std::time::Duration;

use agentd_base::{ErrorClass, Role, Seq, TaskId, Text, WallMs};
use agentd_engine::{EventKind, EventView, Hints, Priority, TaskState, WatchItem};
use agentd_proto::{limits::MAX_SUBMIT_BYTES, v1};
use agentd_workflow::WorkflowName;
use prost::Message as _;

use super::*;

fn good() -> v1::SubmitRequest {
    v1::SubmitRequest { request: "look".to_owned(), workspace: "/w".to_owned(), ..v1::SubmitRequest::default() }
}

fn with(change: impl FnOnce(&mut v1::SubmitRequest)) -> v1::SubmitRequest {
    let mut wire = good();
    change(&mut wire);
    wire
}

fn hints(hints: v1::Hints) -> v1::SubmitRequest {
    with(|wire| wire.hints = Some(hints))
}

#[test]
fn each_bad_field_is_refused_by_its_name() {
    let cases = [
        ("request", with(|wire| wire.request.clear())),
        ("request", with(|wire| wire.request = " \n\t".to_owned())),
        ("request", with(|wire| wire.request = "x".repeat(32 * 1024 + 1))),
        ("request", with(|wire| wire.request = "a\0b".to_owned())),
        ("workspace", with(|wire| wire.workspace.clear())),
        ("workspace", with(|wire| wire.workspace = "relative/path".to_owned())),
        ("workspace", with(|wire| wire.workspace = "~/code".to_owned())),
        ("workspace", with(|wire| wire.workspace = "/a\0b".to_owned())),
        ("workspace", with(|wire| wire.workspace = format!("/{}", "x".repeat(4_096)))),
        ("workflow", with(|wire| wire.workflow = "bake".to_owned())),
        ("workflow", with(|wire| wire.workflow = "x".repeat(65))),
        ("idempotency_key", with(|wire| wire.idempotency_key = "k".repeat(129))),
        ("idempotency_key", with(|wire| wire.idempotency_key = "\0".to_owned())),
        ("priority", with(|wire| wire.priority = 4)),
        ("priority", with(|wire| wire.priority = -1)),
        ("path", with(|wire| wire.path = "p".repeat(16 * 1024 + 1))),
        ("hints.prefer", hints(v1::Hints { prefer: "chef".to_owned(), ..v1::Hints::default() })),
        ("hints.prefer", hints(v1::Hints { prefer: "x".repeat(65), ..v1::Hints::default() })),
        ("hints.cpu", hints(v1::Hints { cpu: 9, ..v1::Hints::default() })),
        ("hints.expected_ms", hints(v1::Hints { expected_ms: u64::MAX, ..v1::Hints::default() })),
    ];
    for (field, wire) in cases {
        let shown = format!("{wire:?}").chars().take(120).collect::<String>();
        let error = submit(wire).unwrap_err();
        assert_eq!(error.field, field, "{shown}");
        assert!(error.to_string().starts_with(&format!("{field}: ")) && error.problem.len() > 10);
        assert_eq!(agentd_base::Classify::class(&error), ErrorClass::Invalid);
    }
}

#[test]
fn good_requests_arrive_whole() {
    let plain = submit(good()).unwrap();
    assert_eq!((plain.workflow, plain.key, plain.priority), (WorkflowName::Analyze, None, Priority::Normal));
    assert_eq!((plain.hints, plain.path, plain.workspace), (Hints::default(), None, Some("/w".into())));
    let noop = with(|wire| {
        wire.workspace.clear();
        wire.workflow = "noop".to_owned();
        wire.idempotency_key = "k".repeat(128);
        wire.priority = v1::Priority::High.into();
        wire.path = "/bin".to_owned();
        wire.hints =
            Some(v1::Hints { prefer: "monitor".to_owned(), cpu: v1::CpuHint::Quiet.into(), expected_ms: 1_500 });
    });
    let noop = submit(noop).unwrap();
    assert_eq!((noop.workflow, noop.workspace, noop.priority), (WorkflowName::Noop, None, Priority::High));
    assert_eq!((noop.key.unwrap().len(), noop.path.as_deref()), (128, Some("/bin")));
    let expected = Some(Duration::from_millis(1_500));
    assert_eq!(noop.hints, Hints { prefer: Some(Role::Monitor), quiet: true, expected });
    let largest = with(|wire| {
        wire.request = "ä".repeat(16 * 1024);
        wire.workspace = format!("/{}", "w".repeat(4_095));
        wire.workflow = "analyze".to_owned();
        wire.idempotency_key = "k".repeat(128);
        wire.path = "p".repeat(16 * 1024);
        wire.priority = v1::Priority::High.into();
        wire.hints =
            Some(v1::Hints { prefer: "synthesizer".to_owned(), cpu: v1::CpuHint::Quiet.into(), expected_ms: 1 << 31 });
    });
    assert!(largest.encoded_len() <= MAX_SUBMIT_BYTES, "{}", largest.encoded_len());
    assert_eq!(submit(largest).unwrap().request.len(), 32 * 1024);
}

#[test]
fn queries_are_checked() {
    let id = TaskId::from_parts(1, 2).to_string();
    let page = |page_size, page_token: &str, states: &[i32], workspace: &str| v1::ListTasksRequest {
        states: states.to_vec(),
        workspace: workspace.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let usual = list(page(0, "", &[], "")).unwrap();
    assert_eq!((usual.limit, usual.before, usual.states.len(), usual.workspace), (50, None, 0, None));
    let exact = list(page(1_000, &id, &[1, 2, 3, 4, 5, 6], "/w")).unwrap();
    assert_eq!((exact.limit, exact.before, exact.states.len()), (1_000, Some(TaskId::from_parts(1, 2)), 6));
    for (field, wire) in [
        ("page_size", page(1_001, "", &[], "")),
        ("page_token", page(1, "zzz", &[], "")),
        ("states", page(1, "", &[0], "")),
        ("states", page(1, "", &[1, 7], "")),
        ("workspace", page(1, "", &[], "rel")),
    ] {
        assert_eq!(list(wire).unwrap_err().field, field);
    }
    let asked = |task_id: &str| watch(&v1::WatchRequest { task_id: task_id.to_owned(), cursor: 5, progress: true });
    assert_eq!(asked("").unwrap().task, None);
    assert_eq!((asked(&id).unwrap().task, asked(&id).unwrap().after), (Some(TaskId::from_parts(1, 2)), Seq(5)));
    assert_eq!(asked("../../etc/passwd").unwrap_err().field, "task_id");
    assert_eq!(task_id("").unwrap_err().field, "task_id");
    for name in ["", &"n".repeat(65), "a\0"] {
        assert_eq!(document_name(name.to_owned()).unwrap_err().field, "name");
    }
}

#[test]
fn every_state_comes_back_as_it_went() {
    for (number, expected) in (1..).zip([
        TaskState::Queued,
        TaskState::Running,
        TaskState::Waiting,
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::Cancelled,
    ]) {
        assert_eq!(i32::from(state(expected)), number);
        let wire = v1::ListTasksRequest { states: vec![number], ..v1::ListTasksRequest::default() };
        assert_eq!(list(wire).unwrap().states, [expected]);
    }
}

#[test]
fn events_keep_their_order_time_and_content() {
    let failed = EventKind::AttemptFailed {
        step: Text::new("survey"),
        attempt: 2,
        class: ErrorClass::TimedOut,
        message: Text::new("too slow"),
        retry_in: Some(Duration::from_millis(250)),
    };
    let view = EventView { seq: Seq(9), task: TaskId::from_parts(1, 2), at: WallMs(1_500), what: failed };
    let Some(v1::watch_response::Item::Event(event)) = watched(&WatchItem::Event(view.into())).item else { panic!() };
    assert_eq!((event.cursor, event.at), (9, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 })));
    let Some(v1::event::What::AttemptFailed(failed)) = event.what else { panic!() };
    assert_eq!((failed.class.as_str(), failed.will_retry, failed.retry_in_ms), ("timed_out", true, 250));
    let beat = watched(&WatchItem::Heartbeat(Seq(3))).item;
    assert_eq!(beat, Some(v1::watch_response::Item::Heartbeat(3)));
}
