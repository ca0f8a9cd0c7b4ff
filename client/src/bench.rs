//! What `bench` measures: the installed daemon in a fresh folder of its own, beside the user's state folder and on the same disk.
//! Start, no-op tasks, an analysis, and where the agents ran. Nothing of the user's daemon is touched.

mod leftover;
mod noop;
mod page;
mod samples;
mod scatter;
mod start;
mod world;

use std::{cell::OnceCell, io, path::PathBuf, rc::Rc};

use agentd_proto::v1::{ListAgentsRequest, Machine, MetricsRequest};
use serde::Serialize;

pub use page::{head, table};
pub use samples::Samples;
pub use scatter::Scatter;
pub use start::Starts;

use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::Error,
    shape::daemon::MachineShape,
};
pub use noop::Noops;
use world::World;

/// What to measure, and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder that is analysed; absolute.
    pub workspace: PathBuf,
    /// Where the fresh state folder is made; `None`: beside the user's own.
    pub beside: Option<PathBuf>,
    /// Few repetitions.
    pub quick: bool,
}

impl Plan {
    const fn count(&self, usual: usize, quick: usize) -> usize {
        if self.quick { quick } else { usual }
    }
}

/// What a measurement could not remove, known when it is over however it ended: its folder, and what the system says.
#[derive(Debug, Clone, Default)]
pub struct Remains(Rc<OnceCell<(PathBuf, io::Error)>>);

impl Remains {
    /// The folder that stays, and why; `None` if it is gone.
    #[must_use]
    pub fn get(&self) -> Option<&(PathBuf, io::Error)> {
        self.0.get()
    }
}

/// Everything that was measured, and on what.
#[derive(Debug, Serialize)]
pub struct Report {
    /// As the daemon describes it.
    pub machine: MachineShape,
    /// Of the measured daemon.
    pub version: String,
    /// The measured program.
    pub program: String,
    /// Kind of the file system that was written to; `null`: not known.
    pub file_system: Option<String>,
    /// Load of the machine over a minute, before and after; `null`: not known.
    pub load_before: Option<f64>,
    /// The same at the end, this run included.
    pub load_after: Option<f64>,
    /// When the last daemon was started, RFC 3339.
    pub at: Option<String>,
    /// Few repetitions.
    pub quick: bool,
    /// From exec to the first answer.
    pub start: Starts,
    /// Tasks that do nothing.
    pub noop: Noops,
    /// An analysis.
    pub scatter: Scatter,
    /// Where each agent ran during all of it.
    pub residency: Vec<Residency>,
}

/// Where one agent ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Residency {
    /// Its name.
    pub agent: String,
    /// `compute` or `coordinator`.
    pub class: &'static str,
    /// What it was granted.
    pub granted: String,
    /// CPU time of its thread.
    pub cpu_ms: u64,
    /// Share of it on the fast tiers, all but the slowest, 0 to 1; `null`: not measured.
    pub fast_share: Option<f64>,
    /// Why not.
    pub unmeasured: String,
}

/// Measures. `said` is told what is being measured; `remains` is filled if the folder stays.
///
/// # Errors
/// [`Error::NoProgram`], [`Error::Spawn`], [`Error::File`] (the fresh folder), [`Error::Slow`], [`Error::Call`], and
/// [`Error::Unexpected`] if a task of the run does not succeed.
pub async fn measure(
    context: &Context<'_>,
    plan: &Plan,
    remains: &Remains,
    said: impl Fn(&str),
) -> Result<Report, Error> {
    let mut world = World::make(context, plan.beside.as_deref(), &said).await?;
    world.remains = remains.clone();
    said(&format!("measuring {} in {}", world.program().display(), world.folder().display()));
    let (connection, _) = world.start().await?;
    let load_before = load(&connection).await?;
    // So that starts find a journal with something in it, as those of a user do.
    noop::alone(&connection, 50).await?;
    drop(connection);
    said("starts");
    let start = start::measure(&mut world, plan.count(20, 5)).await?;
    let (connection, _) = world.start().await?;
    said("no-op tasks");
    let noop = noop::measure(&world, &connection, plan).await?;
    let scatter = scatter::measure(&world, &connection, plan, said).await?;
    let status = connection.status().await?;
    let report = Report {
        machine: status.machine.unwrap_or_default().into(),
        version: status.version,
        program: world.program().display().to_string(),
        file_system: crate::doctor::filesystem::kind(world.folder()),
        load_before,
        load_after: load(&connection).await?,
        at: status.started_at.map(|at| at.to_string()),
        quick: plan.quick,
        start,
        noop,
        scatter,
        residency: residency(&connection).await?,
    };
    world.stop().await?;
    Ok(report)
}

async fn residency(connection: &Connection) -> Result<Vec<Residency>, Error> {
    let answer = connection.agents().list(within_limit(ListAgentsRequest {})).await;
    let agents = answer.map_err(Error::call("list the agents"))?.into_inner().agents;
    let residency = agents.into_iter().map(|agent| {
        let placement = agent.placement.unwrap_or_default();
        Residency {
            agent: agent.name,
            class: crate::shape::daemon::core_class(agent.core_class),
            granted: placement.granted,
            cpu_ms: agent.record.unwrap_or_default().cpu_ms,
            fast_share: placement.fast_share,
            unmeasured: placement.unmeasured,
        }
    });
    Ok(residency.collect())
}

/// A figure of the daemon by its name.
async fn figure(connection: &Connection, name: &str) -> Result<Option<f64>, Error> {
    let answer = connection.daemon().metrics(within_limit(MetricsRequest {})).await;
    let metrics = answer.map_err(Error::call("read the metrics"))?.into_inner().metrics;
    Ok(metrics.into_iter().find(|metric| metric.name == name).map(|metric| metric.value))
}

async fn load(connection: &Connection) -> Result<Option<f64>, Error> {
    figure(connection, "agentd_load_average").await
}

/// Cores on which compute agents ask to run: all tiers but the slowest, or the only one; never more than there are such agents.
fn compute_cores(machine: &Machine, agents: usize) -> usize {
    let faster = machine.tiers.len().saturating_sub(1).max(1);
    let cores: u32 = machine.tiers.iter().take(faster).map(|tier| tier.cores).sum();
    usize::try_from(cores).unwrap_or(usize::MAX).clamp(1, agents.max(1))
}

#[cfg(test)]
mod tests {
    use agentd_proto::v1::Tier;

    use super::*;

    #[test]
    fn compute_agents_ask_for_all_cores_but_the_slowest() {
        for (tiers, cores) in [(&[2][..], 2), (&[12, 4], 8), (&[4, 4], 4), (&[1, 3, 4], 4), (&[], 1), (&[16], 8)] {
            let tier = |&cores: &u32| Tier { name: String::new(), cores };
            let machine = Machine { tiers: tiers.iter().map(tier).collect(), ..Machine::default() };
            assert_eq!(compute_cores(&machine, 8), cores, "{tiers:?}");
        }
    }
}
