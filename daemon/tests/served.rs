//! The real daemon, in this process, on a real socket, asked by real clients: what it answers, whom it refuses, how it stops.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests start what they test")]

use std::{
    collections::HashMap,
    future::Future,
    os::unix::{fs::MetadataExt as _, net::UnixListener as StdListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentd::{
    App, Error,
    app::{LOOK_EVERY, Launch, LogTo},
    config::{self, Flags, Server},
    lifecycle::lock,
    rpc,
};
use agentd_proto::v1::{self, watch_response::Item};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use v1::{
    agent_service_client::AgentServiceClient, daemon_service_client::DaemonServiceClient,
    task_service_client::TaskServiceClient,
};

/// A state folder and who owns it.
struct Place {
    dir: tempfile::TempDir,
    uid: u32,
    look_every: Duration,
}

/// Ways to reach the daemon.
struct Door {
    socket: PathBuf,
    channel: Channel,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        Self { dir, uid, look_every: LOOK_EVERY }
    }

    async fn build(&self, settings: &[(&str, &str)]) -> Result<App, Error> {
        self.build_on(None, settings).await
    }

    async fn build_on(&self, inherited: Option<StdListener>, settings: &[(&str, &str)]) -> Result<App, Error> {
        let home = ("AGENTD_HOME", self.dir.path().to_str().unwrap());
        let environment: HashMap<String, String> =
            settings.iter().copied().chain([home]).map(|(key, value)| (key.into(), value.into())).collect();
        let config = config::load(&Flags::default(), &environment, self.uid)?;
        let (log, look_every) = (LogTo::Nowhere, self.look_every);
        let (own_uid, clock) = (self.uid, std::sync::Arc::new(agentd_host::SystemClock));
        let launch = Launch { environment, own_uid, inherited, log, limits: None, look_every, disk: None, clock };
        App::build(config, launch).await
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agentd.sock")
    }

    /// Runs a daemon, lets `body` use it, stops it over the wire, and holds that it left nothing behind.
    fn serve<F: Future<Output = ()>>(&self, settings: &[(&str, &str)], body: impl FnOnce(Door) -> F) {
        run(async {
            let app = self.build(settings).await.unwrap();
            let used = async {
                body(Door { socket: self.socket(), channel: channel(&self.socket()).await }).await;
                // Again until it is heard: the places of connections that `body` dropped come back in their own time, and
                // if `body` has stopped the daemon already, the socket goes with it.
                while self.socket().exists() {
                    // The daemon's own stop runs on this thread too: a refused connection does not wait for anything.
                    tokio::task::yield_now().await;
                    let Ok(channel) = endpoint(&self.socket()).connect().await else { continue };
                    let stop = v1::ShutdownRequest { grace_ms: 1 };
                    if DaemonServiceClient::new(channel).shutdown(stop).await.is_ok() {
                        break;
                    }
                }
            };
            let (outcome, ()) = tokio::join!(app.run(), used);
            outcome.unwrap();
        });
        assert!(!self.socket().exists(), "the socket was left behind");
        drop(lock::take(self.dir.path()).unwrap());
    }
}

fn run<F: Future>(future: F) -> F::Output {
    agentd_host::current_thread_runtime().unwrap().block_on(future)
}

fn endpoint(socket: &Path) -> Endpoint {
    Endpoint::from_shared(format!("unix://{}", socket.display())).unwrap()
}

async fn channel(socket: &Path) -> Channel {
    endpoint(socket).connect().await.unwrap()
}

impl Door {
    fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel.clone())
    }

    fn daemon(&self) -> DaemonServiceClient<Channel> {
        DaemonServiceClient::new(self.channel.clone())
    }

    async fn status(&self) -> v1::StatusResponse {
        self.daemon().status(v1::StatusRequest {}).await.unwrap().into_inner()
    }
}

fn noop(key: &str) -> v1::SubmitRequest {
    v1::SubmitRequest {
        request: "nothing".to_owned(),
        workflow: "noop".to_owned(),
        idempotency_key: key.to_owned(),
        ..v1::SubmitRequest::default()
    }
}

/// Whether a raw connection is served: the server speaks first, and hangs up on whom it refuses.
async fn is_served(stream: &mut UnixStream) -> bool {
    stream.read(&mut [0; 1]).await.is_ok_and(|read| read > 0)
}

#[test]
fn a_task_is_accepted_followed_listed_and_remembered() {
    Place::new().serve(&[], |door| async move {
        let mut tasks = door.tasks();
        let submitted = tasks.submit(noop("key")).await.unwrap().into_inner();
        assert!(!submitted.existing && submitted.task_id.len() == 26);
        let watch = v1::WatchRequest { task_id: submitted.task_id.clone(), cursor: submitted.cursor, progress: false };
        let mut events = tasks.watch(watch).await.unwrap().into_inner();
        let mut last = None;
        let mut cursors = vec![submitted.cursor];
        while let Some(answer) = events.message().await.unwrap() {
            if let Some(Item::Event(event)) = answer.item {
                cursors.push(event.cursor);
                last = event.what;
            }
        }
        assert!(cursors.is_sorted_by(|a, b| a < b), "{cursors:?}");
        let Some(v1::event::What::Ended(end)) = last else { panic!("{last:?}") };
        assert_eq!(end.state(), v1::TaskState::Succeeded);

        let again = tasks.submit(noop("key")).await.unwrap().into_inner();
        assert_eq!((again.existing, &again.task_id), (true, &submitted.task_id));
        let other = v1::SubmitRequest { request: "something else".to_owned(), ..noop("key") };
        assert_eq!(tasks.submit(other).await.unwrap_err().code(), Code::AlreadyExists);

        let task = tasks.get(v1::GetTaskRequest { task_id: submitted.task_id.clone() }).await.unwrap().into_inner();
        assert_eq!((task.state(), task.request.as_str()), (v1::TaskState::Succeeded, "nothing"));
        let listed = tasks.list(v1::ListTasksRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.tasks.iter().map(|task| &task.task_id).collect::<Vec<_>>(), [&submitted.task_id]);
        let cancelled = tasks.cancel(v1::CancelRequest { task_id: submitted.task_id.clone() }).await.unwrap();
        assert_eq!(cancelled.into_inner().state(), v1::TaskState::Succeeded);
        let document = v1::ReadDocumentRequest { task_id: submitted.task_id, name: "report.md".to_owned() };
        assert_eq!(tasks.read_document(document).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn the_daemon_tells_about_itself() {
    let place = Place::new();
    let socket = place.socket();
    let settings = [("AGENTD_QUEUE__MAX_TASKS", "77"), ("GIT_DIR", "/elsewhere"), ("RUSTFLAGS", "-O")];
    place.serve(&settings, |door| async move {
        let mut daemon = door.daemon();
        let hello = v1::HandshakeRequest { protocol: agentd_proto::PROTOCOL_VERSION, client: "test".to_owned() };
        assert_eq!(daemon.handshake(hello).await.unwrap().into_inner().version, env!("CARGO_PKG_VERSION"));
        let status = door.status().await;
        assert_eq!((status.health(), status.reasons.len()), (v1::Health::Serving, 0));
        assert_eq!((status.socket, status.pid), (socket.display().to_string(), std::process::id()));
        assert!(!status.machine.unwrap().tiers.is_empty() && status.epoch > 0);
        let config = daemon.get_config(v1::GetConfigRequest {}).await.unwrap().into_inner().settings;
        let max = config.iter().find(|setting| setting.key == "queue.max_tasks").unwrap();
        assert_eq!((max.value.as_str(), max.source.as_str()), ("77", "environment AGENTD_QUEUE__MAX_TASKS"));
        assert_eq!(max.default_value, "1000");
        assert!(status.warnings.iter().any(|text| text.contains("GIT_DIR, RUSTFLAGS")), "{:?}", status.warnings);
        let mut agents = AgentServiceClient::new(door.channel.clone());
        let agents = agents.list(v1::ListAgentsRequest {}).await.unwrap().into_inner().agents;
        assert_eq!((agents.len(), agents[0].name.as_str(), agents[11].name.as_str()), (12, "analyzer", "reporter"));
        let metrics = daemon.metrics(v1::MetricsRequest {}).await.unwrap().into_inner();
        for line in [
            "agentd_rpcs_total{method=\"agentd.v1.DaemonService/Handshake\",code=\"Ok\"} 1",
            "agentd_connections 1",
            "# TYPE agentd_uptime_seconds gauge",
            "agentd_connections_refused_total{reason=\"full\"} 0",
        ] {
            assert!(metrics.prometheus.lines().any(|found| found == line), "{line} in\n{}", metrics.prometheus);
        }
        assert_eq!(
            metrics.metrics.len(),
            metrics.prometheus.lines().filter(|line| !line.starts_with('#')).count(),
            "the same figures both ways"
        );
        let verified = daemon.verify_journal(v1::VerifyJournalRequest {}).await.unwrap().into_inner();
        assert_eq!(verified.faults, Vec::<String>::new());
    });
}

#[test]
fn requests_that_are_wrong_get_their_code_and_the_name_of_the_field() {
    Place::new().serve(&[], |door| async move {
        let mut tasks = door.tasks();
        let cases = [
            (v1::SubmitRequest { workspace: "rel".to_owned(), ..noop("") }, Code::InvalidArgument, "workspace:"),
            (v1::SubmitRequest { request: "x".repeat(40_000), ..noop("") }, Code::InvalidArgument, "request:"),
            (v1::SubmitRequest { path: "x".repeat(70_000), ..noop("") }, Code::InvalidArgument, "path:"),
            (v1::SubmitRequest { request: "x".repeat(2 << 20), ..noop("") }, Code::OutOfRange, "too large"),
        ];
        for (wire, code, part) in cases {
            let status = tasks.submit(wire).await.unwrap_err();
            assert_eq!(status.code(), code, "{status}");
            assert!(status.message().contains(part), "{status}");
        }
        let nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
        assert_eq!(tasks.get(v1::GetTaskRequest { task_id: nobody.clone() }).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(tasks.cancel(v1::CancelRequest { task_id: nobody }).await.unwrap_err().code(), Code::NotFound);
        let future = v1::WatchRequest { cursor: u64::MAX, ..v1::WatchRequest::default() };
        assert_eq!(tasks.watch(future).await.unwrap_err().code(), Code::OutOfRange);
        let old = v1::HandshakeRequest::default();
        assert_eq!(door.daemon().handshake(old).await.unwrap_err().code(), Code::FailedPrecondition);
    });
}

#[test]
fn a_flood_of_submits_from_one_connection_is_told_when_to_come_back() {
    Place::new().serve(&[("AGENTD_SERVER__SUBMITS_PER_SECOND", "2")], |door| async move {
        let mut tasks = door.tasks();
        let mut refused = None;
        for _ in 0..1_000 {
            refused = tasks.submit(noop("")).await.err();
            if refused.is_some() {
                break;
            }
        }
        let refused = refused.expect("a thousand submits do not take five hundred seconds");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let wait: u64 = refused
            .metadata()
            .get(agentd_proto::limits::RETRY_AFTER_TRAILER)
            .unwrap()
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=500).contains(&wait), "{wait}");
    });
}

#[test]
fn the_standard_services_answer() {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    Place::new().serve(&[], |door| async move {
        let mut health = HealthClient::new(door.channel.clone());
        for service in ["", "agentd.v1.TaskService", "agentd.v1.AgentService", "agentd.v1.DaemonService"] {
            // The engine was asked first, at the start; wait until health knows.
            let mut watch =
                health.watch(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
            while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        }
        let ask = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new(door.channel.clone());
        let answers = reflection.server_reflection_info(futures_util::stream::iter([ask])).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
        let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
        for name in
            ["agentd.v1.TaskService", "agentd.v1.AgentService", "agentd.v1.DaemonService", "grpc.health.v1.Health"]
        {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
    });
}

#[test]
fn one_process_has_its_share_of_connections_and_gets_them_back() {
    let limit = [("AGENTD_SERVER__MAX_CONNECTIONS_PER_PROCESS", "3")];
    Place::new().serve(&limit, |door| async move {
        // One is the channel's; each answer shows that it is really in.
        door.status().await;
        let mut first = UnixStream::connect(&door.socket).await.unwrap();
        let mut second = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut first).await && is_served(&mut second).await);
        for _ in 0..50 {
            assert!(!is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await);
        }
        drop(first);
        // The server notices the end in its own time.
        while !is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await {}
        door.status().await;
        drop(second);
    });
}

#[test]
fn all_connections_together_are_limited() {
    let limit = [("AGENTD_SERVER__MAX_CONNECTIONS", "2")];
    Place::new().serve(&limit, |door| async move {
        door.status().await;
        let mut other = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut other).await);
        assert!(!is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await);
        let metrics = door.daemon().metrics(v1::MetricsRequest {}).await.unwrap().into_inner().prometheus;
        assert!(metrics.contains("agentd_connections 2\n"), "{metrics}");
        assert!(metrics.contains("agentd_connections_refused_total{reason=\"full\"} 1\n"), "{metrics}");
    });
}

#[test]
fn another_user_is_hung_up_on() {
    let place = Place::new();
    let limits = Server {
        max_connections: 9,
        max_connections_per_process: 9,
        max_streams: 9,
        requests_per_connection: 9,
        submits_per_second: 0,
    };
    run(async {
        let listener = UnixListener::bind(place.socket()).unwrap();
        let gate = Arc::new(rpc::Gate::new(place.uid + 1, limits, Arc::new(agentd_host::SystemClock)));
        let (_listeners, next) = tokio::sync::mpsc::channel(1);
        let taken = rpc::incoming((listener, next), Arc::clone(&gate), CancellationToken::new());
        let mut taken = std::pin::pin!(taken);
        let mut stream = UnixStream::connect(place.socket()).await.unwrap();
        let taken = async { futures_util::StreamExt::next(&mut taken).await };
        tokio::select! {
            served = is_served(&mut stream) => assert!(!served),
            connection = taken => panic!("{connection:?}"),
        }
        assert_eq!(gate.refused().map(|(_, times)| times).collect::<Vec<_>>(), [1, 0, 0, 0]);
    });
}

#[test]
fn what_is_no_grpc_harms_nobody() {
    Place::new().serve(&[], |door| async move {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let mut noise: Vec<u8> = (0..65_536_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let garbage = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            std::mem::take(&mut noise[..4_096].to_vec()),
            [&preface[..], &noise].concat(),
            // A frame that says it has 16 MiB.
            [&preface[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
            // Settings with a length that is no multiple of six.
            [&preface[..], &[0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5]].concat(),
        ];
        for bytes in garbage {
            let mut stream = UnixStream::connect(&door.socket).await.unwrap();
            // The server may hang up in the middle.
            drop(stream.write_all(&bytes).await);
            drop(stream.read_to_end(&mut Vec::new()).await);
            door.status().await;
        }
        noise.clear();
    });
}

#[test]
fn more_calls_than_a_connection_may_have_are_refused_not_queued() {
    let limit = [("AGENTD_SERVER__MAX_STREAMS", "4")];
    Place::new().serve(&limit, |door| async move {
        let mut tasks = door.tasks();
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(tasks.watch(v1::WatchRequest::default()).await.unwrap());
        }
        // The fifth waits in the client until a stream ends: the server announced the limit.
        let mut other = door.tasks();
        let fifth = other.list(v1::ListTasksRequest::default());
        let mut fifth = std::pin::pin!(fifth);
        tokio::select! {
            biased;
            answer = &mut fifth => panic!("{answer:?}"),
            () = other_connection(&door) => {}
        }
        drop(open);
        fifth.await.unwrap();
    });
}

async fn other_connection(door: &Door) {
    let mut daemon = DaemonServiceClient::new(channel(&door.socket).await);
    daemon.status(v1::StatusRequest {}).await.unwrap();
}

#[test]
fn a_stop_gives_watchers_their_final_cursor_and_refuses_what_comes_late() {
    let place = Place::new();
    let socket = place.socket();
    place.serve(&[], |door| async move {
        let mut tasks = door.tasks();
        let submitted = tasks.submit(noop("")).await.unwrap().into_inner();
        let mut events = tasks.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
        let mut seen = 0;
        while let Some(answer) = events.message().await.unwrap() {
            let Some(Item::Event(event)) = answer.item else { continue };
            seen = event.cursor;
            if matches!(event.what, Some(v1::event::What::Ended(_))) && event.task_id == submitted.task_id {
                break;
            }
        }
        let stopped = door.daemon().shutdown(v1::ShutdownRequest::default()).await.unwrap().into_inner();
        assert_eq!(stopped.in_flight, 0);
        let mut last = None;
        while let Some(answer) = events.message().await.unwrap() {
            last = answer.item;
        }
        let Some(Item::Heartbeat(cursor)) = last else { panic!("{last:?}") };
        assert!(cursor >= seen, "{cursor} after {seen}");
        assert!(UnixStream::connect(&socket).await.is_err(), "the door is closed first");
    });
}

#[test]
fn a_task_is_known_after_the_next_start() {
    let place = Place::new();
    let mut finished = None;
    place.serve(&[], |door| {
        let finished = &mut finished;
        async move {
            let submitted = door.tasks().submit(noop("once")).await.unwrap().into_inner();
            *finished = Some(submitted.task_id);
        }
    });
    place.serve(&[], |door| async move {
        let again = door.tasks().submit(noop("once")).await.unwrap().into_inner();
        assert_eq!((again.existing, Some(again.task_id.clone())), (true, finished));
        let watch = v1::WatchRequest { task_id: again.task_id.clone(), ..v1::WatchRequest::default() };
        let mut events = door.tasks().watch(watch).await.unwrap().into_inner();
        while events.message().await.unwrap().is_some() {}
        let task = door.tasks().get(v1::GetTaskRequest { task_id: again.task_id }).await.unwrap().into_inner();
        assert_eq!((task.state(), task.recoveries), (v1::TaskState::Succeeded, 0), "an orderly stop is no recovery");
        assert_eq!(door.status().await.epoch, 2);
    });
}

#[test]
fn a_second_daemon_learns_who_the_first_one_is() {
    let place = Place::new();
    run(async {
        let first = place.build(&[]).await.unwrap();
        match place.build(&[]).await {
            Err(Error::AlreadyRunning { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        assert!(place.socket().exists(), "the loser must not touch the owner's socket");
        drop(first);
    });
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_stays() {
    let place = Place::new();
    let elsewhere = place.dir.path().with_extension("handed-over");
    run(async {
        let listener = StdListener::bind(&elsewhere).unwrap();
        // Clients of a service may connect before it runs: they wait in the queue.
        let mut early = UnixStream::connect(&elsewhere).await.unwrap();
        let app = place.build_on(Some(listener), &[]).await.unwrap();
        let used = async {
            assert!(is_served(&mut early).await);
            let door = Door { socket: elsewhere.clone(), channel: channel(&elsewhere).await };
            let status = door.status().await;
            assert_eq!(status.socket, elsewhere.display().to_string());
            assert_eq!(status.started_by, if cfg!(target_os = "macos") { "launchd" } else { "systemd" });
            drop(early);
            door.daemon().shutdown(v1::ShutdownRequest { grace_ms: 1 }).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(app.run(), used);
        outcome.unwrap();
    });
    assert!(elsewhere.exists(), "its path is the service manager's");
    std::fs::remove_file(elsewhere).unwrap();
}

/// What the standard way says about the service that takes tasks.
async fn takes_tasks(door: &Door) -> bool {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    let ask = HealthCheckRequest { service: "agentd.v1.TaskService".to_owned() };
    let answer = HealthClient::new(door.channel.clone()).check(ask).await.unwrap().into_inner();
    answer.status() == ServingStatus::Serving
}

#[test]
fn a_socket_whose_path_was_lost_is_found_again_and_old_connections_live_on() {
    let place = Place { look_every: Duration::from_millis(5), ..Place::new() };
    place.serve(&[], |door| async move {
        let other = door.socket.with_extension("other");
        let losses: [&dyn Fn(); 2] = [&|| std::fs::remove_file(&door.socket).unwrap(), &|| {
            // Another socket takes its place, and nobody listens there any more.
            drop(StdListener::bind(&other).unwrap());
            std::fs::rename(&other, &door.socket).unwrap();
        }];
        for lose in losses {
            lose();
            let again = loop {
                match endpoint(&door.socket).connect().await {
                    Ok(channel) => break channel,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            let status = DaemonServiceClient::new(again).status(v1::StatusRequest {}).await.unwrap().into_inner();
            assert_eq!(status.warnings, door.status().await.warnings, "old and new connections, one daemon");
            door.tasks().submit(noop("")).await.unwrap();
        }
    });
}

#[test]
fn a_state_folder_that_is_gone_stops_tasks_until_it_is_back() {
    let place = Place { look_every: Duration::from_millis(5), ..Place::new() };
    let (home, away) = (place.dir.path().to_owned(), place.dir.path().with_extension("away"));
    place.serve(&[], |door| async move {
        assert!(takes_tasks(&door).await);
        let known = door.tasks().submit(noop("")).await.unwrap().into_inner().task_id;
        std::fs::rename(&home, &away).unwrap();
        let status = loop {
            let status = door.status().await;
            if status.health() == v1::Health::ReadOnly {
                break status;
            }
        };
        assert!(status.reasons[0].contains("is gone"), "{:?}", status.reasons);
        let refused = door.tasks().submit(noop("")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(refused.message().contains("put it back"), "{refused}");
        assert!(!takes_tasks(&door).await);
        let known = door.tasks().get(v1::GetTaskRequest { task_id: known.clone() }).await.unwrap().into_inner();
        assert_eq!(known.workflow, "noop", "what is in memory can still be looked at");
        std::fs::rename(&away, &home).unwrap();
        while door.status().await.health() != v1::Health::Serving {}
        door.tasks().submit(noop("")).await.unwrap();
        assert!(takes_tasks(&door).await);
    });
}

#[test]
fn a_full_disk_takes_no_tasks_and_a_fuller_one_is_told() {
    // Every disk is fuller than this.
    let all = [("AGENTD_DISK__LOW_PERCENT", "100"), ("AGENTD_DISK__LOW_BYTES", "1125899906842624")];
    let tight = [all[0], all[1], ("AGENTD_DISK__CRITICAL_BYTES", "0")];
    Place::new().serve(&tight, |door| async move {
        door.tasks().submit(noop("")).await.unwrap();
        let status = door.status().await;
        assert_eq!(status.health(), v1::Health::Serving);
        assert!(status.warnings.iter().any(|text| text.contains("the disk gets full")), "{:?}", status.warnings);
    });
    let full = [all[0], all[1], ("AGENTD_DISK__CRITICAL_BYTES", "1125899906842624")];
    Place::new().serve(&full, |door| async move {
        let refused = door.tasks().submit(noop("")).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(
            refused.message().contains("the disk is almost full") && refused.message().contains("need"),
            "{refused}"
        );
        let status = door.status().await;
        assert_eq!((status.health(), status.reasons.len()), (v1::Health::ReadOnly, 1));
        assert!(!takes_tasks(&door).await);
    });
}

#[test]
fn watchers_of_health_hear_of_the_stop_and_clients_that_say_nothing_are_cut() {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    Place::new().serve(&[], |door| async move {
        let mut silent = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut silent).await);
        let mut health = HealthClient::new(door.channel.clone());
        let all = HealthCheckRequest { service: String::new() };
        let mut watch = health.watch(all).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        door.daemon().shutdown(v1::ShutdownRequest { grace_ms: 1 }).await.unwrap();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        drop(silent.read_to_end(&mut Vec::new()).await);
    });
}
