//! The engine thread's turns, one by one: real books, agents and queues. The writer and the io thread stand still until a
//! test lets them work, so that what happens meanwhile can be looked at.

use std::ops::ControlFlow;

use agentd_agents::{CrewConfig, RoleConfig};
use agentd_base::{Rng, Role, Text, WallMs};
use agentd_host::{Conditions, ManualClock, ManualSensors, Measured, Pressure, Sensors, SystemSensors, Topology};
use agentd_journal::{Blobs, Log, Options, Reader, RealDisk, Writer, WriterOptions, sim::SimDisk};
use agentd_workflow::WorkflowName;
use tempfile::TempDir;

use super::*;
use crate::{
    check::Checking,
    core::Limits,
    index::Book,
    io::{Io, Job, Storage},
    pressure::{Heed, PressureSettings},
    record::{Booted, Entry},
    retention::Keep,
    roster::{Duty, OverloadLimits},
    view::{Hints, Priority, Submitted},
};

struct Rig {
    shell: Shell,
    clock: Arc<ManualClock>,
    writer: Writer,
    reader: Reader,
    jobs: mpsc::Receiver<Job>,
    reports: mpsc::Receiver<Report>,
    disk: SimDisk,
    folder: TempDir,
}

type Answered<T> = oneshot::Receiver<Result<T, Error>>;

impl Rig {
    fn new() -> Self {
        Self::with(Arc::new(SystemSensors::default()), PressureSettings { heed: Vec::new(), calm: Duration::ZERO })
    }

    fn with(sensors: Arc<dyn Sensors>, pressure: PressureSettings) -> Self {
        let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(1));
        let options = Options { segment_bytes: 64 << 10, store: Some([7; 16]) };
        let log = Log::open(Arc::new(disk.clone()), options).unwrap().log;
        let (reader, for_oldest) = (log.reader(), log.reader());
        let (handle, writer) = agentd_journal::writer(log, WriterOptions::default());
        let (io, jobs) = IoHandle::new();
        let progress = Arc::new(Progress::default());
        let moved = Arc::new(ManualClock::new(WallMs(1_000)));
        let clock = Arc::clone(&moved) as Arc<dyn Clock>;
        let (sender, reports) = mpsc::channel(64);
        let outside = Arc::new(Storage { io: io.clone(), progress: Arc::clone(&progress) });
        let roles = std::array::from_fn(|_| RoleConfig::new(8));
        let config = CrewConfig::new(folder.path().to_owned(), roles);
        let crew = Crew::start(config, Arc::new(Topology::detect()), outside, sender, Arc::clone(&clock)).unwrap();
        let limits = Limits { max_tasks: 64, segment_bytes: 32 << 10, overload: OverloadLimits::default() };
        let duty = |role: Role| Duty { agent: role.agent(), can: crew.capabilities(role).to_vec(), slots: 8 };
        let boot = Booted { boot_id: "1".to_owned(), version: "test".to_owned() };
        let core = Core::new(limits, Role::ALL.into_iter().map(duty).collect(), boot, Rng::new(7));
        let keep = Keep { age: Duration::from_secs(3_600), bytes: u64::MAX };
        let shell = Shell {
            core,
            crew,
            writer: Some(handle),
            progress,
            io,
            lookout: Lookout::new(sensors, Arc::clone(&clock)),
            governor: Governor::new(pressure, 2),
            clock,
            oldest: Box::new(move || for_oldest.oldest()),
            index_phase: Phase::default(),
            retention: Retention::new(keep, Checking::default()),
            epoch: 1,
            silent_after: Duration::from_secs(5),
            warnings: Vec::new(),
            found_keys: mpsc::channel(8),
            exit: Arc::default(),
            book: Bookkeeping::default(),
        };
        Self { shell, clock: moved, writer, reader, jobs, reports, disk, folder }
    }

    fn call(&mut self, call: Call) {
        self.shell.take_in(&mut Vec::new(), &mut vec![call]);
        self.shell.end_turn();
    }

    /// The io thread does what waits for it. Answers how much that was.
    fn work_on_io(&mut self, blind: Option<String>) -> usize {
        let home = RealDisk::new(self.folder.path().join("state")).unwrap();
        let mut io = Io {
            blobs: Arc::new(Blobs::new(Arc::new(self.disk.clone()))),
            reader: self.reader.clone(),
            book: Book::new(home.clone(), self.reader.clone(), Phase::default(), blind),
            home,
            over: false,
        };
        let mut done = 0;
        while let Ok(job) = self.jobs.try_recv() {
            job(&mut io);
            done += 1;
        }
        done
    }

    fn seats(&mut self) -> usize {
        let (reply, mut answer) = oneshot::channel();
        self.call(Call::Seats(reply));
        answer.try_recv().unwrap().open
    }

    /// A turn with one new task in it.
    fn submit(&mut self, key: Option<&str>) -> Answered<Submitted> {
        let submit = Submit {
            request: Text::new("nothing"),
            workspace: None,
            workflow: WorkflowName::Noop,
            key: key.map(Text::new),
            priority: Priority::Normal,
            hints: Hints::default(),
            path: None,
        };
        let (reply, answer) = oneshot::channel();
        self.call(Call::Submit(Box::new(submit), reply));
        answer
    }

    /// As if the writer had said that the batch on its way is on disk.
    fn note_durable(&self) {
        let last = self.shell.book.writing.expect("a batch is on its way");
        self.shell.progress.durable.store(last.0, Ordering::Release);
    }

    /// The writer does what waits for it and ends; the records on disk.
    fn written(self) -> Vec<Entry> {
        drop(self.shell);
        self.writer.run(|_| ());
        let mut entries = Vec::new();
        let mut take = |_, record: &agentd_journal::Record| {
            entries.push(Entry::of_record(record).unwrap());
            ControlFlow::Continue(())
        };
        self.reader.scan(Seq(0), self.reader.durable(), &mut take).unwrap();
        entries
    }
}

#[test]
pub(crate) fn one_batch_is_on_its_way_at_a_time() {
    let mut rig = Rig::new();
    let (_first, _second) = (rig.submit(None), rig.submit(None));
    assert!(rig.shell.core.end_turn(rig.shell.now()).is_some(), "the second task waits for the batch of the first");
}

#[test]
pub(crate) fn what_came_to_the_disk_before_it_failed_is_answered() {
    let mut rig = Rig::new();
    let mut answer = rig.submit(None);
    rig.note_durable();
    rig.shell.progress.fail("the disk is gone");
    rig.shell.journal_moved();
    rig.shell.end_turn();
    assert!(matches!(answer.try_recv(), Ok(Ok(_))), "it is on disk");
    let refused = rig.submit(None).try_recv();
    assert!(matches!(refused, Ok(Err(Error::ReadOnly(_)))), "{refused:?}");
}

#[test]
pub(crate) fn payloads_that_fail_wait_for_the_batch_on_its_way_and_the_stop_is_told() {
    let mut rig = Rig::new();
    let mut answer = rig.submit(None);
    rig.shell.progress.fail_payloads("no payload can be stored");
    rig.shell.journal_moved();
    assert_eq!(*rig.shell.core.mode(), Mode::Serving, "a batch is on its way to a healthy log");
    rig.note_durable();
    rig.shell.journal_moved();
    rig.shell.end_turn();
    assert!(matches!(answer.try_recv(), Ok(Ok(_))));
    assert!(matches!(rig.shell.core.mode(), Mode::ReadOnly(_)));
    let (reply, mut drained) = oneshot::channel();
    rig.call(Call::Suspend(reply));
    assert!(drained.try_recv().is_err(), "it is not on disk yet");
    rig.note_durable();
    rig.shell.journal_moved();
    rig.shell.end_turn();
    assert!(drained.try_recv().is_ok());
    let entries = rig.written();
    assert!(matches!(entries.last(), Some(Entry::Stopped(_))), "{entries:?}");
}

#[test]
pub(crate) fn a_key_is_refused_when_the_index_cannot_be_read() {
    let mut rig = Rig::new();
    let mut answer = rig.submit(Some("key"));
    let blind = Some("the log is damaged".to_owned());
    assert_eq!(rig.work_on_io(blind), 1, "the index is asked");
    rig.shell.take_in(&mut Vec::new(), &mut Vec::new());
    rig.shell.end_turn();
    assert!(matches!(answer.try_recv(), Ok(Err(Error::ReadOnly(_)))), "it may be known");
    assert!(rig.shell.core.is_idle(), "no task was made");
}

#[test]
pub(crate) fn ends_wait_while_the_io_thread_has_no_room() {
    let mut rig = Rig::new();
    let _answer = rig.submit(None);
    rig.note_durable();
    rig.shell.journal_moved();
    rig.shell.end_turn();
    let report = rig.reports.blocking_recv().expect("an agent has it");
    rig.shell.take_in(&mut vec![report], &mut Vec::new());
    rig.shell.end_turn();
    rig.note_durable();
    rig.shell.journal_moved();
    rig.shell.end_turn();
    assert_eq!(rig.shell.book.endings.len(), 1);
    while rig.shell.io.leave(|_| ()) {}
    rig.shell.write_endings();
    assert_eq!(rig.shell.book.endings.len(), 1, "there is no room");
    drop(rig.jobs.try_recv());
    rig.shell.write_endings();
    assert!(rig.shell.book.endings.is_empty());
}

#[test]
fn what_was_read_before_a_sleep_is_not_heard_after_it() {
    const CALM: Duration = Duration::from_secs(60);
    let of = |pressure| Conditions { memory: Measured::Value(pressure), ..Conditions::unmeasured("not of interest") };
    for is_late in [false, true] {
        let sensors = Arc::new(ManualSensors::new(of(Pressure::Critical)));
        let settings = PressureSettings { heed: Heed::ALL.to_vec(), calm: CALM };
        let mut rig = Rig::with(Arc::clone(&sensors) as Arc<dyn Sensors>, settings);
        let read = |rig: &mut Rig| {
            rig.shell.lookout.begin(&rig.shell.io);
            rig.work_on_io(None);
        };
        rig.shell.notice_sleep();
        read(&mut rig);
        assert_eq!(rig.seats(), 1);
        if is_late {
            // Another one, of which nobody has heard when the lid is closed.
            rig.clock.advance(Duration::from_secs(1));
            read(&mut rig);
        }
        rig.clock.sleep(Duration::from_secs(8 * 3_600));
        rig.shell.notice_sleep();
        assert!(rig.shell.reading().is_none(), "it is not known how things are now");
        // A client looks around before anything was read.
        assert_eq!(rig.seats(), 1);
        rig.clock.advance(Duration::from_secs(1));
        sensors.change(|told| *told = of(Pressure::Normal));
        read(&mut rig);
        assert_eq!(rig.seats(), 2, "the first reading after a sleep is believed at once");
    }
}

#[test]
fn a_daemon_that_nobody_looks_at_does_nothing_at_idle() {
    let mut rig = Rig::new();
    let jobs = |rig: &mut Rig, ticks: usize| -> Vec<usize> {
        let tick = |_| {
            rig.shell.housekeeping();
            rig.work_on_io(None)
        };
        (0..ticks).map(tick).collect()
    };
    assert_eq!(jobs(&mut rig, 4).pop(), Some(1), "it lets go of what it does not need");
    assert_eq!(jobs(&mut rig, 1), [1], "and of what that brought into memory");
    assert_eq!(jobs(&mut rig, 20), [0; 20]);
    for _ in 0..3 {
        // Somebody who looks again and again, and then no more.
        for _ in 0..5 {
            rig.seats();
            assert_eq!(jobs(&mut rig, 1), [0]);
        }
        assert_eq!(jobs(&mut rig, 6), [1, 0, 0, 0, 0, 0], "what the looks brought into memory leaves once");
    }
}
