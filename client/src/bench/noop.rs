//! Tasks that do nothing: what the daemon itself costs, one after the other and from several clients at once. Every one is
//! durable before it is answered.

use std::time::{Duration, Instant};

use agentd_proto::v1::{SubmitRequest, TaskState, WatchRequest, event::What, watch_response::Item};
use serde::Serialize;
use tokio::task::JoinSet;
use tonic::Request;

use super::{
    Plan,
    samples::{Samples, ms},
    world::World,
};
use crate::{connect::Connection, error::Error};

/// Clients at once, each with a connection of its own.
const CLIENTS: usize = 16;

/// What was measured with tasks that do nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noops {
    /// From the submit to its answer, in milliseconds, one task after the other.
    pub accepted_ms: Samples,
    /// From the submit to the end of the task, in milliseconds.
    pub done_ms: Samples,
    /// How many clients there were at once.
    pub clients: usize,
    /// Tasks per second of all of them together, one value per round.
    pub tasks_per_second: Samples,
}

pub(super) async fn measure(world: &World, connection: &Connection, plan: &Plan) -> Result<Noops, Error> {
    alone(connection, plan.count(200, 50)).await?;
    let times = alone(connection, plan.count(2_000, 200)).await?;
    let mut rates = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(world.dial().open().await?);
    }
    for round in 0..=plan.count(5, 2) {
        let rate = together(&connections, Duration::from_millis(if plan.quick { 300 } else { 1_000 })).await?;
        if round > 0 {
            rates.push(rate);
        }
    }
    Ok(Noops {
        accepted_ms: times.iter().map(|(accepted, _)| *accepted).collect(),
        done_ms: times.iter().map(|(_, done)| *done).collect(),
        clients: CLIENTS,
        tasks_per_second: rates.into_iter().collect(),
    })
}

/// One task after the other: milliseconds until accepted and until done of each.
pub(super) async fn alone(connection: &Connection, count: usize) -> Result<Vec<(f64, f64)>, Error> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        times.push(one(connection).await?);
    }
    Ok(times)
}

/// All clients for this time, each waits for its task before it submits the next: tasks per second.
async fn together(connections: &[Connection], time: Duration) -> Result<f64, Error> {
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for connection in connections {
        let connection = connection.clone();
        clients.spawn(async move {
            let mut done = 0_u64;
            while begin.elapsed() < time {
                one(&connection).await?;
                done += 1;
            }
            Ok::<u64, Error>(done)
        });
    }
    let mut done = 0;
    while let Some(client) = clients.join_next().await {
        let what = || "a client of the measurement that panicked".to_owned();
        done += client.map_err(|_| Error::Unexpected { what: what() })??;
    }
    Ok(done as f64 / begin.elapsed().as_secs_f64())
}

async fn one(connection: &Connection) -> Result<(f64, f64), Error> {
    let request = "measure the daemon".to_owned();
    let request = SubmitRequest { request, workflow: "noop".to_owned(), ..SubmitRequest::default() };
    let begin = Instant::now();
    let answer = connection.tasks().submit(Request::new(request)).await;
    let submitted = answer.map_err(Error::call("submit a task"))?.into_inner();
    let accepted = ms(begin.elapsed());
    let watch = WatchRequest { task_id: submitted.task_id, cursor: submitted.cursor, progress: false };
    let mut events = connection.tasks().watch(watch).await.map_err(Error::call("watch a task"))?.into_inner();
    let mut done = None;
    // To its end: a stream that is dropped before is reset, and who resets many is sent away.
    while let Some(item) = events.message().await.map_err(Error::call("watch a task"))? {
        if let Some(Item::Event(event)) = item.item
            && let Some(What::Ended(end)) = event.what
        {
            done = (end.state() == TaskState::Succeeded).then(|| ms(begin.elapsed()));
        }
    }
    let done = done.ok_or_else(|| Error::Unexpected { what: "a no-op task that did not succeed".to_owned() })?;
    Ok((accepted, done))
}
