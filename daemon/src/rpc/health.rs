//! Health, the standard way: as the daemon is when somebody asks, and told to those who watch when it changes.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use tonic::{Request, Response, Status};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, HealthCheckResponse, health_server::Health},
    server::{HealthReporter, HealthService},
};

use super::Context;

/// Names of our services, as health knows them. The empty one stands for the daemon as a whole.
const NAMES: [&str; 5] = ["", TASKS, "agentd.v1.AgentService", "agentd.v1.DaemonService", "agentd.v1.RuleService"];

/// The one that is of no use while nothing can be written.
const TASKS: &str = "agentd.v1.TaskService";

/// What watchers were told last, by name of the service.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<&'static str, ServingStatus>>);

impl Told {
    /// Notes what is about to be told. `false`: it was told already.
    fn is_news(&self, name: &'static str, status: ServingStatus) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(name, status) != Some(status)
    }
}

/// The service: finds out how we are before it answers.
#[derive(Debug)]
pub(super) struct Live {
    context: Arc<Context>,
    reporter: HealthReporter,
    service: HealthService,
}

impl Live {
    pub(super) fn new(context: Arc<Context>, reporter: HealthReporter) -> Self {
        let service = HealthService::from_health_reporter(reporter.clone());
        Self { context, reporter, service }
    }
}

#[tonic::async_trait]
impl Health for Live {
    type WatchStream = <HealthService as Health>::WatchStream;

    async fn check(&self, call: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        tell(&self.reporter, &self.context).await;
        self.service.check(call).await
    }

    async fn watch(&self, call: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        tell(&self.reporter, &self.context).await;
        self.service.watch(call).await
    }
}

/// Tells watchers what changes, and lets go of them when all streams end.
pub(super) async fn follow(mut reporter: HealthReporter, context: &Context) -> Infallible {
    loop {
        tell(&reporter, context).await;
        tokio::select! {
            biased;
            () = context.stops.closing.cancelled() => break,
            () = next_change(context) => {}
        }
    }
    // Also if the streams end at the same moment: what was set before is still delivered.
    for name in NAMES {
        if context.told.is_news(name, ServingStatus::NotServing) {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    }
    context.stops.ending.cancelled().await;
    for name in NAMES {
        reporter.clear_service_status(name).await;
    }
    std::future::pending().await
}

/// Without a connection nobody watches, and the engine is left alone.
async fn next_change(context: &Context) {
    loop {
        context.premises.changed.notified().await;
        if context.gate.open() > 0 {
            return;
        }
    }
}

/// Finds out how we are and says so.
async fn tell(reporter: &HealthReporter, context: &Context) {
    let stopping = context.stops.closing.is_cancelled();
    let read_only = !stopping && {
        let engine = context.engine.status().await;
        engine.map_or(true, |status| context.refusal(&status).is_some())
    };
    for name in NAMES {
        if context.stops.ending.is_cancelled() {
            return; // nobody is told any more
        }
        let unwell = stopping || (read_only && name == TASKS);
        let status = if unwell { ServingStatus::NotServing } else { ServingStatus::Serving };
        // Watchers hear of changes, not of every look.
        if context.told.is_news(name, status) {
            reporter.set_service_status(name, status).await;
        }
    }
}
