//! The daemon about itself: handshake, state, figures, settings, its end.

use std::{sync::Arc, time::Duration};

use agentd_engine::{EngineStatus, IndexPhase, Metric};
use agentd_host::Children;
use agentd_proto::{
    OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION,
    v1::{
        ExamineRequest, ExamineResponse, GetConfigRequest, GetConfigResponse, HandshakeRequest, HandshakeResponse,
        Health, IndexState, Machine, MetricsRequest, MetricsResponse, RebuildIndexRequest, RebuildIndexResponse,
        Setting, ShutdownRequest, ShutdownResponse, StatusRequest, StatusResponse, Tier, VerifyJournalRequest,
        VerifyJournalResponse, daemon_service_server::DaemonService,
    },
};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::{Context, StopRequest, convert, counters::Method, prometheus, status::refused};
use crate::{config::Config, lifecycle::stop::LONGEST_GRACE};

/// The service.
#[derive(Debug)]
pub(super) struct Daemon(pub(super) Arc<Context>);

type Answer<T> = Result<Response<T>, Status>;

/// The settings in force.
pub(super) fn settings(config: &Config) -> GetConfigResponse {
    let settings = config.shown.iter().map(|shown| Setting {
        key: shown.key.to_owned(),
        value: shown.value.clone(),
        source: shown.source.to_string(),
        help: shown.help.clone(),
        default_value: shown.default.clone(),
    });
    GetConfigResponse { settings: settings.collect() }
}

#[tonic::async_trait]
impl DaemonService for Daemon {
    async fn handshake(&self, call: Request<HandshakeRequest>) -> Answer<HandshakeResponse> {
        self.0.counters.count(Method::Handshake, handshake(&call.into_inner()))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Answer<StatusResponse> {
        self.0.answer(Method::Status, self.do_status()).await
    }

    async fn metrics(&self, _: Request<MetricsRequest>) -> Answer<MetricsResponse> {
        self.0.answer(Method::Metrics, self.do_metrics()).await
    }

    async fn get_config(&self, _: Request<GetConfigRequest>) -> Answer<GetConfigResponse> {
        let answer = Response::new(settings(&self.0.config));
        self.0.counters.count(Method::GetConfig, Ok(answer))
    }

    async fn shutdown(&self, call: Request<ShutdownRequest>) -> Answer<ShutdownResponse> {
        self.0.answer(Method::Shutdown, self.do_shutdown(call.into_inner().grace_ms)).await
    }

    async fn verify_journal(&self, _: Request<VerifyJournalRequest>) -> Answer<VerifyJournalResponse> {
        self.0.answer(Method::VerifyJournal, self.do_verify()).await
    }

    async fn rebuild_index(&self, _: Request<RebuildIndexRequest>) -> Answer<RebuildIndexResponse> {
        self.0.answer(Method::RebuildIndex, self.do_rebuild()).await
    }

    async fn examine(&self, _: Request<ExamineRequest>) -> Answer<ExamineResponse> {
        self.0.answer(Method::Examine, self.0.examine()).await
    }
}

fn handshake(wire: &HandshakeRequest) -> Answer<HandshakeResponse> {
    let version = env!("CARGO_PKG_VERSION");
    let spoken = format!("agentd {version} speaks {OLDEST_PROTOCOL_VERSION} to {PROTOCOL_VERSION}");
    if wire.protocol < OLDEST_PROTOCOL_VERSION {
        let message = format!("your client speaks protocol {}, {spoken}; update the client", wire.protocol);
        return Err(Status::failed_precondition(message));
    }
    if wire.protocol > PROTOCOL_VERSION {
        let message = format!(
            "your client speaks protocol {}, {spoken}; update the daemon and start it again with `agentd-cli stop` and `agentd-cli start`",
            wire.protocol
        );
        return Err(Status::failed_precondition(message));
    }
    tracing::debug!(client = ?wire.client, protocol = wire.protocol, "handshake");
    Ok(Response::new(HandshakeResponse {
        protocol: PROTOCOL_VERSION,
        oldest_protocol: OLDEST_PROTOCOL_VERSION,
        version: version.to_owned(),
    }))
}

impl Daemon {
    async fn do_verify(&self) -> Answer<VerifyJournalResponse> {
        let found = self.0.engine.verify().await.map_err(|error| refused(&error))?;
        Ok(Response::new(VerifyJournalResponse {
            segments: found.segments,
            records: found.records,
            documents: found.documents,
            bytes: found.bytes,
            faults: found.faults,
        }))
    }

    async fn do_rebuild(&self) -> Answer<RebuildIndexResponse> {
        let (records, entries) = self.0.engine.rebuild_index().await.map_err(|error| refused(&error))?;
        Ok(Response::new(RebuildIndexResponse { records, entries }))
    }

    async fn do_status(&self) -> Answer<StatusResponse> {
        self.0.engine.look().await;
        let engine = self.0.status().await.map_err(|error| refused(&error))?;
        let facts = &self.0.facts;
        let (health, reasons, recovers) = self.health(&engine);
        Ok(Response::new(StatusResponse {
            health: health.into(),
            reasons,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: Some(convert::timestamp(facts.started)),
            epoch: engine.epoch,
            state_dir: self.0.config.state_dir.display().to_string(),
            socket: facts.socket.display().to_string(),
            started_by: facts.started_by.name().to_owned(),
            queued: engine.queued,
            running: engine.running,
            waiting: engine.waiting,
            cursor: engine.cursor.0,
            machine: Some(self.machine().await),
            warnings: facts.warnings.iter().cloned().chain(self.0.premises.warnings()).chain(engine.warnings).collect(),
            index: index(engine.index).into(),
            compute: Some(convert::seats(engine.compute)),
            conditions: engine.reading.map(convert::conditions),
            recovers,
        }))
    }

    fn health(&self, engine: &EngineStatus) -> (Health, Vec<String>, bool) {
        if engine.stopping || self.0.stops.closing.is_cancelled() {
            let why = "the daemon is shutting down; it takes no new tasks".to_owned();
            return (Health::Stopping, vec![why], false);
        }
        match self.0.refusal(engine) {
            Some((why, recovers)) => (Health::ReadOnly, vec![why], recovers),
            None => (Health::Serving, Vec::new(), false),
        }
    }

    async fn machine(&self) -> Machine {
        // Asked for once, and not at the start: it takes a child of its own on macOS.
        let gpu_cores = *self.0.gpu_cores.get_or_init(|| gpu_cores(&self.0.facts.children)).await;
        let topology = &self.0.facts.topology;
        let tier = |tier: &agentd_host::Tier| Tier { name: tier.name.clone(), cores: tier.cores };
        Machine {
            os: topology.os.clone(),
            chip: topology.chip.clone(),
            memory_bytes: topology.memory_bytes,
            tiers: topology.tiers.iter().map(tier).collect(),
            gpu_cores,
        }
    }

    async fn do_metrics(&self) -> Answer<MetricsResponse> {
        let mut metrics = self.0.engine.metrics().await.map_err(|error| refused(&error))?;
        metrics.extend(self.of_process());
        metrics.extend(self.of_machine());
        metrics.extend(self.of_connections());
        metrics.extend(self.0.counters.metrics());
        let prometheus = prometheus::render(&metrics);
        Ok(Response::new(MetricsResponse { metrics: metrics.into_iter().map(convert::metric).collect(), prometheus }))
    }

    fn of_process(&self) -> Vec<Metric> {
        let facts = &self.0.facts;
        let up = self.0.clock.mono().since(facts.started_mono).as_secs_f64();
        let mut figures = vec![
            gauge("agentd_uptime_seconds", "Seconds since the daemon's start, sleep included.", up),
            gauge(
                "process_start_time_seconds",
                "When the daemon started, in seconds since 1970.",
                Duration::from_millis(facts.started.0).as_secs_f64(),
            ),
        ];
        // What the system does not tell is left out, not reported as nothing.
        if let Some(bytes) = agentd_host::process_memory().value() {
            const HELP: &str = "Memory of the daemon: its proportional share on Linux, its footprint on macOS.";
            figures.push(gauge("agentd_memory_bytes", HELP, bytes as f64));
        }
        if let Ok(cpu) = agentd_host::process_cpu() {
            let kind = "counter";
            let help = "CPU time of all threads of the daemon.";
            let name = "process_cpu_seconds_total";
            figures.push(Metric { name, help, kind, labels: Vec::new(), value: cpu.as_secs_f64() });
        }
        figures
    }

    /// Cores that each class asks for, and the load of the machine.
    fn of_machine(&self) -> Vec<Metric> {
        let topology = &self.0.facts.topology;
        let (fast, slow) = (topology.fast_tiers().iter().map(|tier| tier.cores).sum(), topology.slow().cores);
        let cores = [("compute", fast), ("coordinator", slow)].map(|(class, cores)| Metric {
            name: "agentd_class_cores",
            help: "Cores that the agents of a class ask for.",
            kind: "gauge",
            labels: vec![("class", class.to_owned())],
            value: f64::from(cores),
        });
        let load = agentd_host::load_average().value();
        let load = load.map(|load| gauge("agentd_load_average", "Load of the machine over the last minute.", load));
        cores.into_iter().chain(load).collect()
    }

    fn of_connections(&self) -> Vec<Metric> {
        let open = gauge("agentd_connections", "Open connections.", self.0.gate.open() as f64);
        let refused = self.0.gate.refused().map(|(reason, times)| Metric {
            name: "agentd_connections_refused_total",
            help: "Connections that were not taken, by reason.",
            kind: "counter",
            labels: vec![("reason", reason.name().to_owned())],
            value: times as f64,
        });
        std::iter::once(open).chain(refused).collect()
    }

    async fn do_shutdown(&self, grace_ms: u32) -> Answer<ShutdownResponse> {
        let grace = match grace_ms {
            0 => LONGEST_GRACE,
            time => Duration::from_millis(time.into()).min(LONGEST_GRACE),
        };
        let (answer, answered) = oneshot::channel();
        let asked = self.0.stops.requests.try_send(StopRequest { grace, answer });
        let stopping = |_| Status::unavailable("the daemon is stopping already; wait for it to end");
        asked.map_err(|_| stopping(()))?;
        let in_flight = answered.await.map_err(|_| stopping(()))?;
        Ok(Response::new(ShutdownResponse { in_flight }))
    }
}

const fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, kind: "gauge", labels: Vec::new(), value }
}

const fn index(phase: IndexPhase) -> IndexState {
    match phase {
        IndexPhase::Closed => IndexState::Closed,
        IndexPhase::Open => IndexState::Open,
        IndexPhase::Rebuilding => IndexState::Rebuilding,
        IndexPhase::Failed => IndexState::Failed,
    }
}

async fn gpu_cores(children: &Children) -> Option<u32> {
    match agentd_host::gpu_cores(children).await {
        Ok(measured) => measured.value(),
        Err(error) => {
            tracing::warn!(%error, "the graphics processor cannot be asked for its cores");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn protocols_that_fit_are_welcome_and_others_are_told_what_to_do() {
        for (protocol, expected) in [
            (PROTOCOL_VERSION, None),
            (OLDEST_PROTOCOL_VERSION, None),
            (0, Some("update the client")),
            (PROTOCOL_VERSION + 1, Some("update the daemon")),
        ] {
            let answer = handshake(&HandshakeRequest { protocol, client: "test 1".to_owned() });
            match (answer, expected) {
                (Ok(answer), None) => assert_eq!(answer.into_inner().protocol, PROTOCOL_VERSION),
                (Err(status), Some(part)) => {
                    assert_eq!(status.code(), Code::FailedPrecondition);
                    assert!(status.message().contains(part) && status.message().contains(&protocol.to_string()));
                }
                other => panic!("{protocol}: {other:?}"),
            }
        }
    }
}
