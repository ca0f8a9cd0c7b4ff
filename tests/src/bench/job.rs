//! Rows `job`, `scatter`, `idle` and `warm`: the analysis of a large repository beside a bare parser, who computed, and what is
//! left of it afterwards.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use agentd_proto::v1::{
    Agent, CoreClass, ListAgentsRequest, TaskState, WatchRequest, event::What, watch_response::Item,
};

use super::{
    Options,
    floor::Sources,
    idle,
    samples::{Samples, ms, short},
    system::{self, ThreadTime},
    table::{Line, Met, Table},
    warm,
};
use crate::{
    client::analyze,
    daemon::{Clients, Home, TestDaemon, runtime},
    process,
};

/// Smallest corpus for which the figures to reach were set.
pub(super) const MEGABYTES: f64 = 17.0;

/// The rows, on one daemon.
pub(super) fn all(options: &Options, table: &mut Table) {
    let Some(corpus) = options.corpus.as_deref().filter(|folder| folder.is_dir()) else {
        let line = Line::missing("job", "analysis of a large repository", "no corpus was named; see scripts/bench");
        return table.add(line);
    };
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let sources = Sources::read(corpus);
    let (mut jobs, mut parses) = (Vec::new(), Vec::new());
    for round in 0..=options.count(7, 2) {
        let parse = sources.parse();
        // Nothing is known: what is kept is written anew each time.
        let _ = std::fs::remove_dir_all(home.state().join("cache"));
        let job = runtime().block_on(measured(&home, &daemon, corpus));
        if round > 0 {
            parses.push(parse);
            jobs.push(job);
        }
    }
    if options.wants("job") {
        tell_job(&sources, &jobs, &Samples::new(parses), table);
    }
    if options.wants("scatter") {
        tell_scatter(&jobs, table);
    }
    if options.wants("idle") {
        idle::idle(options, &home, &daemon, table);
    }
    if options.wants("warm") {
        warm::warm(options, (&home, &daemon), (corpus, &sources), table);
    }
}

/// One analysis.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) wall: Duration,
    cpu: Duration,
    on_agents: Duration,
    peak_mib: Option<f64>,
    /// The scattered step alone, as its watcher saw it.
    scatter: Duration,
    compute_in_scatter: Duration,
    /// Compute agents that did pieces.
    used: usize,
    compute_agents: usize,
    steps: Vec<(String, Duration)>,
}

async fn agents(clients: &Clients) -> Vec<Agent> {
    clients.agents.clone().list(ListAgentsRequest {}).await.expect("it answers").into_inner().agents
}

fn compute(agents: &[Agent]) -> impl Iterator<Item = &Agent> {
    agents.iter().filter(|agent| agent.core_class() == CoreClass::Compute)
}

fn pieces(agents: &[Agent]) -> Vec<u64> {
    compute(agents).map(|agent| agent.record.as_ref().map_or(0, |record| record.pieces)).collect()
}

pub(super) async fn measured(home: &Home, daemon: &TestDaemon, corpus: &Path) -> Job {
    let clients = Clients::connect(home).await.expect("it listens");
    let known = agents(&clients).await;
    let pid = daemon.pid();
    process::forget_peak(pid);
    let look = || system::threads(pid);
    let (before, begin) = (look(), Instant::now());
    let submitted = clients.submit(analyze(corpus)).await;
    let watch = WatchRequest { task_id: submitted.task_id, cursor: submitted.cursor, progress: false };
    let mut events = clients.tasks.clone().watch(watch).await.expect("it can be watched").into_inner();
    let mut scatter: Option<(Instant, Vec<ThreadTime>)> = None;
    let (mut in_scatter, mut scatter_time, mut steps) = (Vec::new(), Duration::ZERO, Vec::new());
    while let Some(item) = events.message().await.expect("a whole stream") {
        let Some(Item::Event(event)) = item.item else { continue };
        match event.what {
            Some(What::AttemptStarted(start)) if start.step == "measure" => scatter = Some((Instant::now(), look())),
            Some(What::StepSucceeded(step)) => {
                if let Some((began, earlier)) = scatter.take_if(|_| step.step == "measure") {
                    (scatter_time, in_scatter) = (began.elapsed(), system::used(&earlier, &look()));
                }
                steps.push((step.step, Duration::from_millis(step.duration_ms)));
            }
            Some(What::Ended(end)) => assert_eq!(end.state(), TaskState::Succeeded, "{}", end.summary),
            _ => {}
        }
    }
    let wall = begin.elapsed();
    let used = system::used(&before, &look());
    let done = pieces(&agents(&clients).await).into_iter().zip(pieces(&known)).filter(|(now, then)| now > then);
    Job {
        wall,
        cpu: system::sum(&used),
        on_agents: system::of_agents(&used, known.iter()),
        peak_mib: system::peak_mib(pid),
        scatter: scatter_time,
        compute_in_scatter: system::of_agents(&in_scatter, compute(&known)),
        used: done.count(),
        compute_agents: compute(&known).count(),
        steps,
    }
}

fn tell_job(sources: &Sources, jobs: &[Job], parse: &Samples, table: &mut Table) {
    let wall: Samples = jobs.iter().map(|job| ms(job.wall)).collect();
    let steps = jobs.last().map(|job| job.steps.clone()).unwrap_or_default();
    let steps: Vec<String> = steps.iter().map(|(step, took)| format!("{step} {}", took.as_millis())).collect();
    let ratio = wall.median() / parse.median();
    let large = sources.megabytes() >= MEGABYTES;
    table.add(Line {
        row: "job",
        what: "analysis of a large repository, wall, ms",
        measured: format!("{} ({})", wall.spread(), steps.join(", ")),
        floor: format!(
            "one thread parses the same {} files, {} MB: {}",
            sources.count(),
            short(sources.megabytes()),
            parse.spread()
        ),
        ratio: Some(ratio),
        target: "≤ 0.75 × on two cores",
        met: if large { Met::of(ratio <= 0.75) } else { Met::Open },
        figures: vec![("wall_ms", wall.median()), ("parse_ms", parse.median()), ("mb", sources.megabytes())],
    });
    let peaks: Option<Vec<f64>> = jobs.iter().map(|job| job.peak_mib).collect();
    let Some(peaks) = peaks.map(Samples::new) else {
        return table.add(Line::missing("job", "peak memory", "this system does not tell it"));
    };
    table.add(Line {
        row: "job",
        what: "peak memory of the daemon during it, MiB",
        measured: peaks.spread(),
        floor: format!("the sources alone {} MB", short(sources.megabytes())),
        ratio: None,
        target: "≤ 150",
        met: Met::of(peaks.max() <= 150.0),
        figures: vec![("peak_mib", peaks.max())],
    });
}

fn tell_scatter(jobs: &[Job], table: &mut Table) {
    if jobs.iter().all(|job| job.cpu.is_zero()) {
        return table.add(Line::missing("scatter", "who computed", "this system does not tell CPU time of threads"));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let busy: Samples = jobs
        .iter()
        .map(|job| {
            let may = cores.min(job.compute_agents) as f64;
            100.0 * job.compute_in_scatter.as_secs_f64() / (job.scatter.as_secs_f64() * may)
        })
        .collect();
    let share: Samples = jobs.iter().map(|job| 100.0 * job.on_agents.as_secs_f64() / job.cpu.as_secs_f64()).collect();
    let used = jobs.iter().map(|job| job.used).min().unwrap_or(0);
    let lines = [
        ("compute class busy while files are measured, % of the cores", &busy, "≥ 85", 85.0),
        ("daemon CPU on agent threads during the job, %", &share, "≥ 90", 90.0),
    ];
    for (what, samples, target, least) in lines {
        table.add(Line {
            row: "scatter",
            what,
            measured: samples.spread(),
            floor: format!("{cores} cores"),
            ratio: None,
            target,
            met: Met::of(samples.median() >= least),
            figures: vec![("percent", samples.median())],
        });
    }
    table.add(Line {
        row: "scatter",
        what: "compute agents that did pieces",
        measured: used.to_string(),
        floor: format!("of {}", jobs.first().map_or(0, |job| job.compute_agents)),
        ratio: None,
        target: "≥ 2",
        met: Met::of(used >= 2),
        figures: vec![("agents", used as f64)],
    });
}
