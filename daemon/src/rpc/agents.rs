//! The twelve, as they do.

use std::sync::Arc;

use agentd_proto::v1::{ListAgentsRequest, ListAgentsResponse, agent_service_server::AgentService};
use tonic::{Request, Response, Status};

use super::{Context, convert, counters::Method, status::refused};

/// The service.
#[derive(Debug)]
pub(super) struct Agents(pub(super) Arc<Context>);

#[tonic::async_trait]
impl AgentService for Agents {
    async fn list(&self, _: Request<ListAgentsRequest>) -> Result<Response<ListAgentsResponse>, Status> {
        let answer = self.do_list().await;
        self.0.counters.count(Method::ListAgents, answer)
    }
}

impl Agents {
    async fn do_list(&self) -> Result<Response<ListAgentsResponse>, Status> {
        let engine = &self.0.engine;
        engine.look().await;
        let agents = engine.agents().await.map_err(|error| refused(&error))?;
        let seats = engine.seats().await.map_err(|error| refused(&error))?;
        let agents = agents.into_iter().map(convert::agent).collect();
        Ok(Response::new(ListAgentsResponse { agents, compute: Some(convert::seats(seats)) }))
    }
}
