//! What goes and what stays, on a real log in a real folder; and when, by a clock that the test moves.

use agentd_agents::PayloadRef;
use agentd_base::Rng;
use std::path::PathBuf;

use agentd_journal::{Batch, Blobs, Disk, Log, Opened, Options, RealDisk, WriterOptions};
use agentd_workflow::{WorkflowName, builtin};

mod counting;

use super::{count::TASKS, *};
use crate::{
    index::{Book, Phase},
    record::{Booted, Ended, Started, Submitted, Succeeded},
    task::step_records,
};

const DAY: u64 = 24 * 3_600 * 1_000;
const BLOB: usize = 100_000;
/// Made by the disk, so that it has the mode that the disk demands.
const STATE: &str = "state";

/// A state folder with one log segment for each task.
struct Shelf {
    folder: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    log: Log,
    tasks: Vec<(TaskId, ContentHash)>,
}

impl Shelf {
    /// Tasks that were submitted and done at these days, each with a payload and a folder.
    fn new(days: &[u64]) -> Self {
        Self::on(days, |disk| disk)
    }

    /// The same on a disk of the test's.
    fn on(days: &[u64], wrap: impl FnOnce(Arc<dyn Disk>) -> Arc<dyn Disk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = wrap(Arc::new(RealDisk::new(folder.path().join(STATE)).unwrap()));
        let options = Options { segment_bytes: 64 << 10, ..Options::default() };
        let Opened { log, .. } = Log::open(Arc::clone(&disk), options).unwrap();
        let mut shelf = Self { folder, disk, log, tasks: Vec::new() };
        for &day in days {
            shelf.add(WallMs(day * DAY + 1));
        }
        std::fs::create_dir_all(shelf.path("notes")).unwrap();
        shelf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(STATE).join(TASKS).join(name)
    }

    fn add(&mut self, at: WallMs) {
        let id = TaskId::from_parts(at.0, u128::from(Rng::new(at.0).next_u64()));
        let content = vec![u8::try_from(self.tasks.len()).unwrap(); BLOB];
        let hash = Blobs::new(Arc::clone(&self.disk)).put(&content).unwrap();
        std::fs::create_dir_all(self.path(&id.to_string())).unwrap();
        std::fs::write(self.path(&id.to_string()).join("report.md"), vec![b'x'; 10_000]).unwrap();
        let stored = Payload::of(&PayloadRef::Stored { hash, len: BLOB as u64 });
        let name = "nothing".to_owned();
        let entries: [Entry; 4] = [
            Submitted {
                request: "x".to_owned(),
                workflow: "noop".to_owned(),
                steps: step_records(&builtin(WorkflowName::Noop)),
                ..Submitted::default()
            }
            .into(),
            Started { step: 0, name: name.clone(), attempt: 1, agent: "coordinator".to_owned() }.into(),
            Succeeded { step: 0, name, attempt: 1, output: Some(stored), ..Succeeded::default() }.into(),
            Ended { state: "succeeded".to_owned(), ..Ended::default() }.into(),
        ];
        let records = entries.iter().map(|entry| entry.to_record(Some(id), at)).collect();
        self.write(records, true);
        self.tasks.push((id, hash));
    }

    fn write(&mut self, records: Vec<Record>, roll: bool) {
        let first = self.log.reader().durable().next();
        self.log.append(&Batch { first, records, checkpoint: roll.then(Vec::new) }).unwrap();
        self.log.sync().unwrap();
    }

    fn io(&self) -> Io {
        let reader = self.log.reader();
        let home = RealDisk::new(self.folder.path().join(STATE)).unwrap();
        let book = Book::new(home.clone(), reader.clone(), Phase::default(), None);
        let blobs = Arc::new(Blobs::new(Arc::clone(&self.disk)));
        Io { blobs, reader, book, home, over: false }
    }

    /// Looks once; which tasks still have records, folder and payload.
    fn look(self, look: Look) -> Vec<(bool, bool, bool)> {
        let mut io = self.io();
        let tasks = self.tasks.clone();
        let folder = self.folder;
        let (handle, writer) = agentd_journal::writer(self.log, WriterOptions::default());
        std::thread::scope(|scope| {
            scope.spawn(move || writer.run(|_| ()));
            Work::of(look, &handle).finish(&mut io);
            drop(handle);
        });
        assert!(folder.path().join(STATE).join(TASKS).join("notes").exists(), "it is not a task's");
        let kept = tasks.into_iter().map(|(id, hash)| {
            let there = folder.path().join(STATE).join(TASKS).join(id.to_string()).exists();
            (io.book.task(id).is_ok(), there, io.blobs.contains(&hash).unwrap())
        });
        let kept = kept.collect();
        io.book.close();
        kept
    }
}

impl Work {
    fn of(look: Look, writer: &WriterHandle) -> Self {
        let (turn, queue) = (Turn(Arc::default()), IoHandle::new().0);
        Self { look, stage: Stage::Ask, turn, writer: writer.clone(), queue, checking: Checking::default() }
    }

    /// Everything at once, as if nobody else had work for the io thread.
    fn finish(mut self, io: &mut Io) -> Arc<Left> {
        loop {
            self.step(io).unwrap();
            if matches!(self.stage, Stage::Done) {
                return Arc::clone(&self.turn.0);
            }
        }
    }
}

const ALL: (bool, bool, bool) = (true, true, true);
const NOTHING: (bool, bool, bool) = (false, false, false);

fn look(age_days: u64, bytes: u64) -> Look {
    let keep = Keep { age: Duration::from_millis(age_days * DAY), bytes };
    Look { keep, now: WallMs(40 * DAY), seen: Duration::ZERO, open: Open::default(), sweep: true }
}

#[test]
pub(crate) fn what_is_too_old_goes_with_its_folder_and_its_payloads() {
    let days = [0, 5, 13, 21, 29, 36, 39];
    let kept = Shelf::new(&days).look(look(30, u64::MAX));
    assert_eq!(kept, [NOTHING, NOTHING, ALL, ALL, ALL, ALL, ALL]);
    let kept = Shelf::new(&days).look(look(100, u64::MAX));
    assert_eq!(kept, [ALL; 7]);
}

#[test]
fn what_stands_where_the_state_folder_was_is_not_touched() {
    let shelf = Shelf::new(&[0, 5, 13, 21, 29, 36, 39]);
    let (mut io, oldest) = (shelf.io(), shelf.tasks[0].0);
    assert!(io.book.task(oldest).is_ok(), "the index is open");
    let (state, away) = (shelf.folder.path().join(STATE), shelf.folder.path().join("away"));
    std::fs::rename(&state, &away).unwrap();
    let others = state.join(TASKS).join(TaskId::from_parts(1, 77).to_string());
    std::fs::create_dir_all(&others).unwrap();
    let (handle, writer) = agentd_journal::writer(shelf.log, WriterOptions::default());
    std::thread::scope(|scope| {
        scope.spawn(move || writer.run(|_| ()));
        Work::of(look(30, u64::MAX), &handle).finish(&mut io);
        drop(handle);
    });
    assert!(io.book.task(oldest).is_err(), "it was too old");
    assert!(others.exists() && std::fs::read_dir(&state).unwrap().count() == 1, "another daemon's");
    io.book.close();
    assert!(away.join("index/clean").exists());
}

#[test]
pub(crate) fn open_tasks_keep_their_folder_and_their_payloads() {
    let shelf = Shelf::new(&[0, 5, 13, 21, 29, 37]);
    let (id, hash) = shelf.tasks[0];
    let mut look = look(30, u64::MAX);
    let stored = Payload::of(&PayloadRef::Stored { hash, len: BLOB as u64 });
    let record = Entry::from(Succeeded { output: Some(stored), ..Succeeded::default() });
    look.open.add(id, &record.to_record(Some(id), WallMs(1)));
    // Its records stand in the checkpoint; here only what stands beside the log is looked at.
    assert_eq!(shelf.look(look), [(false, true, true), NOTHING, ALL, ALL, ALL, ALL]);
}

#[test]
fn the_bound_counts_log_payloads_and_folders_and_the_oldest_go() {
    // A segment of 64 KiB, a payload and a folder for each.
    let each = (64 << 10) + BLOB as u64 + 10_000;
    let days: Vec<u64> = (30..38).collect();
    assert_eq!(Shelf::new(&days).look(look(100, 20 * each)), [ALL; 8]);
    let kept = Shelf::new(&days).look(look(100, 5 * each));
    let stay = kept.iter().filter(|task| **task == ALL).count();
    assert!((1..=4).contains(&stay) && kept.is_sorted(), "{kept:?}");
    assert!(kept.iter().all(|task| [ALL, NOTHING].contains(task)), "{kept:?}");
    // The log alone would fit, and so would its payloads.
    let kept = Shelf::new(&days).look(look(100, 9 * BLOB as u64));
    assert!(kept.contains(&NOTHING) && kept.contains(&ALL), "{kept:?}");
}

#[test]
fn a_segment_that_is_old_is_closed_with_the_next_record() {
    for (day, wanted) in [(20, true), (39, false)] {
        let mut shelf = Shelf::new(&[19]);
        let boot = Entry::from(Booted { boot_id: "1".to_owned(), version: "test".to_owned() });
        shelf.write(vec![boot.to_record(None, WallMs(day * DAY))], false);
        let mut io = shelf.io();
        let (handle, _writer) = agentd_journal::writer(shelf.log, WriterOptions::default());
        let left = Work::of(look(30, u64::MAX), &handle).finish(&mut io);
        assert_eq!(left.roll.load(Ordering::Relaxed), wanted, "day {day}");
    }
}

/// Runs what was left for the io thread; how many jobs there were.
fn serve(io: &mut Io, jobs: &mut tokio::sync::mpsc::Receiver<crate::io::Job>) -> usize {
    std::iter::from_fn(|| jobs.try_recv().ok()).map(|job| job(io)).count()
}

#[test]
fn looks_come_daily_and_after_each_segment_and_again_if_they_could_not_begin() {
    let shelf = Shelf::new(&[39]);
    let mut io = shelf.io();
    let (queue, mut jobs) = IoHandle::new();
    let (writer, _thread) = agentd_journal::writer(shelf.log, WriterOptions::default());
    let keep = Keep { age: Duration::from_millis(30 * DAY), bytes: u64::MAX };
    let mut retention = Retention::new(keep, Checking::default());
    let mut tick = |retention: &mut Retention, at: Duration, jobs: &mut _| {
        let mono = MonoMs(0).after(at);
        retention.tick((&writer, &queue), Now { wall: WallMs(40 * DAY), mono }, Open::default);
        serve(&mut io, jobs)
    };
    assert_eq!(tick(&mut retention, Duration::ZERO, &mut jobs), 1, "one is due after the start");
    assert_eq!(tick(&mut retention, AT_LEAST - AT_MOST, &mut jobs), 0);
    assert_eq!(tick(&mut retention, AT_LEAST, &mut jobs), 1, "every day");
    retention.segment_rolled();
    assert_eq!(tick(&mut retention, AT_LEAST + AT_MOST / 2, &mut jobs), 0, "but not all the time");
    assert_eq!(tick(&mut retention, AT_LEAST + AT_MOST, &mut jobs), 1);
    // The queue of the io thread is full: nothing is forgotten by that.
    retention.segment_rolled();
    let at = AT_LEAST + 2 * AT_MOST;
    let mut left = 0;
    while queue.leave(|_| ()) {
        left += 1;
    }
    assert_eq!(tick(&mut retention, at, &mut jobs), left);
    assert_eq!(tick(&mut retention, at, &mut jobs), 1, "now there is room");
    // A look that failed is tried again.
    retention.left.failed.store(true, Ordering::Relaxed);
    assert_eq!(tick(&mut retention, at + AGAIN / 2, &mut jobs), 0, "after a while");
    assert_eq!(tick(&mut retention, at + AGAIN, &mut jobs), 1);
    assert_eq!(tick(&mut retention, at + 2 * AGAIN, &mut jobs), 0, "and then it went well");
}

#[test]
fn a_wall_clock_that_jumps_makes_nothing_older_than_it_is_and_no_look_due() {
    for (day, kept) in [(0, [ALL; 3]), (9, [ALL; 3]), (11, [ALL; 3]), (12, [NOTHING, ALL, ALL])] {
        let look = Look { now: WallMs(day * DAY), ..look(1, u64::MAX) };
        assert_eq!(Shelf::new(&[10, 11, 12]).look(look), kept, "day {day}");
    }
    let shelf = Shelf::new(&[39]);
    let mut io = shelf.io();
    let (queue, mut jobs) = IoHandle::new();
    let (writer, _thread) = agentd_journal::writer(shelf.log, WriterOptions::default());
    let keep = Keep { age: Duration::from_millis(30 * DAY), bytes: u64::MAX };
    let mut retention = Retention::new(keep, Checking::default());
    for (hour, day, looks) in [(0, 40, 1), (1, 41, 0), (2, 39, 0), (3, 0, 0), (24, 0, 1), (25, 40, 0)] {
        let now = Now { wall: WallMs(day * DAY), mono: MonoMs(hour * DAY / 24) };
        retention.tick((&writer, &queue), now, Open::default);
        assert_eq!(serve(&mut io, &mut jobs), looks, "hour {hour}");
    }
}

#[test]
pub(crate) fn a_clock_that_jumps_ahead_makes_nothing_old_and_time_that_passes_does() {
    let week: &[u64] = &[1, 2, 3, 4, 5];
    // The days on which tasks ended, the day of the look, how many days of that the engine saw pass, how many tasks go.
    let cases: [(&[u64], u64, u64, usize); 12] = [
        (week, 45, 0, 0),
        (week, 400, 0, 0),
        // The newest segment with records stays.
        (week, 400, 399, 4),
        (week, 35, 30, 4),
        // The daemon ran with the wrong clock, was started again, and then the clock was set right.
        (&[1, 2, 42, 43, 44], 45, 0, 0),
        (&[1, 2, 42, 43, 3], 4, 0, 0),
        // A year of holidays in between, then daily use: it goes a month later, as if there had been none.
        (&[1, 2, 400, 407, 415, 422], 424, 0, 2),
        (&[1, 2, 400, 407, 415], 416, 0, 0),
        // The engine was there all the time, and nobody asked it for anything; or it came in the middle of that.
        (&[0, 90], 91, 91, 1),
        (&[0, 30, 90], 91, 62, 2),
        // It saw less pass than the clock says: the clock jumped between the two tasks.
        (&[0, 90], 91, 20, 0),
        // Old by itself, whatever jumps later.
        (&[0, 7, 14, 21, 28, 35, 42], 300, 0, 3),
    ];
    for (days, now, seen, gone) in cases {
        let seen = Duration::from_millis(seen * DAY);
        let kept = Shelf::new(days).look(Look { now: WallMs(now * DAY + 2), seen, ..look(30, u64::MAX) });
        let expected: Vec<_> = (0..days.len()).map(|at| if at < gone { NOTHING } else { ALL }).collect();
        assert_eq!(kept, expected, "{days:?}, looked at on day {now}");
    }
}

#[test]
fn a_look_beyond_the_bound_reads_the_log_once_and_the_next_one_hardly() {
    let read = Arc::new(AtomicU64::new(0));
    let shelf = Shelf::on(&(10..26).collect::<Vec<_>>(), |disk| Arc::new(counting::Counting(disk, Arc::clone(&read))));
    let each = (64 << 10) + BLOB as u64 + 10_000;
    let most = 12 * each;
    let mut io = shelf.io();
    let reader = shelf.log.reader();
    let log: u64 = reader.segments().unwrap().iter().map(|(_, bytes)| bytes).sum();
    // The index, which is made in passing, reads it too.
    io.book.expire(WallMs(0)).unwrap();
    let options = WriterOptions::default();
    let (handle, writer) = agentd_journal::writer(shelf.log, options);
    let kept = |io: &Io| reader.segments().unwrap().len() as u64 * (64 << 10) + Folders::list(io).bytes();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.run(|_| ()));
        let before = read.load(Ordering::Relaxed);
        let left = Work::of(look(100, most), &handle).finish(&mut io);
        let cost = read.load(Ordering::Relaxed) - before;
        assert!(cost < log + log / 8, "{cost} bytes were read of a log of {log}");
        // The newest is empty.
        let segments = reader.segments().unwrap().len() as u64 - 1;
        assert!(segments * each + (64 << 10) <= most - most / SLACK, "{segments} are left");
        assert!((segments + 2) * each > most - most / SLACK, "{segments} are left");
        assert!(kept(&io) < most);
        // Payloads that nothing names are still there, and are no reason to count again.
        assert!(left.unnamed.load(Ordering::Relaxed) > 0 || io.blobs.bytes().unwrap() <= segments * BLOB as u64);
        let before = read.load(Ordering::Relaxed);
        let mut again = Work::of(look(100, most), &handle);
        again.turn = Turn(left);
        again.look.sweep = false;
        again.finish(&mut io);
        let cost = read.load(Ordering::Relaxed) - before;
        assert!(cost < log / 8, "{cost} bytes were read again");
        drop(handle);
    });
}

#[test]
fn others_have_their_turn_between_two_segments_and_a_look_ends_with_the_engine() {
    let shelf = Shelf::new(&(10..22).collect::<Vec<_>>());
    let mut io = shelf.io();
    let before = io.reader.oldest();
    let segments = io.reader.segments().unwrap().len();
    let (queue, mut jobs) = IoHandle::new();
    let (writer, thread) = agentd_journal::writer(shelf.log, WriterOptions::default());
    let keep = Keep { age: Duration::from_millis(100 * DAY), bytes: 400_000 };
    let begin = || {
        let mut retention = Retention::new(keep, Checking::default());
        retention.tick((&writer, &queue), Now { wall: WallMs(40 * DAY), mono: MonoMs(0) }, Open::default);
        retention
    };
    // The engine stops while a look is under way.
    let stopped = begin();
    jobs.try_recv().unwrap()(&mut io);
    let left = Arc::clone(&stopped.left);
    drop(stopped);
    assert_eq!(serve(&mut io, &mut jobs), 1, "one more, which sees that");
    assert!(!left.under_way.load(Ordering::Relaxed) && io.reader.oldest() == before);

    let retention = begin();
    let (turns, mut own) = (Arc::new(AtomicU64::new(0)), 0);
    std::thread::scope(|scope| {
        scope.spawn(move || thread.run(|_| ()));
        while let Ok(job) = jobs.try_recv() {
            own += 1;
            let turn = Arc::clone(&turns);
            let marks = queue.leave(move |_| {
                turn.fetch_add(1, Ordering::Relaxed);
            });
            assert!(marks);
            job(&mut io);
            jobs.try_recv().unwrap()(&mut io);
            assert_eq!(turns.load(Ordering::Relaxed), own, "somebody else came first");
        }
        // The newest is empty; before them all comes the asking, after them the dropping.
        assert!(own > segments as u64, "{own} jobs for {segments} segments");
        assert!(io.reader.oldest() > before && !retention.left.failed.load(Ordering::Relaxed));
        drop(writer);
    });
}

#[test]
pub(crate) fn nothing_goes_while_somebody_exports_and_it_is_tried_again() {
    let shelf = Shelf::new(&[0, 5, 13, 21, 29, 37]);
    let (mut io, disk) = (shelf.io(), Arc::clone(&shelf.disk));
    let (writer, thread) = agentd_journal::writer(shelf.log, WriterOptions::default());
    let (queue, mut jobs) = IoHandle::new();
    let keep = Keep { age: Duration::from_millis(30 * DAY), bytes: u64::MAX };
    let before = io.reader.oldest();
    std::thread::scope(|scope| {
        scope.spawn(move || thread.run(|_| ()));
        let mut retention = Retention::new(keep, Checking::default());
        let mut look = |mono: MonoMs| {
            retention.tick((&writer, &queue), Now { wall: WallMs(40 * DAY), mono }, Open::default);
            serve(&mut io, &mut jobs);
            (io.reader.oldest() > before, retention.left.failed.load(Ordering::Relaxed))
        };
        let export = agentd_journal::keep(&*disk).unwrap().expect("there is room for a lock");
        assert_eq!(look(MonoMs(0)), (false, true));
        drop(export);
        assert_eq!(look(MonoMs(0).after(AGAIN)), (true, false));
        drop(writer);
    });
}
