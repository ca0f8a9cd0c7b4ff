//! Clients that flood, stall, break the rules or talk nonsense: the daemon refuses in time, its memory stays bounded, and who
//! behaves is served as before.

use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    process::Command,
};

use agentd_proto::v1::{
    Metric, MetricsRequest, SubmitRequest, TaskState, WatchRequest, task_service_client::TaskServiceClient,
    watch_response::Item,
};
use agentd_tests::{
    client::{analyze, noop, soon},
    daemon::{Clients, Home, TestDaemon, cli, connect, eventually, patience, runtime},
    process::resident_kib,
    raw::{self, END_HEADERS, END_STREAM, PREFACE, call, frame, kind},
    skip,
};
use tokio::task::JoinSet;
use tonic::{Code, transport::Endpoint};

const WATCH: &str = "/agentd.v1.TaskService/Watch";

/// What a client may cost the daemon, in KiB of resident memory.
const BOUND_KIB: u64 = 64 << 10;

/// Runs something against the daemon and checks that its memory stays bounded.
fn bounded(daemon: &TestDaemon, what: &str, run: impl FnOnce()) {
    let before = resident_kib(daemon.pid());
    run();
    let after = resident_kib(daemon.pid());
    let grown = after.saturating_sub(before);
    eprintln!("{what}: {before} KiB before, {after} KiB after, {grown} KiB more");
    assert!(grown <= BOUND_KIB, "{what}: {grown} KiB more, at most {BOUND_KIB} are allowed");
}

/// A client that behaves, on a connection of its own.
fn works(home: &Home) {
    runtime().block_on(async {
        let clients = Clients::connect(home).await.unwrap();
        assert_eq!(clients.run(noop("as usual")).await.1.state(), TaskState::Succeeded);
    });
}

fn gauge(home: &Home, name: &str, label: &str) -> f64 {
    try_gauge(home, name, label).expect("it answers")
}

/// The figure; none if the daemon takes no connection.
fn try_gauge(home: &Home, name: &str, label: &str) -> Option<f64> {
    let answer = runtime().block_on(async {
        let mut client = Clients::connect(home).await.ok()?.daemon;
        soon("the metrics", client.metrics(MetricsRequest {})).await.ok()
    });
    let of_label = |metric: &&Metric| label.is_empty() || metric.labels.iter().any(|it| it.value == label);
    Some(answer?.into_inner().metrics.iter().filter(|metric| metric.name == name).find(of_label)?.value)
}

/// Waits until nobody but the asker is connected.
fn all_gone(home: &Home) {
    let alone = || try_gauge(home, "agentd_connections", "").is_some_and(|open| open <= 1.0);
    eventually("the end of all connections", alone);
}

#[test]
fn of_ten_thousand_connections_as_many_are_served_as_allowed() {
    let home = Home::new();
    let daemon = TestDaemon::start_with(&home, |command| {
        command.env("AGENTD_SERVER__MAX_CONNECTIONS_PER_PROCESS", "10000");
    });
    let runtime = runtime();
    let clients = runtime.block_on(async { Clients::connect(&home).await.unwrap() });
    bounded(&daemon, "10,000 connections", || {
        let mut kept = Vec::new();
        for number in 0..10_000 {
            let (stream, served) = raw::open(&home.socket()).unwrap();
            if served {
                kept.push(stream);
            }
            if number % 2_500 == 0 {
                let (_, seen) = runtime.block_on(clients.run(noop("during")));
                assert_eq!(seen.state(), TaskState::Succeeded);
            }
        }
        assert_eq!(kept.len(), 127, "and one for who was there before");
        let metrics = runtime.block_on(clients.metrics());
        let refused = metrics.iter().find(|metric| metric.labels.iter().any(|label| label.value == "full"));
        assert_eq!(refused.unwrap().value, 10_000.0 - 127.0);
    });
    drop((clients, runtime));
    all_gone(&home);
    works(&home);
}

#[test]
fn one_process_leaves_room_for_others() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    let open: Vec<UnixStream> =
        (0..500).map(|_| raw::open(&home.socket()).unwrap()).filter(|(_, served)| *served).map(|(it, _)| it).collect();
    assert_eq!(open.len(), 32);
    let status = cli(&home, &["status"]);
    assert!(status.status.success(), "another process is served: {status:?}");
    drop(open);
    all_gone(&home);
    works(&home);
}

/// Writes until the daemon closes or all is written, while another thread reads what comes back. Gives the calls answered
/// with headers, the calls reset, and whether the connection was ended by the daemon.
fn attack(home: &Home, frames: impl Iterator<Item = Vec<u8>>) -> (usize, usize, bool) {
    let (mut stream, served) = raw::open(&home.socket()).unwrap();
    assert!(served);
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (mut answered, mut reset, mut ended) = (HashSet::new(), HashSet::new(), false);
        while let Some((kind, stream, _)) = raw::read_frame(&mut reader).unwrap() {
            match kind {
                kind::HEADERS => drop(answered.insert(stream)),
                kind::RST_STREAM => drop(reset.insert(stream)),
                kind::GOAWAY => ended = true,
                _ => {}
            }
        }
        (answered.len(), reset.len(), ended)
    });
    let closed = frames.into_iter().any(|bytes| stream.write_all(&bytes).is_err());
    if !closed {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let (answered, reset, ended) = reading.join().unwrap();
    (answered, reset, ended || closed)
}

#[test]
fn twenty_thousand_streams_on_one_connection_meet_the_limit() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    bounded(&daemon, "20,000 streams", || {
        let calls = (0..20_000).map(|number| call(2 * number + 1, WATCH));
        let (answered, reset, ended) = attack(&home, calls);
        eprintln!("{answered} streams answered, {reset} reset, connection ended: {ended}");
        assert!(answered <= 64 + reset, "no more than the limit at once");
        assert!(reset > 0 || ended);
    });
    all_gone(&home);
    assert_eq!(gauge(&home, "agentd_watchers", ""), 0.0);
    works(&home);
}

#[test]
fn broken_rules_of_the_protocol_end_one_connection_only() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let long = vec![b'a'; 16_000];
    type Frames<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;
    let attacks: [(&str, Frames<'_>); 6] = [
        (
            "rapid reset",
            Box::new((0..20_000_u32).map(|number| {
                let stream = 2 * number + 1;
                [call(stream, WATCH), frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
            })),
        ),
        (
            "headers without end",
            Box::new((0..2_000).map(|number| match number {
                0 => frame(kind::HEADERS, 0, 1, &raw::headers(WATCH)),
                _ => frame(kind::CONTINUATION, 0, 1, &[&[0, 1, b'x', 0x7f, 0x81, 0x7c][..], &long[..]].concat()),
            })),
        ),
        (
            "empty data",
            Box::new((0..200_000).map(|number| match number {
                0 => frame(kind::HEADERS, END_HEADERS, 1, &raw::headers(WATCH)),
                _ => frame(kind::DATA, 0, 1, &[]),
            })),
        ),
        ("pings", Box::new((0..200_000_u64).map(|number| frame(kind::PING, 0, 0, &number.to_be_bytes())))),
        ("settings", Box::new((0..200_000).map(|_| frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])))),
        ("data nobody asked for", Box::new((0..20_000).map(|_| frame(kind::DATA, END_STREAM, 7, &long)))),
    ];
    for (what, frames) in attacks {
        bounded(&daemon, what, || {
            let (answered, reset, ended) = attack(&home, frames);
            eprintln!("{what}: {answered} answered, {reset} reset, ended by the daemon: {ended}");
        });
        works(&home);
    }
    all_gone(&home);
}

/// Passes so many tasks through the daemon, some at once.
async fn pass(clients: &Clients, tasks: usize) {
    let mut running = JoinSet::new();
    for number in 0..tasks {
        if running.len() >= 24 {
            running.join_next().await.unwrap().unwrap();
        }
        let clients = clients.clone();
        running.spawn(async move { clients.submit(noop(&number.to_string())).await });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    loop {
        let status = clients.status().await;
        if status.queued + status.running == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A watcher of everything, with the smallest windows that HTTP/2 knows.
async fn narrow(home: &Home) -> tonic::Streaming<agentd_proto::v1::WatchResponse> {
    let endpoint = Endpoint::from_shared(format!("unix://{}", home.socket().display())).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut client = TaskServiceClient::new(endpoint.connect().await.unwrap());
    client.watch(WatchRequest { task_id: String::new(), cursor: 0, progress: true }).await.unwrap().into_inner()
}

/// Reads events up to a cursor.
async fn read_to(stream: &mut tonic::Streaming<agentd_proto::v1::WatchResponse>, last: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|newest| *newest < last) {
        if let Some(Item::Event(event)) = soon("an event", stream.message()).await.unwrap().unwrap().item {
            seen.push(event.cursor);
        }
    }
    seen
}

#[test]
fn a_watcher_that_never_reads_costs_little_and_catches_up() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let runtime = runtime();
    runtime.block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        // What a daemon at work costs anyway is not the watcher's doing.
        pass(&clients, 200).await;
    });
    let (mut stuck, mut quick) = runtime.block_on(async { (narrow(&home).await, narrow(&home).await) });
    let mut seen = Vec::new();
    bounded(&daemon, "a stuck watcher and 20,000 events", || {
        runtime.block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            let reading = async {
                let mut seen = Vec::new();
                // 5,200 tasks of at least four events each; the last one is known only afterwards.
                while seen.len() < 20_000 {
                    if let Some(Item::Event(event)) = soon("an event", quick.message()).await.unwrap().unwrap().item {
                        seen.push(event.cursor);
                    }
                }
                seen
            };
            ((), seen) = tokio::join!(pass(&clients, 5_000), reading);
        });
    });
    runtime.block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let last = clients.status().await.cursor;
        let late = read_to(&mut stuck, *seen.last().unwrap()).await;
        eprintln!("cursor {last}; {} events caught up", late.len());
        assert!(seen.is_sorted_by(|a, b| a < b), "in order, none twice");
        assert_eq!(late, seen, "the one that stalled has seen the same");
    });
}

#[test]
fn two_hundred_stuck_watchers_hold_up_nobody() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    bounded(&daemon, "200 stuck watchers", || {
        let mut stuck = Vec::new();
        for _ in 0..4 {
            let (stream, served) = raw::open(&home.socket()).unwrap();
            assert!(served);
            stuck.push(stream);
        }
        // In two waves: more than 32 calls of one connection at once are refused.
        for wave in 0..2 {
            for stream in &mut stuck {
                for number in 25 * wave..25 * (wave + 1) {
                    stream.write_all(&call(2 * number + 1, WATCH)).unwrap();
                }
            }
            let expected = f64::from(100 * (wave + 1));
            eventually("watchers", || gauge(&home, "agentd_watchers", "") >= expected);
        }
        runtime().block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            let from = clients.status().await.cursor;
            pass(&clients, 1_000).await;
            let mut watch = clients.watch("", from).await.unwrap();
            let last = clients.status().await.cursor;
            let seen = read_to(&mut watch, last).await;
            assert!(seen.len() >= 3_000, "{}", seen.len());
        });
    });
    all_gone(&home);
    eventually("the end of the watchers", || gauge(&home, "agentd_watchers", "") == 0.0);
}

#[test]
fn messages_above_the_limit_are_refused_with_words() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    bounded(&daemon, "messages of 1 to 32 MiB", || {
        runtime().block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            for size in [(1 << 20) + 1, 4 << 20, 32 << 20] {
                let refused = clients.try_submit(noop(&"x".repeat(size))).await.unwrap_err();
                let typed =
                    matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted | Code::InvalidArgument);
                assert!(typed && refused.message().contains("too large"), "{size}: {refused:?}");
                assert_eq!(clients.run(noop("the same connection")).await.1.state(), TaskState::Succeeded);
            }
        });
    });
}

/// The same numbers on every run (xorshift64, Marsaglia 2003).
struct Noise(u64);

impl Noise {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = 1 + self.next() % most;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[test]
fn nonsense_on_the_socket_is_turned_away() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    bounded(&daemon, "500 rounds of nonsense", || {
        for round in 0..500 {
            let words = match round % 5 {
                0 => noise.bytes(4_096),
                1 => b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".to_vec(),
                2 => [PREFACE, &noise.bytes(4_096)].concat(),
                3 => {
                    let (kind, flags) = (noise.next().to_le_bytes()[0] % 12, noise.next().to_le_bytes()[0]);
                    let stream = u32::from(noise.next().to_le_bytes()[0] % 4);
                    [PREFACE, &frame(kind, flags, stream, &noise.bytes(512))].concat()
                }
                _ => b"POST /agentd.v1.TaskService/Submit HTTP/1.1\r\nOrigin: http://example.org\r\n\r\n{}".to_vec(),
            };
            let mut stream = raw::connect(&home.socket()).unwrap();
            let _ = stream.write_all(&words);
            let _ = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let ended = stream.read_to_end(&mut answer);
            let closed = ended.as_ref().map_or_else(raw::is_closed, |_| true);
            assert!(closed, "round {round}: neither answered nor closed: {ended:?}");
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "round {round}: {}", String::from_utf8_lossy(&answer));
        }
    });
    all_gone(&home);
    works(&home);
}

#[test]
fn a_client_that_fell_silent_loses_its_connection() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    let (mut stream, served) = raw::open(&home.socket()).unwrap();
    assert!(served);
    stream.write_all(&call(1, WATCH)).unwrap();
    let mut pings = 0;
    // It reads, but never answers a ping, as a stopped process would not.
    while let Some((kind, _, _)) = raw::read_frame(&mut stream).expect("it is closed before the patience is over") {
        pings += usize::from(kind == kind::PING);
    }
    assert!(pings >= 1, "it was asked for a sign of life");
    all_gone(&home);
}

#[test]
fn a_thousand_submits_with_one_key_make_one_task() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let mut running = JoinSet::new();
        for _ in 0..20 {
            let clients = Clients::connect(&home).await.unwrap();
            for _ in 0..50 {
                let clients = clients.clone();
                running.spawn(async move {
                    let request = SubmitRequest { idempotency_key: "one".to_owned(), ..noop("once") };
                    let mut tries = 0;
                    loop {
                        match clients.try_submit(request.clone()).await {
                            Ok(answer) => break (answer.task_id, answer.existing, tries),
                            // More at once than one connection may have: told so, and tried again.
                            Err(busy) if matches!(busy.code(), Code::ResourceExhausted | Code::Unavailable) => {
                                tries += 1;
                                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                            }
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                });
            }
        }
        let answers = running.join_all().await;
        let ids: HashSet<&String> = answers.iter().map(|(id, ..)| id).collect();
        assert_eq!((answers.len(), ids.len()), (1_000, 1));
        assert_eq!(answers.iter().filter(|(_, existing, _)| !existing).count(), 1, "one made it");
        let tries: usize = answers.iter().map(|(.., tries)| tries).sum();
        eprintln!("{tries} were told to come back");
        let clients = Clients::connect(&home).await.unwrap();
        let all = clients.tasks.clone().list(agentd_proto::v1::ListTasksRequest::default()).await.unwrap();
        assert_eq!(all.into_inner().tasks.len(), 1);
    });
}

/// Sets how many descriptors a process may have; false where that cannot be done from outside.
fn limit_descriptors(pid: u32, limit: usize) -> bool {
    let args = [format!("--pid={pid}"), format!("--nofile={limit}:")];
    Command::new("prlimit").args(args).status().is_ok_and(|status| status.success())
}

#[test]
fn without_descriptors_the_daemon_waits_and_recovers() {
    let home = Home::new();
    let folder = home.folder("work");
    std::fs::write(folder.join("a.rs"), "fn main() {}\n").unwrap();
    let mut daemon = TestDaemon::start(&home);
    let runtime = runtime();
    let clients = runtime.block_on(async { Clients::connect(&home).await.unwrap() });
    runtime.block_on(async { assert_eq!(clients.run(noop("before")).await.1.state(), TaskState::Succeeded) });
    let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).map(Iterator::count) else {
        return skip::skip("a daemon without descriptors", "the limit of a running process cannot be set here");
    };
    if !limit_descriptors(daemon.pid(), open + 4) {
        return skip::skip("a daemon without descriptors", "prlimit is not installed");
    }
    // More than it can take; those beyond wait in the system's queue.
    let crowd: Vec<UnixStream> = (0..30).map(|_| raw::connect(&home.socket()).unwrap()).collect();
    runtime.block_on(async {
        assert_eq!(clients.run(noop("without descriptors")).await.1.state(), TaskState::Succeeded);
        let (_, seen) = clients.run(analyze(&folder)).await;
        eprintln!("an analysis without descriptors: {:?}, {}", seen.state(), seen.end().summary);
        assert!(matches!(seen.state(), TaskState::Succeeded | TaskState::Failed));
        assert!(!seen.end().summary.is_empty());
        let refused = clients.metrics().await;
        let system = refused.iter().find(|metric| metric.labels.iter().any(|label| label.value == "system")).unwrap();
        assert!(system.value >= 1.0, "it has met the limit");
    });
    drop(crowd);
    assert!(limit_descriptors(daemon.pid(), 1_024));
    works(&home);
    runtime.block_on(async {
        assert_eq!(clients.run(analyze(&folder)).await.1.state(), TaskState::Succeeded);
        drop(clients);
        let channel = tokio::time::timeout(patience(), connect(&home.socket())).await;
        assert!(channel.is_ok_and(|channel| channel.is_ok()));
    });
    assert!(daemon.stop().success(), "{}", daemon.words());
}
