//! Rows `start` and `kill`: how long it takes from exec to the first answer, after an orderly end and after `kill -9`.

use std::{
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use agentd_proto::v1::{HandshakeRequest, ListAgentsRequest, TaskState, daemon_service_client::DaemonServiceClient};
use tonic_health::pb::health_client::HealthClient;

use super::{
    Options,
    floor::{self, Echo},
    noop,
    samples::{Samples, ms, short},
    table::{Line, Met, Table},
};
use crate::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, connect, pause, runtime},
    repo,
};

/// Between two tries to connect.
const TRY: Duration = Duration::from_micros(100);

/// Waits until somebody listens on the socket.
fn listening(socket: &Path) {
    while UnixStream::connect(socket).is_err() {
        pause(TRY);
    }
}

/// Milliseconds from exec until the daemon answered its first call.
fn daemon_start(home: &Home) -> (TestDaemon, f64) {
    let begin = Instant::now();
    let daemon = TestDaemon::launch(home, |_| {});
    listening(&home.socket());
    runtime().block_on(async {
        let channel = connect(&home.socket()).await.expect("it listens");
        let request = HandshakeRequest { protocol: agentd_proto::PROTOCOL_VERSION, client: "bench".to_owned() };
        DaemonServiceClient::new(channel).handshake(request).await.expect("it answers");
    });
    (daemon, ms(begin.elapsed()))
}

/// The same of a bare gRPC server.
fn floor_start(home: &Home) -> f64 {
    let begin = Instant::now();
    let echo = Echo::launch(home);
    listening(echo.socket());
    runtime().block_on(async {
        let channel = connect(echo.socket()).await.expect("it listens");
        floor::echo(&mut HealthClient::new(channel)).await;
    });
    ms(begin.elapsed())
}

/// Fills a state folder with finished tasks; gives how many agents there are.
fn fill(home: &Home, tasks: usize) -> usize {
    let mut daemon = TestDaemon::start(home);
    let agents = runtime().block_on(async {
        let clients = Clients::connect(home).await.expect("it listens");
        for _ in 0..tasks {
            noop::one(&mut clients.tasks.clone()).await;
        }
        clients.agents.clone().list(ListAgentsRequest {}).await.expect("it answers").into_inner().agents.len()
    });
    daemon.stop();
    agents
}

/// Row `start`.
pub(super) fn start(options: &Options, table: &mut Table) {
    let home = Home::new();
    let agents = fill(&home, 200);
    let (mut orderly, mut killed, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=options.count(40, 10) {
        let (mut daemon, first) = daemon_start(&home);
        daemon.kill();
        let (mut daemon, second) = daemon_start(&home);
        daemon.stop();
        let bare = floor_start(&home);
        if round > 0 {
            orderly.push(first);
            killed.push(second);
            floors.push(bare);
        }
    }
    let floor = Samples::new(floors);
    for (what, all) in [
        ("exec to first answer, after an orderly end, ms", orderly),
        ("exec to first answer, after kill -9, ms", killed),
    ] {
        let all = Samples::new(all);
        let figures = vec![("median_ms", all.median()), ("p99_ms", all.p99()), ("floor_ms", floor.median())];
        table.add(Line {
            row: "start",
            what,
            measured: format!("{}, {agents} agents", all.spread()),
            floor: format!("bare gRPC server {}", floor.spread()),
            ratio: Some(all.median() / floor.median()),
            target: "≤ 10",
            met: Met::of(all.median() <= 10.0 && agents == 12),
            figures,
        });
    }
}

/// What a round of [`kill`] saw.
struct Death {
    restart: f64,
    accepted: usize,
    lost: usize,
}

/// Row `kill`.
pub(super) fn kill(options: &Options, table: &mut Table) {
    let home = Home::new();
    // Small enough to be analysed again and again, large enough to be met in the middle.
    let folder = repo::root().join("daemon/crates/journal");
    let mut daemon = TestDaemon::start(&home);
    let (mut restarts, mut accepted, mut lost) = (Vec::new(), 0, 0);
    for _ in 0..options.count(50, 10) {
        let death = killed_once(&home, &mut daemon, &folder);
        restarts.push(death.restart);
        accepted += death.accepted;
        lost += death.lost;
    }
    let all = Samples::new(restarts);
    table.add(Line {
        row: "kill",
        what: "exec to first answer after kill -9 at random moments, ms p50 / p99",
        measured: format!("{}, {lost} of {accepted} accepted tasks lost", all.tails()),
        floor: format!("worst {}, {} kills", short(all.max()), all.len()),
        ratio: None,
        target: "≤ 200, none lost",
        met: Met::of(all.max() <= 200.0 && lost == 0),
        figures: vec![("p50_ms", all.median()), ("max_ms", all.max()), ("lost", lost as f64)],
    });
}

/// Submits no-op tasks and an analysis, kills the daemon meanwhile, starts it, and looks for each accepted task.
fn killed_once(home: &Home, daemon: &mut TestDaemon, folder: &Path) -> Death {
    let after = Duration::from_micros(random_below(120_000));
    let accepted = runtime().block_on(async {
        let clients = Clients::connect(home).await.expect("it listens");
        let mut accepted = vec![clients.submit(analyze(folder)).await.task_id];
        let submitting = async {
            while let Ok(answer) = clients.tasks.clone().submit(noop("nothing")).await {
                accepted.push(answer.into_inner().task_id);
            }
        };
        let killing = async {
            tokio::time::sleep(after).await;
            daemon.kill();
        };
        tokio::join!(submitting, killing);
        accepted
    });
    let (started, restart) = daemon_start(home);
    *daemon = started;
    let lost = runtime().block_on(async {
        let clients = Clients::connect(home).await.expect("it listens");
        let mut lost = 0;
        for task in &accepted {
            let whole = match clients.watch(task, 0).await {
                Ok(_) => clients.follow(task, 0).await.state() == TaskState::Succeeded,
                Err(_) => false,
            };
            lost += usize::from(!whole);
        }
        lost
    });
    Death { restart, accepted: accepted.len(), lost }
}

/// A number that nobody chose.
fn random_below(limit: u64) -> u64 {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let hash = blake3::hash(&nanos.to_le_bytes());
    let (first, _) = hash.as_bytes().split_at(8);
    u64::from_le_bytes(first.try_into().expect("eight bytes")) % limit
}
