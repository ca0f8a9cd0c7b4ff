//! Row `graph`: the drill, forty steps that only wait, beside the same graph as bare futures.

use std::time::Instant;

use agentd_proto::v1::SubmitRequest;
use agentd_workflow::{StepSpec, WorkflowName, builtin};
use futures_util::future::join_all;
use tokio::sync::watch;

use super::{
    Options, noop,
    samples::{Samples, ms, short},
    system,
    table::{Line, Met, Table},
};
use crate::daemon::{Clients, Home, TestDaemon, runtime};

/// The same steps without an engine.
async fn bare(steps: &[StepSpec]) -> f64 {
    let begin = Instant::now();
    let done: Vec<watch::Sender<bool>> = steps.iter().map(|_| watch::Sender::new(false)).collect();
    let done = &done;
    join_all(steps.iter().zip(done).map(|(step, own)| async move {
        for need in &step.needs {
            done[usize::from(need.0)].subscribe().wait_for(|over| *over).await.expect("all senders live");
        }
        tokio::time::sleep(step.limit).await;
        own.send_replace(true);
    }))
    .await;
    ms(begin.elapsed())
}

fn drill() -> SubmitRequest {
    let workflow = WorkflowName::Drill.name().to_owned();
    SubmitRequest { request: "measure".to_owned(), workflow, ..SubmitRequest::default() }
}

/// Row `graph`.
pub(super) fn graph(options: &Options, table: &mut Table) {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let graph = builtin(WorkflowName::Drill);
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    runtime().block_on(async {
        let mut tasks = Clients::connect(&home).await.expect("it listens").tasks;
        for round in 0..=options.count(15, 3) {
            let floor = bare(graph.steps()).await;
            let (_, done) = noop::through(&mut tasks, drill()).await;
            if round > 0 {
                ours.push(done);
                floors.push(floor);
            }
        }
    });
    let [ours, floor] = [ours, floors].map(Samples::new);
    let more = ours.median() - floor.median();
    table.add(Line {
        row: "graph",
        what: "graph of forty steps that wait, wall, ms",
        measured: format!("{}, {} more than the floor", ours.spread(), short(more)),
        floor: format!("bare futures {}", floor.spread()),
        ratio: Some(ours.median() / floor.median()),
        target: "≤ floor + 5",
        met: Met::of(more <= 5.0),
        figures: vec![("wall_ms", ours.median()), ("floor_ms", floor.median())],
    });
    tell_syncs(&home, &daemon, table);
}

fn tell_syncs(home: &Home, daemon: &TestDaemon, table: &mut Table) {
    let what = "syncs of a graph of forty steps";
    let (syncs, ()) = system::syncs(home, daemon.pid(), || {
        runtime().block_on(async {
            let mut tasks = Clients::connect(home).await.expect("it listens").tasks;
            noop::through(&mut tasks, drill()).await;
        });
    });
    let Some(syncs) = syncs else { return table.add(Line::missing("graph", what, "strace cannot be used here")) };
    table.add(Line {
        row: "graph",
        what,
        measured: syncs.to_string(),
        floor: "2".to_owned(),
        ratio: Some(syncs as f64 / 2.0),
        target: "≤ 20",
        met: Met::of(syncs <= 20),
        figures: vec![("syncs", syncs as f64)],
    });
}
