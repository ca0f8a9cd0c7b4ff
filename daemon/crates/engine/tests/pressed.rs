//! The engine on a machine that is pressed, and on one that sleeps: a real engine on a real folder, with clocks and sensors
//! that the test moves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use agentd_agents::{CrewConfig, PiecesAtOnce, RoleConfig};
use agentd_base::{TaskId, Text, WallMs};
use agentd_engine::{
    Deps, Engine, EngineConfig, EngineThreads, EventKind, Heed, Hints, Keep, OverloadLimits, PressureSettings,
    Priority, Submit, TaskState, WatchItem, WatchQuery, start,
};
use agentd_host::{
    Clock, Conditions, ManualClock, ManualSensors, Measured, PowerSource, Pressure, Sensors, Thermal, Topology,
};
use agentd_workflow::WorkflowName;

const SEATS: usize = 4;
const CALM: Duration = Duration::from_secs(15);

/// For what must happen, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

fn calm() -> Conditions {
    Conditions {
        thermal: Measured::Value(Thermal::Nominal),
        memory: Measured::Value(Pressure::Normal),
        power: Measured::Value(PowerSource::Ac),
        low_power: Measured::Value(false),
        ..Conditions::unmeasured("not of interest")
    }
}

/// Sensors that tell of each reading.
#[derive(Debug)]
struct Told {
    inner: ManualSensors,
    tell: SyncSender<()>,
}

impl Sensors for Told {
    fn read(&self) -> Conditions {
        let _ = self.tell.try_send(());
        self.inner.read()
    }
}

struct World {
    engine: Engine,
    threads: EngineThreads,
    heeds: bool,
    clock: Arc<ManualClock>,
    sensors: Arc<Told>,
    read: Mutex<Receiver<()>>,
    _state: tempfile::TempDir,
}

impl World {
    fn new(heed: &[Heed]) -> Self {
        Self::with(heed, Duration::from_secs(5))
    }

    fn with(heed: &[Heed], silent_after: Duration) -> Self {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("state");
        let disk = Arc::new(agentd_engine::RealDisk::new(&folder).unwrap());
        let roles = std::array::from_fn(|_| RoleConfig::new(2));
        let mut crew = CrewConfig::new(folder.clone(), roles);
        crew.pieces_at_once = PiecesAtOnce { compute: Some(SEATS), coordinator: Some(2) };
        let config = EngineConfig {
            state_dir: folder,
            max_tasks: 100,
            segment_bytes: 1 << 20,
            keep: Keep { age: Duration::from_secs(30 * 24 * 3_600), bytes: 1 << 30 },
            overload: OverloadLimits { mean: Duration::from_secs(3), success: 0.8 },
            silent_after,
            max_children: 4,
            child_descriptors: None,
            pressure: PressureSettings { heed: heed.to_vec(), calm: CALM },
            crew,
        };
        let (tell, read) = sync_channel(1_024);
        let sensors = Arc::new(Told { inner: ManualSensors::new(calm()), tell });
        let clock = Arc::new(ManualClock::new(WallMs(1_790_000_000_000)));
        let deps = Deps {
            topology: Arc::new(Topology::detect()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            sensors: Arc::clone(&sensors) as Arc<dyn Sensors>,
            disk: Some(disk),
        };
        let (engine, threads) = start(config, deps).unwrap();
        Self { engine, threads, heeds: !heed.is_empty(), clock, sensors, read: Mutex::new(read), _state: state }
    }

    /// Moves the clock beyond the age at which a reading is young, and looks.
    async fn look_after(&self, time: Duration) -> (usize, String) {
        self.clock.advance(time);
        let begin = Instant::now();
        loop {
            self.engine.look().await;
            // Who heeds nothing reads nothing.
            let young = |age| age < Duration::from_secs(1);
            let reading = self.engine.status().await.unwrap().reading;
            if !self.heeds || reading.is_some_and(|reading| young(reading.age)) {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "no reading comes");
        }
        let seats = self.engine.seats().await.unwrap();
        assert_eq!(seats.all, SEATS);
        (seats.open, seats.reason)
    }

    async fn figure(&self, name: &str) -> Option<f64> {
        let metrics = self.engine.metrics().await.unwrap();
        metrics.into_iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    async fn drill(&self) -> TaskId {
        self.submit(WorkflowName::Drill, None).await
    }

    async fn submit(&self, workflow: WorkflowName, workspace: Option<PathBuf>) -> TaskId {
        let submit = Submit {
            request: Text::new("test"),
            workspace,
            workflow,
            key: None,
            priority: Priority::Normal,
            hints: Hints::default(),
            path: None,
        };
        self.engine.submit(submit).await.unwrap().task
    }

    fn forget_readings(&self) {
        while self.read.lock().unwrap().try_recv().is_ok() {}
    }

    /// Waits for so many readings of the housekeeping.
    fn housekeeping(&self, times: usize) {
        self.forget_readings();
        (0..times).for_each(|_| self.read.lock().unwrap().recv_timeout(PATIENCE).unwrap());
    }

    /// Waits until a figure is what it must become.
    async fn until(&self, name: &str, value: f64) {
        let begin = Instant::now();
        while self.figure(name).await != Some(value) {
            assert!(begin.elapsed() < PATIENCE, "{name} is {:?}, not {value}", self.figure(name).await);
        }
    }

    async fn stop(self) {
        self.engine.drain(Duration::ZERO).await.unwrap();
        self.threads.stop().unwrap();
    }
}

fn run<F: Future>(future: F) -> F::Output {
    agentd_host::current_thread_runtime().unwrap().block_on(future)
}

#[test]
fn pressure_takes_seats_at_once_and_gives_them_back_late() {
    run(async {
        let world = World::new(Heed::ALL);
        let second = Duration::from_secs(2);
        assert_eq!(world.look_after(second).await, (SEATS, String::new()));
        let (thermal, low) = (Measured::Value(Thermal::Serious), Measured::Value(true));
        world.sensors.inner.change(|told| (told.thermal, told.low_power) = (thermal, low));
        let half = (2, "thermal pressure: serious, low power mode".to_owned());
        assert_eq!(world.look_after(second).await, half);
        world.sensors.inner.change(|told| told.memory = Measured::Value(Pressure::Critical));
        assert_eq!(world.look_after(second).await.0, 1);
        assert_eq!(world.figure("agentd_thermal_pressure").await, Some(2.0));
        assert_eq!(world.figure("agentd_memory_pressure").await, Some(2.0));
        assert_eq!(world.figure("agentd_low_power_mode").await, Some(1.0));
        assert_eq!(world.figure("agentd_on_battery").await, Some(0.0));
        world.sensors.inner.change(|told| *told = calm());
        for _ in 0..8 {
            let (open, reason) = world.look_after(second).await;
            assert!(open == 1 && reason.contains("must stay so for 15 s"), "{open}: {reason}");
        }
        assert_eq!(world.look_after(second).await, (SEATS, String::new()));
        assert_eq!(world.figure("agentd_seat_changes_total").await, Some(3.0));
        let status = world.engine.status().await.unwrap();
        assert_eq!((status.compute.open, status.reading.unwrap().conditions), (SEATS, calm()));
        world.stop().await;
    });
}

#[test]
fn what_is_not_heeded_is_not_even_read() {
    run(async {
        let world = World::new(&[]);
        world.sensors.inner.change(|told| told.memory = Measured::Value(Pressure::Critical));
        assert_eq!(world.look_after(Duration::from_secs(2)).await, (SEATS, String::new()));
        assert_eq!(world.engine.status().await.unwrap().reading, None);
        assert_eq!(world.figure("agentd_memory_pressure").await, None);
        assert!(world.read.lock().unwrap().try_recv().is_err(), "nobody read");
        world.stop().await;
    });
}

#[test]
fn conditions_are_read_while_work_is_in_flight_and_a_reading_is_shared() {
    run(async {
        let world = World::new(Heed::ALL);
        assert_eq!(world.engine.status().await.unwrap().reading, None, "nobody looked at the start");
        world.sensors.inner.change(|told| told.memory = Measured::Value(Pressure::Warning));
        for _ in 0..20 {
            world.drill().await;
        }
        world.housekeeping(1);
        world.until("agentd_seat_changes_total", 1.0).await;
        assert_eq!(world.engine.seats().await.unwrap().reason, "memory pressure: warning");
        world.stop().await;

        let world = World::new(Heed::ALL);
        world.look_after(Duration::ZERO).await;
        world.forget_readings();
        world.look_after(Duration::from_millis(900)).await;
        assert!(world.read.lock().unwrap().try_recv().is_err(), "what is young is not read again");
        world.look_after(Duration::from_millis(200)).await;
        assert!(world.read.lock().unwrap().try_recv().is_ok());
        assert_eq!(world.engine.status().await.unwrap().reading.unwrap().age, Duration::ZERO);
        world.stop().await;
    });
}

#[test]
fn eight_hours_asleep_with_steps_in_flight_cost_no_attempt_and_no_agent() {
    const NIGHT: Duration = Duration::from_secs(8 * 3_600);
    run(async {
        let world = World::new(Heed::ALL);
        let mut tasks = Vec::new();
        // Some seconds of waiting for all slots together: the looks below come each second.
        for _ in 0..40 {
            tasks.push(world.drill().await);
        }
        world.housekeeping(1);
        world.clock.sleep(NIGHT);
        // The wall clock as well is another one after such a night.
        world.clock.set_wall(WallMs(1_789_000_000_000));
        // The next look of the engine, whenever that is; a reading that it tells of may be one from before.
        world.until("agentd_sleeps_total", 1.0).await;
        assert_eq!(world.figure("agentd_asleep_seconds_total").await, Some(NIGHT.as_secs_f64()));
        for task in tasks {
            let query = WatchQuery { task: Some(task), ..WatchQuery::default() };
            let mut watcher = world.engine.watch(query, NIGHT).await.unwrap();
            let mut end = None;
            while let Some(item) = watcher.next().await.unwrap() {
                let WatchItem::Event(event) = item else { continue };
                match &event.what {
                    EventKind::AttemptStarted { attempt, .. } => assert_eq!(*attempt, 1, "no step was tried again"),
                    EventKind::StepSucceeded { took, .. } => assert!(*took < NIGHT, "nobody slept on a step's account"),
                    EventKind::Ended { state, .. } => end = Some(*state),
                    EventKind::AttemptFailed { .. } | EventKind::Suspended { .. } => panic!("{event:?}"),
                    _ => {}
                }
            }
            assert_eq!(end, Some(TaskState::Succeeded));
        }
        assert_eq!(world.figure("agentd_agents_replaced_total").await, Some(0.0));
        assert_eq!(world.figure("agentd_sleeps_total").await, Some(1.0), "told once");
        world.stop().await;
    });
}

/// Sources enough for some hundred pieces.
fn sources() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300 {
        let functions: String = (0..20)
            .map(|other| {
                format!("def f{other}(xs):\n    for x in xs:\n        if x > {number}:\n            return x\n\n")
            })
            .collect();
        std::fs::write(folder.path().join(format!("m{number}.py")), functions).unwrap();
    }
    folder
}

#[test]
fn an_analysis_under_pressure_that_flaps_ends_as_any_other_and_loses_its_seats_once() {
    run(async {
        let folder = sources();
        // The clock runs ahead of the agents here, and none of them is silent for that.
        let world = World::with(Heed::ALL, Duration::from_secs(1_000_000));
        let mut reports = Vec::new();
        for flaps in [false, true] {
            let task = world.submit(WorkflowName::Analyze, Some(folder.path().to_owned())).await;
            let mut looks = 0;
            while !world.engine.task(task).await.unwrap().state.is_final() {
                if flaps {
                    looks += 1;
                    let memory = if looks % 2 == 0 { Pressure::Normal } else { Pressure::Critical };
                    world.sensors.inner.change(|told| told.memory = Measured::Value(memory));
                    assert_eq!(world.look_after(Duration::from_millis(1_100)).await.0, 1);
                }
            }
            let view = world.engine.task(task).await.unwrap();
            assert_eq!((view.state, view.recoveries), (TaskState::Succeeded, 0), "{}", view.summary);
            assert!(view.steps.iter().all(|step| step.attempts == 1), "{:?}", view.steps);
            reports.push(view.summary);
        }
        assert_eq!(reports[0], reports[1], "the same is found on one seat as on four");
        assert_eq!(world.figure("agentd_seat_changes_total").await, Some(1.0), "down at once, and never up");
        world.stop().await;
    });
}
