//! Weeks of work in seconds: ten thousand tasks through the real engine, its threads, its journal in a real folder and the
//! real log, on a clock that skips days. After the first flights nothing may grow any more. Its own program, so that the
//! figures of the process are those of the engine.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agentd::{
    config::{self, Flags, Log},
    lifecycle::log,
};
use agentd_base::{MonoMs, Seq, TaskId, Text, WallMs};
use agentd_engine::{Deps, Engine, Error, EventKind, Hints, Keep, Priority, Submit, WatchItem, WatchQuery};
use agentd_host::{Clock, SystemClock, SystemSensors, Topology};
use agentd_workflow::WorkflowName;
use futures_util::future::join_all;

/// Flights, and tasks that are under way at once in each.
const FLIGHTS: usize = 12;
const FLIGHT: usize = 850;
/// After so many of them everything has its size.
const WARM: usize = 4;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Days that pass after each flight, and how long tasks are kept.
const STEP: u32 = 2;
const KEPT: u32 = 3;
const SEGMENT: u64 = 64 << 10;
const STORE: u64 = 2 << 20;
const LOG_FILE: u64 = 32 << 10;
/// What the process may have grown by at the end, in bytes; it is some hundred kilobytes up or down. A leak of half a
/// kilobyte with each task is more.
const GROWTH: u64 = 3 << 20;
/// How long anything is waited for; no figure of it is asserted.
const PATIENCE: Duration = Duration::from_secs(60);

/// The machine's clocks, with days that were slept through.
#[derive(Debug, Default)]
struct Calendar(AtomicU64);

impl Calendar {
    fn skip(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Calendar {
    fn wall(&self) -> WallMs {
        WallMs(SystemClock.wall().0 + self.0.load(Ordering::Relaxed))
    }

    fn mono(&self) -> MonoMs {
        MonoMs(SystemClock.mono().0 + self.0.load(Ordering::Relaxed))
    }

    fn awake(&self) -> MonoMs {
        SystemClock.awake()
    }
}

/// What may not grow.
#[derive(Debug, Clone, Copy)]
struct Figures {
    memory: u64,
    descriptors: usize,
    threads: usize,
    /// Log, payloads and task files.
    store: u64,
    index: u64,
}

fn bytes_in(folder: &Path) -> u64 {
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_in(&entry.path()),
        data => data.map_or(0, |data| data.len()),
    };
    fs::read_dir(folder).into_iter().flatten().flatten().map(size).sum()
}

fn figures(state: &Path) -> Figures {
    let _ = agentd_host::release_free_memory(); // where that can be done
    Figures {
        memory: agentd_host::process_memory().value().unwrap_or_default(),
        descriptors: fs::read_dir("/dev/fd").map_or(0, Iterator::count),
        threads: agentd_host::table().len(),
        store: ["log", "blobs", "tasks"].iter().map(|name| bytes_in(&state.join(name))).sum(),
        index: bytes_in(&state.join("index")),
    }
}

fn noop(number: usize) -> Submit {
    Submit {
        request: Text::new(format!("task {number} of a long life")),
        workspace: None,
        workflow: WorkflowName::Noop,
        key: Some(Text::new(format!("key {number}"))),
        priority: Priority::Normal,
        hints: Hints::default(),
        path: None,
    }
}

async fn submitted(engine: &Engine, number: usize) -> TaskId {
    loop {
        match engine.submit(noop(number)).await {
            Ok(done) => return done.task,
            Err(Error::IndexBusy | Error::QueueFull { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Submits all of a flight at once, and waits until all have ended. Its first task.
async fn fly(engine: &Engine, tasks: std::ops::Range<usize>) -> TaskId {
    let query = WatchQuery { task: None, after: engine.durable(), progress: false };
    let mut watcher = engine.watch(query, PATIENCE).await.unwrap();
    let count = tasks.len();
    let ids = join_all(tasks.map(|number| submitted(engine, number))).await;
    let mut ended = 0;
    while ended < count {
        match watcher.next().await.unwrap() {
            Some(WatchItem::Event(event)) if matches!(event.what, EventKind::Ended { .. }) => {
                tracing::info!(target: "agentd::soak", task = %event.task, "ended");
                ended += 1;
            }
            Some(WatchItem::Heartbeat(at)) => panic!("nothing happened for {PATIENCE:?} at {at}: {ended} of {count}"),
            Some(_) => {}
            None => panic!("the engine stopped"),
        }
    }
    ids[0]
}

/// Waits until a task is no longer kept. Each try is work, so that the engine's housekeeping goes on.
async fn gone(engine: &Engine, task: TaskId, next: &mut usize) {
    let begin = Instant::now();
    while !matches!(engine.task(task).await, Err(Error::NoTask(_))) {
        assert!(begin.elapsed() < PATIENCE, "task {task} is still kept");
        fly(engine, *next..*next + 1).await;
        *next += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn weeks_of_work_leave_memory_descriptors_threads_and_store_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (state, logs) = (folder.path().join("state"), folder.path().join("logs"));
    fs::create_dir(&logs).unwrap();
    log::install(&logs, Log { level: tracing::Level::INFO, max_bytes: LOG_FILE, files: 3 }, false).unwrap();
    let environment = HashMap::from([("AGENTD_HOME".to_owned(), state.to_str().unwrap().to_owned())]);
    let settings = config::load(&Flags::default(), &environment, folder.path().metadata().unwrap().uid()).unwrap();
    let mut settings = settings.engine(None);
    settings.segment_bytes = SEGMENT;
    settings.keep = Keep { age: KEPT * DAY, bytes: STORE };
    let clock = Arc::new(Calendar::default());
    let deps = Deps {
        topology: Arc::new(Topology::detect()),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        sensors: Arc::new(SystemSensors::default()),
        disk: None,
    };
    let (engine, threads) = agentd_engine::start(settings, deps).unwrap();
    let runtime = agentd_host::current_thread_runtime().unwrap();
    let (mut warm, mut seen) = (None, Vec::new());
    let mut next = 0;
    runtime.block_on(async {
        for flight in 0..FLIGHTS {
            seen.push(fly(&engine, next..next + FLIGHT).await);
            next += FLIGHT;
            clock.skip(STEP * DAY);
            if let Some(old) = flight.checked_sub((KEPT / STEP + 2) as usize) {
                gone(&engine, seen[old], &mut next).await;
            }
            if flight + 1 == WARM {
                warm = Some(figures(&state));
            }
        }
        let status = engine.status().await.unwrap();
        assert_eq!((status.queued, status.running, status.waiting, status.read_only), (0, 0, 0, None));
        assert!(engine.durable() > Seq(4 * (FLIGHTS * FLIGHT) as u64));
        assert!(engine.task(*seen.last().unwrap()).await.is_ok(), "the newest are kept");
    });
    let (warm, end) = (warm.unwrap(), figures(&state));
    println!("{next} tasks, {} days: warm {warm:?}, at the end {end:?}", FLIGHTS as u32 * STEP);
    assert!(next >= 10_000);
    assert!(end.memory <= warm.memory + GROWTH, "memory grew: {warm:?}, {end:?}");
    assert!(end.descriptors <= warm.descriptors + 2, "descriptors grew: {warm:?}, {end:?}");
    assert!(end.threads <= warm.threads, "threads grew: {warm:?}, {end:?}");
    assert!(end.store <= 2 * STORE, "the store grew: {warm:?}, {end:?}");
    assert!(end.index <= 2 * warm.index.max(8 << 20), "the index grew: {warm:?}, {end:?}");
    runtime.block_on(engine.drain(Duration::ZERO)).unwrap();
    drop(engine);
    threads.stop().unwrap();
    let files: Vec<u64> = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(files.len(), 3, "the log was set aside, and its oldest files went");
    assert!(files.iter().all(|len| *len <= LOG_FILE), "{files:?}");
}
