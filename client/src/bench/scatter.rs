//! An analysis: how far the compute class is busy while files are measured, and whose the CPU time was. All from what the daemon
//! tells of its threads, so that it is the same on both systems.

use std::time::{Duration, Instant};

use agentd_proto::v1::{
    Agent, CoreClass, ListAgentsRequest, SubmitRequest, TaskEnded, TaskState, WatchRequest, event::What,
    watch_response::Item,
};
use serde::Serialize;
use tonic::Request;

use super::{
    Plan, compute_cores, figure,
    samples::{Samples, ms},
    world::World,
};
use crate::{
    connect::{Connection, within_limit},
    error::Error,
    ui::text,
};

/// The step that is cut into pieces.
const SCATTERED: &str = "measure";

/// CPU time is counted in milliseconds and asked for before and after the step: of one that is shorter, the share says nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// What was measured of analyses of one folder, each from nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scatter {
    /// The folder.
    pub workspace: String,
    /// What the last one found in it, in the daemon's words.
    pub summary: String,
    /// From the submit to the end, in milliseconds.
    pub wall_ms: Samples,
    /// The step that is cut into pieces, in milliseconds.
    pub measure_ms: Samples,
    /// Share (0 to 1) of the time of the compute cores that compute agents used meanwhile; empty: not measured.
    pub compute_busy: Samples,
    /// Why that is not measured; empty: it is.
    pub unmeasured: String,
    /// Cores on which compute agents ask to run.
    pub compute_cores: usize,
    /// Share (0 to 1) of the daemon's CPU time that agents used, during the whole task.
    pub agent_share: Samples,
    /// Compute agents that did pieces of the last one.
    pub agents_with_pieces: usize,
}

/// One analysis.
#[derive(Default)]
struct Run {
    wall: Duration,
    measure: Duration,
    /// CPU time of compute agents during the step.
    computed: Duration,
    agents: Duration,
    daemon: Option<Duration>,
    with_pieces: usize,
    summary: String,
}

/// A bar would be drawn by what is told of the progress, which takes time of the daemon: it is said how far this is instead.
pub(super) async fn measure(
    world: &World,
    connection: &Connection,
    plan: &Plan,
    said: impl Fn(&str),
) -> Result<Scatter, Error> {
    let mut runs: Vec<Run> = Vec::new();
    let count = plan.count(3, 1);
    for number in 1..=count {
        let before = runs.last().map_or_else(String::new, |run| {
            format!("; the one before took {}: {}", text::span(run.wall), text::one_line(&run.summary))
        });
        said(&format!("analysis {number} of {count}, each from nothing{before}"));
        world.forget_facts();
        runs.push(run(world, connection, plan).await?);
    }
    let machine = connection.status().await?.machine.unwrap_or_default();
    let compute = agents(connection).await?.iter().filter(|agent| agent.core_class() == CoreClass::Compute).count();
    let cores = compute_cores(&machine, compute);
    let long: Vec<&Run> = runs.iter().filter(|run| run.measure >= SHORTEST).collect();
    let busy = |run: &&Run| run.computed.as_secs_f64() / (run.measure.as_secs_f64() * cores as f64);
    let share = |run: &Run| {
        let daemon = run.daemon?;
        (!daemon.is_zero()).then(|| run.agents.as_secs_f64() / daemon.as_secs_f64())
    };
    let unmeasured = if long.is_empty() {
        format!("files were measured within {} ms: too short to tell; name a larger folder", SHORTEST.as_millis())
    } else {
        String::new()
    };
    let last = runs.last();
    Ok(Scatter {
        workspace: plan.workspace.display().to_string(),
        summary: last.map(|run| run.summary.clone()).unwrap_or_default(),
        wall_ms: runs.iter().map(|run| ms(run.wall)).collect(),
        measure_ms: runs.iter().map(|run| ms(run.measure)).collect(),
        compute_busy: long.iter().map(busy).collect(),
        unmeasured,
        compute_cores: cores,
        agent_share: runs.iter().filter_map(share).collect(),
        agents_with_pieces: last.map_or(0, |run| run.with_pieces),
    })
}

async fn run(world: &World, connection: &Connection, plan: &Plan) -> Result<Run, Error> {
    let before = agents(connection).await?;
    let used_before = figure(connection, "process_cpu_seconds_total").await?;
    let mut found = Run::default();
    found.follow(world, connection, plan).await?;
    let after = agents(connection).await?;
    let used_after = figure(connection, "process_cpu_seconds_total").await?;
    found.agents = used(&before, &after, |_| true);
    found.daemon = used_before.zip(used_after).and_then(|(then, now)| Duration::try_from_secs_f64(now - then).ok());
    found.with_pieces = with_pieces(&before, &after);
    Ok(found)
}

impl Run {
    /// Submits it and watches it to its end.
    async fn follow(&mut self, world: &World, connection: &Connection, plan: &Plan) -> Result<(), Error> {
        let begin = Instant::now();
        let answer = connection.tasks().submit(Request::new(request(world, plan))).await;
        let submitted = answer.map_err(Error::call("submit an analysis"))?.into_inner();
        let watch = WatchRequest { task_id: submitted.task_id, cursor: submitted.cursor, progress: false };
        let mut events = connection.tasks().watch(watch).await.map_err(Error::call("watch it"))?.into_inner();
        let mut step: Option<(Instant, Vec<Agent>)> = None;
        while let Some(item) = events.message().await.map_err(Error::call("watch it"))? {
            let Some(Item::Event(event)) = item.item else { continue };
            match event.what {
                Some(What::AttemptStarted(start)) if start.step == SCATTERED => {
                    step = Some((Instant::now(), agents(connection).await?));
                }
                Some(What::StepSucceeded(done)) if done.step == SCATTERED => {
                    if let Some((began, then)) = step.take() {
                        self.measure = began.elapsed();
                        self.computed = used(&then, &agents(connection).await?, is_compute);
                    }
                    self.summary = done.summary;
                }
                Some(What::Ended(end)) => {
                    self.wall = begin.elapsed();
                    succeeded(&end)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn request(world: &World, plan: &Plan) -> SubmitRequest {
    SubmitRequest {
        request: "measure the daemon".to_owned(),
        workspace: plan.workspace.display().to_string(),
        workflow: "analyze".to_owned(),
        path: world.search(),
        ..SubmitRequest::default()
    }
}

fn succeeded(end: &TaskEnded) -> Result<(), Error> {
    match end.state() {
        TaskState::Succeeded => Ok(()),
        _ => Err(Error::Unexpected { what: format!("an analysis that did not succeed ({})", end.summary) }),
    }
}

async fn agents(connection: &Connection) -> Result<Vec<Agent>, Error> {
    let answer = connection.agents().list(within_limit(ListAgentsRequest {})).await;
    Ok(answer.map_err(Error::call("list the agents"))?.into_inner().agents)
}

fn is_compute(agent: &Agent) -> bool {
    agent.core_class() == CoreClass::Compute
}

/// CPU time that some agents used between two looks.
fn used(before: &[Agent], after: &[Agent], which: impl Fn(&Agent) -> bool) -> Duration {
    let cpu = |agents: &[Agent], name: &str| {
        let found = agents.iter().find(|agent| agent.name == name);
        found.and_then(|agent| agent.record.as_ref()).map_or(0, |record| record.cpu_ms)
    };
    let used = after.iter().filter(|agent| which(agent)).map(|agent| {
        // One that was replaced meanwhile counts from zero.
        cpu(after, &agent.name).saturating_sub(cpu(before, &agent.name))
    });
    Duration::from_millis(used.sum())
}

fn with_pieces(before: &[Agent], after: &[Agent]) -> usize {
    let pieces = |agents: &[Agent], name: &str| {
        let found = agents.iter().find(|agent| agent.name == name);
        found.and_then(|agent| agent.record.as_ref()).map_or(0, |record| record.pieces)
    };
    after.iter().filter(|agent| is_compute(agent) && pieces(after, &agent.name) > pieces(before, &agent.name)).count()
}

#[cfg(test)]
mod tests {
    use agentd_proto::v1::AgentRecord;

    use super::*;

    fn agent(name: &str, class: CoreClass, cpu_ms: u64, pieces: u64) -> Agent {
        let record = Some(AgentRecord { cpu_ms, pieces, ..AgentRecord::default() });
        Agent { name: name.to_owned(), core_class: class.into(), record, ..Agent::default() }
    }

    #[test]
    fn work_between_two_looks_is_counted_by_class() {
        let [compute, slow] = [CoreClass::Compute, CoreClass::Coordinator];
        let before = [agent("a", compute, 100, 3), agent("b", compute, 50, 0), agent("c", slow, 10, 0)];
        let after = [agent("a", compute, 400, 9), agent("b", compute, 20, 0), agent("c", slow, 15, 1)];
        assert_eq!(used(&before, &after, is_compute), Duration::from_millis(300));
        assert_eq!(used(&before, &after, |_| true), Duration::from_millis(305));
        assert_eq!(with_pieces(&before, &after), 1);
    }
}
