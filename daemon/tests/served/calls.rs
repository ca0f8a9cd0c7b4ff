//! What the daemon answers.

use agentd_proto::v1::{self, watch_response::Item};
use tonic::Code;
use v1::agent_service_client::AgentServiceClient;

use super::support::{Place, noop};

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
    let settings = [("AGENTD_QUEUE__MAX_TASKS", "77"), ("GIT_DIR", "/elsewhere"), ("LD_AUDIT", "x")];
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
        assert!(status.warnings.iter().any(|text| text.contains("GIT_DIR, LD_AUDIT")), "{:?}", status.warnings);
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
