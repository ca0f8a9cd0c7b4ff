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
        let agents = self.0.engine.agents().await.map_err(|error| refused(&error));
        let answer = agents.map(|agents| {
            Response::new(ListAgentsResponse { agents: agents.into_iter().map(convert::agent).collect() })
        });
        self.0.counters.count(Method::ListAgents, answer)
    }
}
