//! Rows `noop`, `clients` and `beside`: a task that does nothing measures the daemon itself, alone, from many clients, and
//! beside an analysis.

use std::time::{Duration, Instant};

use agentd_proto::v1::{
    SubmitRequest, WatchRequest, event::What, task_service_client::TaskServiceClient, watch_response::Item,
};
use futures_util::future::join_all;
use tonic::transport::Channel;

use super::{
    Options,
    floor::{self, Disk, Echo},
    samples::{Samples, ms, short},
    system,
    table::{Line, Met, Table},
};
use crate::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, connect, runtime},
};

/// Clients of row `clients`, each with a connection of its own.
const CLIENTS: usize = 16;

/// Submits a task and follows it to its end; milliseconds until accepted and until done.
pub(super) async fn one(tasks: &mut TaskServiceClient<Channel>) -> (f64, f64) {
    through(tasks, noop("nothing")).await
}

/// The same with a task of any kind.
pub(super) async fn through(tasks: &mut TaskServiceClient<Channel>, request: SubmitRequest) -> (f64, f64) {
    let begin = Instant::now();
    let submitted = tasks.submit(request).await.expect("the task is accepted").into_inner();
    let accepted = ms(begin.elapsed());
    let watch = WatchRequest { task_id: submitted.task_id, cursor: submitted.cursor, progress: false };
    let mut events = tasks.watch(watch).await.expect("the task can be watched").into_inner();
    let mut done = None;
    // To the end of the stream: one that is dropped early is reset, and a client that resets a thousand is sent away.
    while let Some(item) = events.message().await.expect("a whole stream") {
        if let Some(Item::Event(event)) = item.item
            && let Some(What::Ended(_)) = event.what
        {
            done = Some(ms(begin.elapsed()));
        }
    }
    (accepted, done.expect("the end of the task is told"))
}

/// A daemon and the floors beside it.
struct Bench {
    home: Home,
    daemon: TestDaemon,
    echo: Echo,
    disk: Disk,
}

impl Bench {
    async fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(connect(&self.home.socket()).await.expect("the daemon listens"))
    }
}

/// The three rows, on one daemon.
pub(super) fn all(options: &Options, table: &mut Table) {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let (echo, disk) = (Echo::launch(&home), Disk::new(&home));
    let mut bench = Bench { home, daemon, echo, disk };
    let idle = alone(options, &mut bench);
    if options.wants("noop") {
        idle.tell(table);
        tell_syncs(&bench, table);
    }
    if options.wants("clients") {
        clients(options, &bench, table);
    }
    if options.wants("beside") {
        match &options.corpus {
            Some(_) => beside(options, &bench, &idle, table),
            None => table.add(Line::missing("beside", "no-op task beside an analysis", "no corpus was named")),
        }
    }
}

/// One client, one task after the other.
struct Alone {
    accepted: Samples,
    done: Samples,
    echo: Samples,
    disk: Samples,
    cpu: f64,
}

/// Daemon and floors take turns, so that what disturbs one disturbs the others.
fn alone(options: &Options, bench: &mut Bench) -> Alone {
    let (mut accepted, mut done, mut echo, mut disk) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut cpu = 0.0;
    runtime().block_on(async {
        let mut tasks = bench.tasks().await;
        let mut bare = bench.echo.client().await;
        for turn in 0..=10 {
            let before = system::threads(bench.daemon.pid());
            for _ in 0..options.count(300, 60) {
                let (first, last) = one(&mut tasks).await;
                if turn > 0 {
                    accepted.push(first);
                    done.push(last);
                }
            }
            cpu += ms(system::sum(&system::used(&before, &system::threads(bench.daemon.pid()))));
            for _ in 0..options.count(300, 60) {
                let begin = Instant::now();
                floor::echo(&mut bare).await;
                if turn > 0 {
                    echo.push(ms(begin.elapsed()));
                }
            }
            disk.extend((0..options.count(300, 60)).map(|_| bench.disk.task()).filter(|_| turn > 0));
        }
    });
    let cpu = cpu / (done.len() as f64 * 1.1);
    let [accepted, done, echo, disk] = [accepted, done, echo, disk].map(Samples::new);
    Alone { accepted, done, echo, disk, cpu }
}

impl Alone {
    /// Two calls and two syncs one after the other.
    fn floor(&self) -> f64 {
        2.0 * self.echo.median() + self.disk.median()
    }

    fn tell(&self, table: &mut Table) {
        let Self { accepted, done, echo, disk, cpu } = self;
        table.add(Line {
            row: "noop",
            what: "no-op task, submitted to done, durable, ms p50 / p99",
            measured: format!("{} (accepted {}; daemon CPU {} ms)", done.tails(), accepted.tails(), short(*cpu)),
            floor: format!("2 syncs {} + 2 × call {}", disk.tails(), echo.tails()),
            ratio: Some(done.median() / self.floor()),
            target: "≤ 0.6 / ≤ 2",
            met: Met::of(done.median() <= 0.6 && done.p99() <= 2.0),
            figures: vec![
                ("p50_ms", done.median()),
                ("p99_ms", done.p99()),
                ("accepted_p50_ms", accepted.median()),
                ("two_syncs_p50_ms", disk.median()),
                ("call_p50_ms", echo.median()),
                ("daemon_cpu_ms", *cpu),
            ],
        });
    }
}

/// Syncs of a no-op task, seen by strace.
fn tell_syncs(bench: &Bench, table: &mut Table) {
    const TASKS: usize = 100;
    let what = "syncs of a no-op task";
    let (count, ()) = system::syncs(&bench.home, bench.daemon.pid(), || {
        runtime().block_on(async {
            let mut tasks = bench.tasks().await;
            for _ in 0..TASKS {
                one(&mut tasks).await;
            }
        });
    });
    let Some(count) = count else { return table.add(Line::missing("noop", what, "strace cannot be used here")) };
    let each = count as f64 / TASKS as f64;
    table.add(Line {
        row: "noop",
        what,
        measured: short(each),
        floor: "2".to_owned(),
        ratio: Some(each / 2.0),
        // The index's writes are shared by many tasks.
        target: "≤ 2.1",
        met: Met::of(each <= 2.1),
        figures: vec![("syncs", each)],
    });
}

/// Row `clients`: all at once, each waits for its task before it submits the next.
fn clients(options: &Options, bench: &Bench, table: &mut Table) {
    let time = Duration::from_secs(options.count(3, 1) as u64);
    let (mut rates, mut floors, mut cpus, mut waits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    runtime().block_on(async {
        let mut all = Vec::new();
        let mut bare = Vec::new();
        for _ in 0..CLIENTS {
            all.push(bench.tasks().await);
            bare.push(bench.echo.client().await);
        }
        for round in 0..=5 {
            let before = system::threads(bench.daemon.pid());
            let begin = Instant::now();
            let until = begin + time;
            let each = all.iter_mut().map(|tasks| async move {
                let mut waits = Vec::new();
                while Instant::now() < until {
                    waits.push(one(tasks).await.1);
                }
                waits
            });
            let done: Vec<f64> = join_all(each).await.concat();
            let rate = done.len() as f64 / begin.elapsed().as_secs_f64();
            let cpu = ms(system::sum(&system::used(&before, &system::threads(bench.daemon.pid()))));
            let begin = Instant::now();
            let until = begin + time / 3;
            let each = bare.iter_mut().map(|client| async move {
                let mut calls = 0_usize;
                while Instant::now() < until {
                    floor::echo(client).await;
                    calls += 1;
                }
                calls
            });
            let calls: usize = join_all(each).await.into_iter().sum();
            if round > 0 {
                rates.push(rate);
                cpus.push(cpu / done.len() as f64);
                waits.extend(done);
                floors.push(calls as f64 / begin.elapsed().as_secs_f64());
            }
        }
    });
    let [rate, floor, cpu, waits] = [rates, floors, cpus, waits].map(Samples::new);
    table.add(Line {
        row: "clients",
        what: "no-op tasks from 16 clients, durable, tasks/s",
        measured: format!("{} (each {} ms; daemon CPU {} ms)", rate.spread(), waits.tails(), short(cpu.median())),
        floor: format!("bare gRPC {} calls/s", floor.spread()),
        ratio: Some(rate.median() / floor.median()),
        target: "≥ 10000",
        met: Met::of(rate.median() >= 10_000.0),
        figures: vec![
            ("tasks_per_s", rate.median()),
            ("calls_per_s", floor.median()),
            ("daemon_cpu_ms", cpu.median()),
            ("p99_ms", waits.p99()),
        ],
    });
}

/// Row `beside`: the same client while all agents compute.
fn beside(options: &Options, bench: &Bench, idle: &Alone, table: &mut Table) {
    let Some(corpus) = &options.corpus else { return };
    let mut done = Vec::new();
    runtime().block_on(async {
        let clients = Clients::connect(&bench.home).await.expect("the daemon listens");
        for _ in 0..options.count(3, 1) {
            let mut tasks = bench.tasks().await;
            let heavy = clients.run(analyze(corpus));
            tokio::pin!(heavy);
            loop {
                tokio::select! {
                    _ = &mut heavy => break,
                    (_, time) = one(&mut tasks) => done.push(time),
                }
            }
        }
    });
    let done = Samples::new(done);
    let ratio = done.p99() / idle.done.p99();
    table.add(Line {
        row: "beside",
        what: "no-op task beside an analysis on all agents, ms p50 / p99",
        measured: format!("{} ({} tasks)", done.tails(), done.len()),
        floor: format!("the same without the analysis {}", idle.done.tails()),
        ratio: Some(ratio),
        target: "p99 ≤ 3 × alone",
        met: Met::of(ratio <= 3.0),
        figures: vec![("p50_ms", done.median()), ("p99_ms", done.p99()), ("idle_p99_ms", idle.done.p99())],
    });
}
