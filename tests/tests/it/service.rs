//! Every call about the agents and the daemon, and the two standard services beside ours.

use std::{
    collections::{BTreeMap, HashSet},
    os::unix::fs::PermissionsExt as _,
};

use agentd_proto::v1::{
    Agent, CoreClass, GetConfigRequest, HandshakeRequest, Health, IndexState, ListAgentsRequest, MetricsRequest,
    RebuildIndexRequest, ShutdownRequest, TaskState, VerifyJournalRequest,
};
use agentd_tests::{
    client::{analyze, noop, soon},
    daemon::{Clients, Home, TestDaemon, connect, runtime},
    gate::Gate,
};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

const COMPUTE: [&str; 8] =
    ["analyzer", "architect", "optimizer", "generator", "validator", "integrator", "researcher", "synthesizer"];
const COORDINATORS: [&str; 4] = ["coordinator", "documenter", "monitor", "reporter"];

/// What reflection lists beside itself.
const SERVICES: [&str; 5] = [
    "agentd.v1.AgentService",
    "agentd.v1.DaemonService",
    "agentd.v1.RuleService",
    "agentd.v1.TaskService",
    "grpc.health.v1.Health",
];

async fn agents(clients: &Clients) -> Vec<Agent> {
    clients.agents.clone().list(ListAgentsRequest {}).await.unwrap().into_inner().agents
}

#[test]
fn there_are_twelve_agents_and_they_say_where_they_run() {
    let home = Home::new();
    let folder = home.folder("work");
    let gate = Gate::new(home.folder("gate"));
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let before = agents(&clients).await;
        let names: Vec<&str> = before.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names, [&COMPUTE[..], &COORDINATORS[..]].concat());
        let cores = std::thread::available_parallelism().unwrap().get();
        for agent in &before {
            let class =
                if COMPUTE.contains(&agent.name.as_str()) { CoreClass::Compute } else { CoreClass::Coordinator };
            assert_eq!(agent.core_class(), class, "{agent:?}");
            assert!(!agent.title.is_empty() && !agent.capabilities.is_empty() && agent.slots > 0, "{agent:?}");
            assert_eq!((agent.generation, agent.overloaded, agent.holding.len()), (0, false, 0), "{agent:?}");
            let placement = agent.placement.as_ref().unwrap();
            assert!(!placement.asked.is_empty() && !placement.granted.is_empty(), "{agent:?}");
            assert_ne!(placement.fast_share.is_some(), !placement.unmeasured.is_empty(), "{agent:?}");
            if placement.pinned {
                assert_eq!(std::env::consts::OS, "linux", "nobody else pins");
                let own = allowed(&placement.granted);
                assert!(own.is_none_or(|own| own < cores), "{agent:?} on {cores} cores");
            }
        }
        let held = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let holding: Vec<String> = agents(&clients).await.into_iter().flat_map(|agent| agent.holding).collect();
        assert_eq!(holding, [format!("{}/survey", held.task_id)]);
        gate.open();
        clients.follow(&held.task_id, 0).await;
        let after: BTreeMap<String, Agent> =
            agents(&clients).await.into_iter().map(|agent| (agent.name.clone(), agent)).collect();
        let did = [
            ("researcher", 2),
            ("analyzer", 1),
            ("integrator", 1),
            ("architect", 1),
            ("optimizer", 1),
            ("synthesizer", 1),
            ("reporter", 1),
        ];
        for (name, steps) in did {
            let record = after[name].record.unwrap();
            assert_eq!((record.steps_succeeded, record.steps_failed), (steps, 0), "{name}");
            assert!(record.mean_step_ms > 0.0, "{name}");
        }
        for name in ["generator", "validator", "coordinator", "documenter", "monitor"] {
            assert!(!after[name].note.is_empty(), "{name} says what is still to come");
        }
    });
}

/// How many cores a granted placement names, e.g. `cpus 0-3, nice 5`: 4.
fn allowed(granted: &str) -> Option<usize> {
    let list = granted.split_once("cpus ")?.1;
    let list = list.split(|letter: char| !letter.is_ascii_digit() && letter != '-' && letter != ',').next()?;
    let spans = list.split(',').filter(|span| !span.is_empty()).map(|span| match span.split_once('-') {
        Some((first, last)) => Some(last.parse::<usize>().ok()? - first.parse::<usize>().ok()? + 1),
        None => Some(1),
    });
    spans.sum()
}

#[test]
fn the_handshake_tells_old_and_new_clients_what_to_do() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let mut daemon = Clients::connect(&home).await.unwrap().daemon;
        let mut shake = async |protocol| {
            let answer = daemon.handshake(HandshakeRequest { protocol, client: "a test".to_owned() }).await;
            answer.map(tonic::Response::into_inner)
        };
        let answer = shake(agentd_proto::PROTOCOL_VERSION).await.unwrap();
        assert_eq!(answer.protocol, agentd_proto::PROTOCOL_VERSION);
        assert!(answer.oldest_protocol <= answer.protocol && answer.version.split('.').count() == 3, "{answer:?}");
        for (protocol, remedy) in [(0, "update the client"), (u32::MAX, "update the daemon")] {
            let refused = shake(protocol).await.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition);
            let words = refused.message();
            assert!(words.contains(remedy) && words.contains(&protocol.to_string()), "{words}");
            assert!(words.contains(&answer.version), "{words}");
        }
    });
}

#[test]
fn the_status_is_true() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    for epoch in 1..=2 {
        let mut daemon = TestDaemon::start(&home);
        runtime().block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            let status = clients.status().await;
            assert_eq!((status.health(), status.reasons.as_slice()), (Health::Serving, &[][..]));
            assert_eq!((status.pid, status.epoch, status.started_by.as_str()), (daemon.pid(), epoch, "terminal"));
            let real = std::fs::canonicalize(home.state()).unwrap();
            assert!([home.state(), real].iter().any(|path| *path == std::path::Path::new(&status.state_dir)));
            assert!(status.socket.ends_with("agentd.sock"), "{status:?}");
            let machine = status.machine.unwrap();
            let cores: u32 = machine.tiers.iter().map(|tier| tier.cores).sum();
            assert!(cores as usize >= std::thread::available_parallelism().unwrap().get(), "{machine:?}");
            assert!(machine.memory_bytes > 1 << 28 && !machine.os.is_empty(), "{machine:?}");
            let started = status.started_at.unwrap().seconds;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            assert!((now.cast_signed() - 3_600..=now.cast_signed() + 1).contains(&started));
            let before = clients.status().await.cursor;
            let (_, seen) = clients.run(noop("x")).await;
            let after = clients.status().await;
            assert!(after.cursor >= *seen.cursors().last().unwrap() && after.cursor > before);
            let held = clients.submit(gate.analyze(&folder)).await;
            gate.wait_for(1);
            let busy = clients.status().await;
            assert_eq!((busy.queued, busy.running, busy.waiting), (0, 1, 0));
            gate.open();
            clients.follow(&held.task_id, 0).await;
            let idle = clients.status().await;
            assert_eq!((idle.queued, idle.running, idle.waiting), (0, 0, 0));
        });
        assert!(daemon.stop().success(), "{}", daemon.words());
        assert!(!home.socket().exists(), "an orderly end leaves no socket");
    }
}

/// A line of Prometheus' text format: name, labels, value.
fn parsed(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, labels) = match series.split_once('{') {
        None => (series, BTreeMap::new()),
        Some((name, rest)) => {
            let inner = rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
            let pairs = inner.split("\",").map(|pair| {
                let (key, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                (key.to_owned(), value.trim_end_matches('"').to_owned())
            });
            (name, pairs.collect())
        }
    };
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    assert!(!name.is_empty() && name.chars().all(is_word), "{line}");
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}

#[test]
fn figures_count_what_happened_and_read_as_prometheus() {
    let home = Home::new();
    let folder = home.folder("work");
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        for _ in 0..3 {
            clients.run(noop("x")).await;
        }
        clients.run(analyze(&folder)).await;
        assert!(clients.try_submit(noop("")).await.is_err());
        let answer = clients.daemon.clone().metrics(MetricsRequest {}).await.unwrap().into_inner();
        let value = |name: &str, label: (&str, &str)| {
            let found = answer.metrics.iter().filter(|metric| metric.name == name).find(|metric| {
                label.0.is_empty() || metric.labels.iter().any(|it| (it.name.as_str(), it.value.as_str()) == label)
            });
            found.unwrap_or_else(|| panic!("no {name} {label:?}")).value
        };
        assert_eq!(value("agentd_tasks_submitted_total", ("", "")), 4.0);
        assert_eq!(value("agentd_tasks_ended_total", ("state", "succeeded")), 4.0);
        assert_eq!(value("agentd_tasks_open", ("state", "running")), 0.0);
        assert_eq!(value("agentd_attempts_total", ("", "")), 11.0);
        assert_eq!(value("agentd_agent_steps_succeeded_total", ("agent", "reporter")), 1.0);
        assert!(value("agentd_connections", ("", "")) >= 1.0);
        assert!(value("agentd_memory_bytes", ("", "")) > 1e6);
        assert!(value("process_cpu_seconds_total", ("", "")) > 0.0);
        let refused = answer.metrics.iter().find(|metric| {
            metric.name == "agentd_rpcs_total" && metric.labels.iter().any(|label| label.value == "InvalidArgument")
        });
        assert_eq!(refused.unwrap().value, 1.0);
        let lines: Vec<&str> = answer.prometheus.lines().collect();
        let series: Vec<_> = lines.iter().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(series.len(), answer.metrics.len());
        let mut seen = HashSet::new();
        for line in &series {
            let (name, labels, value) = parsed(line);
            assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
            let metric = answer.metrics.iter().find(|metric| {
                let own: BTreeMap<String, String> =
                    metric.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect();
                metric.name == name && own == labels
            });
            let metric = metric.unwrap_or_else(|| panic!("{line} is not among the metrics"));
            assert!((metric.value - value).abs() <= 1e-6 * metric.value.abs().max(1.0), "{line}: {}", metric.value);
            assert!(metric.kind != "counter" || name.ends_with("_total"), "{line}");
            assert!(lines.contains(&format!("# TYPE {name} {}", metric.kind).as_str()), "{line}");
            assert!(lines.iter().any(|line| line.starts_with(&format!("# HELP {name} "))), "{line}");
        }
        assert!(answer.prometheus.ends_with('\n'));
    });
}

#[test]
fn settings_say_where_they_came_from() {
    let home = Home::new();
    std::fs::create_dir_all(home.state()).unwrap();
    std::fs::set_permissions(home.state(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(home.state().join("config.toml"), "[queue]\nmax_tasks = 7\n[log]\nlevel = \"warn\"\n").unwrap();
    let _daemon = TestDaemon::start_with(&home, |command| {
        command.env("AGENTD_CHILDREN__MAX", "3").env("AGENTD_QUEUE__MAX_TASKS", "9").args(["--log-level", "debug"]);
    });
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let settings = clients.daemon.clone().get_config(GetConfigRequest {}).await.unwrap().into_inner().settings;
        let find = |key: &str| {
            let setting = settings.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("no {key}"));
            (setting.value.clone(), setting.source.clone())
        };
        assert_eq!(find("queue.max_tasks"), ("9".to_owned(), "environment AGENTD_QUEUE__MAX_TASKS".to_owned()));
        assert_eq!(find("children.max"), ("3".to_owned(), "environment AGENTD_CHILDREN__MAX".to_owned()));
        let (level, source) = find("log.level");
        assert!(level.contains("debug") && source.starts_with("flag"), "{level} {source}");
        assert_eq!(find("server.max_connections"), ("128".to_owned(), "default".to_owned()));
        assert!(settings.iter().all(|setting| !setting.help.is_empty()));
        let keys: HashSet<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
        assert_eq!(keys.len(), settings.len(), "each once");
    });
}

#[test]
fn the_journal_can_be_checked_and_the_index_made_anew() {
    let home = Home::new();
    let folder = home.folder("work");
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let key = |request: &str| agentd_proto::v1::SubmitRequest { idempotency_key: "k".to_owned(), ..noop(request) };
        let (first, _) = clients.run(key("x")).await;
        for number in 0..80 {
            clients.run(noop(&number.to_string())).await;
        }
        clients.run(analyze(&folder)).await;
        let verify =
            async || clients.daemon.clone().verify_journal(VerifyJournalRequest {}).await.unwrap().into_inner();
        let found = verify().await;
        assert_eq!(found.faults, [""; 0]);
        assert!(found.segments >= 1 && found.bytes > 0, "{found:?}");
        // Each no-op makes four records: submitted, attempt started, result, end.
        assert!(found.records >= 82 * 4, "{found:?}");
        let rebuilt = clients.daemon.clone().rebuild_index(RebuildIndexRequest {}).await.unwrap().into_inner();
        assert!(rebuilt.records >= 82 * 4 && rebuilt.entries >= 82, "{rebuilt:?}");
        let again = clients.submit(key("x")).await;
        assert_eq!((again.task_id.as_str(), again.existing), (first.as_str(), true));
        assert_eq!(clients.task(&first).await.unwrap().state(), TaskState::Succeeded);
        assert_eq!(clients.status().await.index(), IndexState::Open);
        assert!(verify().await.faults.is_empty());
    });
}

#[test]
fn a_stop_answers_then_ends_and_the_next_start_goes_on() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    let mut daemon = TestDaemon::start(&home);
    let held = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let held = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let mut watch = clients.watch("", 0).await.unwrap();
        let answer = clients.daemon.clone().shutdown(ShutdownRequest { grace_ms: 1 }).await.unwrap().into_inner();
        assert_eq!(answer.in_flight, 1);
        while soon("the end of the watch", watch.message()).await.is_ok_and(|item| item.is_some()) {}
        held
    });
    assert!(daemon.wait().success(), "{}", daemon.words());
    assert!(!home.socket().exists());
    gate.open();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let seen = clients.follow(&held.task_id, held.cursor).await;
        assert_eq!(seen.state(), TaskState::Succeeded);
        let task = clients.task(&held.task_id).await.unwrap();
        assert_eq!(task.recoveries, 0, "an orderly stop is no death");
        assert!(seen.cursors().is_sorted_by(|a, b| a < b));
    });
}

#[test]
fn a_stop_takes_no_new_tasks_and_lets_running_steps_end() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("work");
    let mut daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let held = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        let mut stopper = clients.daemon.clone();
        let stop = async { stopper.shutdown(ShutdownRequest { grace_ms: 0 }).await };
        let meanwhile = async {
            // Until the stop has begun; it must be seen within the grace.
            loop {
                match clients.try_submit(noop("too late")).await {
                    Ok(_) => tokio::task::yield_now().await,
                    Err(refused) => break refused,
                }
            }
        };
        let (stopped, refused) = tokio::join!(stop, async {
            let refused = meanwhile.await;
            gate.open();
            refused
        });
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert!(refused.metadata().get(agentd_proto::limits::RETRY_AFTER_TRAILER).is_some(), "{refused:?}");
        assert!(stopped.unwrap().into_inner().in_flight >= 1);
        drop(held);
    });
    assert!(daemon.wait().success(), "{}", daemon.words());
}

#[test]
fn health_is_answered_the_standard_way() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let mut health = HealthClient::new(connect(&home.socket()).await.unwrap());
        let own = SERVICES.iter().filter(|service| service.starts_with("agentd."));
        for service in own.copied().chain([""]) {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
        }
        let request = HealthCheckRequest { service: "none".to_owned() };
        assert_eq!(health.check(request).await.unwrap_err().code(), Code::NotFound);
        let request = HealthCheckRequest { service: "agentd.v1.TaskService".to_owned() };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        let first = soon("the health", watch.message()).await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving);
        daemon.signal("TERM");
        let mut last = first.status();
        while let Ok(Some(item)) = soon("the end of the watch", watch.message()).await {
            last = item.status();
        }
        assert_ne!(last, ServingStatus::Serving, "who watches is told before the end");
    });
    assert!(daemon.wait().success(), "{}", daemon.words());
}

#[test]
fn reflection_lists_and_describes_every_service_in_both_versions() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let channel = connect(&home.socket()).await.unwrap();
        {
            use tonic_reflection::pb::v1::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let mut client = ServerReflectionClient::new(channel.clone());
            let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
            let mut asked = vec![ask(MessageRequest::ListServices(String::new()))];
            asked.extend(SERVICES.map(|name| ask(MessageRequest::FileContainingSymbol(name.to_owned()))));
            let mut answers = client.server_reflection_info(tokio_stream::iter(asked)).await.unwrap().into_inner();
            let Some(MessageResponse::ListServicesResponse(list)) =
                answers.next().await.unwrap().unwrap().message_response
            else {
                panic!("no list")
            };
            let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
            names.sort();
            assert_eq!(names, [&SERVICES[..], &["grpc.reflection.v1.ServerReflection"]].concat());
            let mut described = 0;
            while let Some(answer) = answers.next().await {
                let response = answer.unwrap().message_response;
                assert!(matches!(response, Some(MessageResponse::FileDescriptorResponse(_))), "{response:?}");
                described += 1;
            }
            assert_eq!(described, SERVICES.len());
        }
        {
            use tonic_reflection::pb::v1alpha::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let message_request = Some(MessageRequest::ListServices(String::new()));
            let asked = tokio_stream::iter([ServerReflectionRequest { host: String::new(), message_request }]);
            let answer = ServerReflectionClient::new(channel).server_reflection_info(asked).await.unwrap();
            let answer = answer.into_inner().next().await.unwrap().unwrap();
            let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("no list") };
            let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
            names.sort();
            assert_eq!(names, [&SERVICES[..], &["grpc.reflection.v1alpha.ServerReflection"]].concat());
        }
    });
}
