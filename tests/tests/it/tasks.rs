//! Every call about tasks, with its refusals: what a client may rely on.

use agentd_proto::v1::{
    CancelRequest, CpuHint, Hints, ListTasksRequest, Priority, StepState, SubmitRequest, Task, TaskState, event::What,
    watch_response::Item,
};
use agentd_tests::{
    client::{analyze, noop, soon},
    daemon::{Clients, Home, TestDaemon, eventually, runtime},
    fixture,
    gate::Gate,
};
use tonic::{Code, Status};

fn with_key(key: &str, request: SubmitRequest) -> SubmitRequest {
    SubmitRequest { idempotency_key: key.to_owned(), ..request }
}

/// One compute agent surveys, one task at a time, so that the queue has an order.
fn one_surveyor(command: &mut std::process::Command) {
    command.env("AGENTD_AGENTS__RESEARCHER__SLOTS", "1");
    for agent in ["ANALYZER", "ARCHITECT", "OPTIMIZER", "GENERATOR", "VALIDATOR", "INTEGRATOR", "SYNTHESIZER"] {
        command.env(format!("AGENTD_AGENTS__{agent}__CAPABILITIES"), "measure,project,structure,merge");
    }
}

async fn cancel(clients: &Clients, task: &str) -> Result<TaskState, Status> {
    let request = CancelRequest { task_id: task.to_owned() };
    let answer = soon("an answer to Cancel", clients.tasks.clone().cancel(request)).await;
    answer.map(|answer| answer.into_inner().state())
}

#[test]
fn a_key_makes_one_task_for_as_long_as_it_is_kept() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    let first = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let first = clients.submit(with_key("k", noop("one"))).await;
        assert!(!first.existing);
        let again = clients.submit(with_key("k", noop("one"))).await;
        assert_eq!(
            (again.task_id.as_str(), again.existing, again.cursor),
            (first.task_id.as_str(), true, first.cursor)
        );
        let urgent = SubmitRequest { priority: Priority::High.into(), ..with_key("k", noop("one")) };
        assert_eq!(clients.submit(urgent).await.task_id, first.task_id, "urgency is not part of the request");
        let refused = clients.try_submit(with_key("k", noop("two"))).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        assert!(refused.message().contains("`k`") && refused.message().contains(&first.task_id), "{refused:?}");
        let other = clients.submit(with_key("K", noop("two"))).await;
        assert!(!other.existing && other.task_id != first.task_id, "keys differ by case");
        let (one, two) = (clients.submit(noop("one")).await, clients.submit(noop("one")).await);
        assert_ne!(one.task_id, two.task_id, "without a key each request is a task");
        // So many more that memory forgets the first.
        for number in 0..100 {
            clients.run(noop(&number.to_string())).await;
        }
        let late = clients.submit(with_key("k", noop("one"))).await;
        assert_eq!((late.task_id.as_str(), late.existing, late.cursor), (first.task_id.as_str(), true, first.cursor));
        first
    });
    daemon.kill();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let late = clients.submit(with_key("k", noop("one"))).await;
        assert_eq!((late.task_id.as_str(), late.existing, late.cursor), (first.task_id.as_str(), true, first.cursor));
        let refused = clients.try_submit(with_key("k", noop("two"))).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        let seen = clients.follow(&late.task_id, late.cursor).await;
        assert_eq!(seen.state(), TaskState::Succeeded);
    });
}

#[test]
fn urgent_tasks_go_first_and_short_ones_before_long_ones() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    let _daemon = TestDaemon::start_with(&home, one_surveyor);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let holder = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let wanted = [
            (Priority::Low, 0, 5),
            (Priority::Normal, 0, 3),
            (Priority::Unspecified, 0, 4),
            (Priority::Normal, 60_000, 2),
            (Priority::Normal, 1_000, 1),
            (Priority::High, 0, 0),
        ];
        let mut expected = vec![String::new(); wanted.len()];
        for (priority, expected_ms, place) in wanted {
            let hints = Some(Hints { expected_ms, ..Hints::default() });
            let request = SubmitRequest { priority: priority.into(), hints, ..analyze(&folder) };
            expected[place] = clients.submit(request).await.task_id;
        }
        let queued = clients.status().await;
        assert_eq!((queued.queued, queued.running), (6, 1));
        gate.open();
        for task in &expected {
            assert_eq!(clients.follow(task, 0).await.state(), TaskState::Succeeded);
        }
        let mut events = clients.watch("", holder.cursor).await.unwrap();
        let mut order = Vec::new();
        while order.len() < expected.len() {
            let Some(Item::Event(event)) = soon("events", events.message()).await.unwrap().unwrap().item else {
                continue;
            };
            if let Some(What::AttemptStarted(start)) = event.what
                && start.step == "survey"
                && event.task_id != holder.task_id
            {
                order.push(event.task_id);
            }
        }
        assert_eq!(order, expected);
    });
}

#[test]
fn hints_are_followed_where_that_is_possible() {
    let home = Home::new();
    let folder = home.folder("work");
    let module: String = (0..1_500).map(|number| format!("pub fn f{number}() {{}}\n")).collect();
    for number in 0..20 {
        std::fs::write(folder.join(format!("m{number}.rs")), &module).unwrap();
    }
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let hinted = |prefer: &str, cpu: CpuHint, request| {
            let hints = Some(Hints { prefer: prefer.to_owned(), cpu: cpu.into(), expected_ms: 0 });
            clients.run(SubmitRequest { hints, ..request })
        };
        let (_, seen) = hinted("monitor", CpuHint::Unspecified, noop("x")).await;
        assert_eq!(seen.attempts(), [("noop", "monitor")]);
        let (_, seen) = hinted("validator", CpuHint::Unspecified, noop("x")).await;
        assert_eq!(seen.attempts(), [("noop", "coordinator")], "another class may not do it");
        let (_, seen) = hinted("optimizer", CpuHint::Quiet, analyze(&folder)).await;
        assert_eq!(seen.attempts()[0], ("survey", "optimizer"));
        let summary = seen.events.iter().find_map(|event| match &event.what {
            Some(What::StepSucceeded(end)) if end.step == "measure" => Some(end.summary.clone()),
            _ => None,
        });
        let summary = summary.unwrap();
        let (_, shares) = summary.split_once("pieces: ").unwrap_or_else(|| panic!("{summary}"));
        assert_eq!(shares.split(", ").count(), 1, "quiet work stays on one agent: {summary}");
    });
}

#[test]
fn requests_that_cannot_be_used_name_the_field() {
    let home = Home::new();
    let folder = home.folder("work");
    let _daemon = TestDaemon::start(&home);
    let hints = |prefer: &str, cpu, expected_ms| Some(Hints { prefer: prefer.to_owned(), cpu, expected_ms });
    let long = |bytes: usize| "x".repeat(bytes);
    let place = |workspace: &str| SubmitRequest { workspace: workspace.to_owned(), ..analyze(&folder) };
    let table = [
        ("request", SubmitRequest { request: String::new(), ..noop("") }),
        ("request", noop(" \n")),
        ("request", noop("a\0b")),
        ("request", noop(&long((32 << 10) + 1))),
        ("workspace", place("")),
        ("workspace", place("work")),
        ("workspace", place("./work")),
        ("workspace", place(&format!("/{}", long(4_096)))),
        ("workflow", SubmitRequest { workflow: "bake".to_owned(), ..noop("x") }),
        ("idempotency_key", with_key(&long(129), noop("x"))),
        ("idempotency_key", with_key("a\0", noop("x"))),
        ("priority", SubmitRequest { priority: 4, ..noop("x") }),
        ("hints.prefer", SubmitRequest { hints: hints("cook", 0, 0), ..noop("x") }),
        ("hints.cpu", SubmitRequest { hints: hints("", 3, 0), ..noop("x") }),
        ("hints.expected_ms", SubmitRequest { hints: hints("", 0, u64::MAX), ..noop("x") }),
        ("path", SubmitRequest { path: long(20 << 10), ..noop("x") }),
    ];
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        for (field, request) in table {
            let refused = clients.try_submit(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{field}: {refused:?}");
            assert!(refused.message().starts_with(&format!("{field}: ")), "{field}: {}", refused.message());
        }
        let longest = noop(&long(32 << 10));
        assert_eq!(clients.run(longest).await.1.state(), TaskState::Succeeded);
        let kept = clients.status().await;
        assert_eq!((kept.queued, kept.running), (0, 0), "nothing of it was accepted");
    });
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    std::fs::create_dir_all(home.state()).unwrap();
    std::fs::write(home.state().join("config.toml"), "[queue]\nmax_tasks = 2\n").unwrap();
    set_private(&home.state());
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let held =
            [clients.submit(with_key("one", gate.analyze(&folder))).await, clients.submit(gate.analyze(&folder)).await];
        let refused = clients.try_submit(noop("one too many")).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("queue.max_tasks") && refused.message().contains('2'), "{refused:?}");
        let wait = refused.metadata().get(agentd_proto::limits::RETRY_AFTER_TRAILER).expect("a hint in the trailers");
        assert!(wait.to_str().unwrap().parse::<u64>().unwrap() >= 1);
        // Whose answer was lost asks again, and must hear that the task is there.
        let again = clients.submit(with_key("one", gate.analyze(&folder))).await;
        assert_eq!((again.task_id.as_str(), again.existing), (held[0].task_id.as_str(), true));
        gate.open();
        for task in &held {
            assert_eq!(clients.follow(&task.task_id, 0).await.state(), TaskState::Succeeded);
        }
        assert_eq!(clients.run(noop("now")).await.1.state(), TaskState::Succeeded);
    });
}

fn set_private(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

async fn pages(clients: &Clients, query: ListTasksRequest) -> Vec<Task> {
    let mut found = Vec::new();
    let mut query = query;
    loop {
        let page = clients.tasks.clone().list(query.clone()).await.unwrap().into_inner();
        assert!(page.tasks.len() <= query.page_size.max(1) as usize || query.page_size == 0);
        let empty = page.tasks.is_empty();
        found.extend(page.tasks);
        if page.next_page_token.is_empty() {
            return found;
        }
        assert!(!empty, "an empty page promises more");
        query.page_token = page.next_page_token;
    }
}

#[test]
fn pages_hold_every_task_once_newest_first_whoever_remembers_it() {
    let home = Home::new();
    let folder = home.folder("work");
    let gate = Gate::new(home.folder("gate"));
    let mut daemon = TestDaemon::start(&home);
    let (mut made, here) = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let here = clients.run(analyze(&folder)).await.0;
        let mut made = vec![here.clone()];
        for number in 0..150 {
            made.push(clients.submit(noop(&format!("number {number}"))).await.task_id);
        }
        for task in &made {
            clients.follow(task, 0).await;
        }
        (made, here)
    });
    made.reverse();
    for restarted in [false, true] {
        if restarted {
            daemon.kill();
            daemon = TestDaemon::start(&home);
        }
        runtime().block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            for page_size in [0, 1_000, 7, 50] {
                let found = pages(&clients, ListTasksRequest { page_size, ..ListTasksRequest::default() }).await;
                let ids: Vec<&str> = found.iter().map(|task| task.task_id.as_str()).collect();
                assert_eq!(ids, made, "pages of {page_size}, restarted: {restarted}");
                for task in &found {
                    assert_eq!(task.state(), TaskState::Succeeded, "{task:?}");
                    assert!(task.submitted_at.is_some() && task.ended_at.is_some() && task.cursor > 0, "{task:?}");
                }
                assert_eq!(found[0].request, "number 149");
            }
            let workspace = folder.to_str().unwrap().to_owned();
            let found = pages(&clients, ListTasksRequest { workspace, ..ListTasksRequest::default() }).await;
            assert_eq!(found.iter().map(|task| &task.task_id).collect::<Vec<_>>(), [&here]);
            let only =
                |state: TaskState| ListTasksRequest { states: vec![state.into()], ..ListTasksRequest::default() };
            assert_eq!(pages(&clients, only(TaskState::Failed)).await, []);
            assert_eq!(pages(&clients, only(TaskState::Succeeded)).await.len(), made.len());
            let oldest = clients.task(&here).await.unwrap();
            let steps: Vec<StepState> = oldest.steps.iter().map(agentd_proto::v1::Step::state).collect();
            assert!(steps.is_empty() || steps == [StepState::Succeeded; 8], "{oldest:?}");
            assert_eq!(oldest.documents.len(), 3, "{oldest:?}");
            assert_eq!((oldest.workflow.as_str(), oldest.request.as_str()), ("analyze", "what is this?"));
            assert!(!clients.document(&here, "report.md").await.unwrap().is_empty());
        });
    }
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let held = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let states = vec![TaskState::Running.into(), TaskState::Queued.into()];
        let open = pages(&clients, ListTasksRequest { states, ..ListTasksRequest::default() }).await;
        assert_eq!(open.iter().map(|task| &task.task_id).collect::<Vec<_>>(), [&held.task_id]);
        let whole = clients.task(&held.task_id).await.unwrap();
        assert_eq!(whole.steps[0].state(), StepState::Running);
        assert!(open[0].steps.is_empty(), "a list has no steps, whether a task is old or new");
        assert_eq!(open[0].ended_at, None);
        gate.open();
        clients.follow(&held.task_id, 0).await;
        for (bad, field) in [
            (ListTasksRequest { page_token: "x".to_owned(), ..ListTasksRequest::default() }, "page_token"),
            (ListTasksRequest { page_size: 1_001, ..ListTasksRequest::default() }, "page_size"),
            (ListTasksRequest { states: vec![0], ..ListTasksRequest::default() }, "states"),
            (ListTasksRequest { states: vec![99], ..ListTasksRequest::default() }, "states"),
            (ListTasksRequest { workspace: "work".to_owned(), ..ListTasksRequest::default() }, "workspace"),
        ] {
            let refused = clients.tasks.clone().list(bad).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            assert!(refused.message().starts_with(field), "{refused:?}");
        }
        for unknown in ["01JDAAAAAAAAAAAAAAAAAAAAA1"] {
            assert_eq!(clients.task(unknown).await.unwrap_err().code(), Code::NotFound);
        }
        for malformed in ["", "x", "01JDAAAAAAAAAAAAAAAAAAAAA"] {
            let refused = clients.task(malformed).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{malformed}: {refused:?}");
            assert!(refused.message().starts_with("task_id: "), "{refused:?}");
        }
    });
}

/// Takes events of all tasks until one has this cursor.
async fn until(clients: &Clients, from: u64, last: u64) -> Vec<u64> {
    let mut stream = clients.watch("", from).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        if let Some(Item::Event(event)) = soon("events", stream.message()).await.unwrap().unwrap().item {
            seen.push(event.cursor);
        }
    }
    seen
}

#[test]
fn watching_misses_nothing_wherever_it_begins() {
    let home = Home::new();
    let folder = home.folder("work");
    fixture::write(&folder, &[("a.rs", "fn main() {}\n")]);
    let mut daemon = TestDaemon::start(&home);
    let (task, all, last) = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (task, live) = clients.run(analyze(&folder)).await;
        assert!(matches!(live.events[0].what, Some(What::Submitted(_))), "{:?}", live.events[0]);
        assert!(live.events.iter().all(|event| event.task_id == task && event.at.is_some()));
        let again = clients.follow(&task, 0).await;
        assert_eq!(again.events, live.events);
        assert!(again.progress.is_empty(), "progress is live only");
        let middle = live.events[live.events.len() / 2].cursor;
        let rest = clients.follow(&task, middle).await;
        assert_eq!(rest.events, live.events[live.events.len() / 2 + 1..]);
        let last = live.events.last().unwrap().cursor;
        assert!(clients.follow(&task, last).await.events.is_empty(), "the stream of an ended task ends");
        let newest = clients.status().await.cursor;
        for (id, cursor) in [("", newest + 1), (task.as_str(), newest + 1), ("", u64::MAX)] {
            let refused = clients.watch(id, cursor).await.unwrap_err();
            assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
            assert!(refused.message().contains(&newest.to_string()), "{refused:?}");
        }
        assert_eq!(clients.watch("01JDAAAAAAAAAAAAAAAAAAAAA1", 0).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(clients.watch("nonsense", 0).await.unwrap_err().code(), Code::InvalidArgument);
        // Of all tasks, while several run at once.
        let mut submitted = Vec::new();
        for number in 0..20 {
            submitted.push(clients.submit(noop(&number.to_string())).await);
        }
        let mut last = 0;
        for task in &submitted {
            last = last.max(*clients.follow(&task.task_id, task.cursor).await.cursors().last().unwrap());
        }
        let seen = until(&clients, 0, last).await;
        assert!(seen.is_sorted_by(|a, b| a < b), "in order, none twice: {seen:?}");
        assert_eq!(until(&clients, seen[3], last).await, seen[4..], "from the middle nothing is missing");
        for cursor in live.cursors() {
            assert!(seen.contains(&cursor), "{cursor}");
        }
        (task, seen, last)
    });
    daemon.kill();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        assert_eq!(until(&clients, 0, last).await, all, "the same after a restart");
        let middle = all[all.len() / 2];
        let newer = clients.submit(noop("after")).await;
        let end = *clients.follow(&newer.task_id, newer.cursor).await.cursors().last().unwrap();
        let resumed = until(&clients, middle, end).await;
        assert_eq!(resumed[..all.len() / 2 - 1], all[all.len() / 2 + 1..], "and it goes on behind it");
        assert!(resumed.len() > all.len() / 2);
        assert_eq!(clients.follow(&task, 0).await.state(), TaskState::Succeeded);
    });
}

#[test]
fn cancelling_ends_a_task_wherever_it_stands() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    let mut daemon = TestDaemon::start_with(&home, one_surveyor);
    let finished = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (finished, _) = clients.run(noop("done")).await;
        assert_eq!(cancel(&clients, &finished).await.unwrap(), TaskState::Succeeded, "an end stays as it is");
        let running = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let queued = clients.submit(analyze(&folder)).await;
        assert_eq!(cancel(&clients, &queued.task_id).await.unwrap(), TaskState::Cancelled);
        let seen = clients.follow(&queued.task_id, queued.cursor).await;
        assert_eq!((seen.state(), seen.attempts()), (TaskState::Cancelled, vec![]));
        let children = gate.waiting();
        let state = cancel(&clients, &running.task_id).await.unwrap();
        assert!(matches!(state, TaskState::Running | TaskState::Cancelled), "{state:?}");
        let seen = clients.follow(&running.task_id, running.cursor).await;
        assert_eq!(seen.state(), TaskState::Cancelled);
        assert!(seen.events.iter().any(|event| matches!(event.what, Some(What::CancelRequested(_)))));
        assert_eq!(seen.attempts(), [("survey", "researcher")], "no step begins after it");
        eventually("the end of the task's children", || children.iter().all(|child| !is_alive(*child)));
        assert_eq!(cancel(&clients, &running.task_id).await.unwrap(), TaskState::Cancelled);
        let task = clients.task(&running.task_id).await.unwrap();
        assert_eq!((task.state(), task.documents.len()), (TaskState::Cancelled, 0));
        assert_eq!(cancel(&clients, "01JDAAAAAAAAAAAAAAAAAAAAA1").await.unwrap_err().code(), Code::NotFound);
        assert_eq!(cancel(&clients, "x").await.unwrap_err().code(), Code::InvalidArgument);
        // The agent is free again.
        assert_eq!(clients.run(analyze(&folder)).await.1.state(), TaskState::Succeeded);
        finished
    });
    daemon.kill();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        assert_eq!(cancel(&clients, &finished).await.unwrap(), TaskState::Succeeded);
        let states = vec![TaskState::Cancelled.into()];
        let cancelled = pages(&clients, ListTasksRequest { states, ..ListTasksRequest::default() }).await;
        assert_eq!(cancelled.len(), 2, "{cancelled:?}");
    });
}

fn is_alive(pid: u32) -> bool {
    let status = std::process::Command::new("kill").args(["-0", &pid.to_string()]).output();
    status.is_ok_and(|output| output.status.success())
}
