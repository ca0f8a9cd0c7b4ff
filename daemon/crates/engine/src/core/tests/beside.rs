//! What stands beside the log: the index, made from it and never trusted when it is behind, and what retention lets go.

use agentd_agents::{PayloadRef, StepOutput};
use agentd_host::ManualClock;
use agentd_journal::{Blobs, Disk as _, Log, Options, Reader, RealDisk, WriterOptions};
use tempfile::TempDir;

use super::*;
use crate::{
    index::{Book, Ending, Phase},
    io::Io,
    retention::{Open, drop_old, sweep},
};

fn book(folder: &TempDir, reader: Reader) -> Book {
    blind_book(folder, reader, None)
}

fn blind_book(folder: &TempDir, reader: Reader, why: Option<String>) -> Book {
    Book::new(home(folder), reader, Phase::default(), why)
}

fn home(folder: &TempDir) -> RealDisk {
    RealDisk::new(folder.path().join("state")).unwrap()
}

fn run(bench: &mut Bench, key: &str) -> TaskId {
    let task = bench.submit(Some(key));
    bench.settle();
    let from = bench.held(bench.agents.len() - 1);
    bench.succeed(from);
    bench.settle();
    task
}

#[test]
pub(super) fn an_index_that_is_behind_the_log_reads_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let missed = run(&mut bench, "missed");
    bench.submit(Some("open"));
    bench.settle();
    let mut first = book(&folder, bench.reader());
    assert_eq!(first.find_key("missed").unwrap().map(|known| known.task), Some(missed));
    assert_eq!(first.find_key("open").unwrap(), None, "it has not ended");
    first.close();
    let from = bench.held(0);
    bench.succeed(from);
    bench.settle();
    let mut second = book(&folder, bench.reader());
    assert!(second.find_key("open").unwrap().is_some(), "it ended while nobody told the index");
    second.close();
}

#[test]
fn an_index_is_made_anew_only_where_it_lacks_something() {
    use crate::view::IndexPhase::{Closed, Open, Rebuilding};

    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let open = |folder: &TempDir, reader: Reader| {
        let phase = Phase::default();
        let mut book = Book::new(home(folder), reader, phase.clone(), None);
        assert!(book.find_key("key").unwrap().is_some());
        book.close();
        phase.seen()
    };
    let reader = bench.reader();
    let phase = Phase::default();
    let mut first = Book::new(home(&folder), reader, phase.clone(), None);
    run(&mut bench, "key");
    assert!(first.find_key("key").unwrap().is_some());
    assert_eq!(phase.seen(), [Open], "what the log has was written in this life, and memory knows it");
    first.rebuild().unwrap();
    assert_eq!(phase.seen(), [Closed, Rebuilding, Open], "somebody asked for it");
    first.close();
    assert_eq!(open(&folder, bench.reader()), [Open, Closed], "it is there");
    std::fs::remove_dir_all(folder.path().join("state/index")).unwrap();
    assert_eq!(open(&folder, bench.reader()), [Rebuilding, Open, Closed], "it was deleted");
}

#[test]
pub(super) fn nothing_is_looked_up_where_the_log_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut blind = blind_book(&folder, Bench::new("1").reader(), Some("damaged".to_owned()));
    assert!(matches!(blind.find_key("key"), Err(Error::ReadOnly(_))));
}

#[test]
pub(super) fn an_index_that_did_not_take_an_end_is_made_anew_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let mut book = book(&folder, bench.reader());
    assert_eq!(book.find_key("key").unwrap(), None);
    let task = bench.submit(Some("key"));
    bench.settle();
    let from = bench.held(0);
    bench.succeed(from);
    let ending = bench.settle().into_iter().find_map(|output| match output {
        // Larger than any value that the index takes.
        Output::Index(view, key, _, first) => Some(Ending { view: *view, key, fingerprint: vec![0; 5_000], first }),
        _ => None,
    });
    assert!(book.add(&[ending.expect("it has ended")], bench.core.low_watermark()).is_err());
    assert_eq!(book.find_key("key").unwrap().map(|known| known.task), Some(task), "it was acknowledged");
    book.close();
}

#[test]
fn an_index_claims_nothing_of_the_end_of_a_log_that_is_only_looked_at() {
    let mut lost = 0;
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Bench::new("1");
        run(&mut bench, "durable");
        let mut whole = book(&folder, bench.reader());
        assert!(whole.find_key("durable").unwrap().is_some());
        whole.close();
        bench.submit(Some("late"));
        bench.settle();
        // The daemon dies when it has written the end of this task, and before it has synced that.
        let disk = bench.disk.fork(seed);
        let from = bench.held(bench.agents.len() - 1);
        bench.succeed(from);
        bench.settle();
        for path in bench.disk.files() {
            disk.open(&path).unwrap().write_at(0, &bench.disk.content(&path).unwrap()).unwrap();
        }
        let looked = Reader::open_read_only(Arc::new(disk.clone())).unwrap().reader;
        let end = looked.durable();
        let mut looks = book(&folder, looked);
        assert!(looks.find_key("late").unwrap().is_some());
        looks.close();
        disk.crash();
        disk.plant("index/reached", &std::fs::read(folder.path().join("state/index/reached")).unwrap());
        let opened = Log::open(Arc::new(disk), Options::default()).map(|opened| opened.log);
        let log = opened.unwrap_or_else(|error| panic!("nothing that was promised is missing: {error}"));
        let mut next = book(&folder, log.reader());
        assert!(next.find_key("durable").unwrap().is_some());
        assert_eq!(next.find_key("late").unwrap().is_some(), log.durable() == end, "seed {seed}");
        next.close();
        lost += u32::from(log.durable() < end);
    }
    assert!(lost > 0);
}

#[test]
pub(super) fn what_may_stand_in_lost_records_is_neither_new_nor_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let tasks: Vec<TaskId> = (0..4).map(|number| run(&mut bench, &format!("key-{number}"))).collect();
    let place = |path: &String| {
        let content = bench.disk.content(path)?;
        Some((path.clone(), content.windows(5).position(|bytes| bytes == b"key-1")?, content))
    };
    let (path, at, whole) = bench.disk.files().iter().find_map(place).expect("it stands in the log");
    let open = || book(&folder, bench.reader()).with_clock(Arc::new(ManualClock::new(WallMs(bench.time))));
    bench.disk.flip(&path, at, 0);
    let mut damaged = open();
    assert_eq!(damaged.find_key("key-2").unwrap().map(|known| known.task), Some(tasks[2]));
    assert!(damaged.task(tasks[2]).is_ok());
    for key in ["key-1", "a key of which nobody knows whether it is new"] {
        assert!(matches!(damaged.find_key(key), Err(Error::Lost { .. })), "{key}");
    }
    assert!(matches!(damaged.task(tasks[1]), Err(Error::Lost { .. })));
    damaged.close();
    // Somebody puts back what was damaged.
    bench.disk.plant(&path, &whole);
    let mut mended = open();
    assert_eq!(mended.find_key("key-1").unwrap().map(|known| known.task), Some(tasks[1]));
    assert!(mended.task(tasks[1]).is_ok() && mended.find_key("a new key").unwrap().is_none());
    mended.close();
}

#[test]
pub(super) fn retention_lets_old_tasks_go_and_nothing_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("1");
    let disk: Arc<dyn agentd_journal::Disk> = Arc::new(bench.disk.clone());
    let content = vec![b'x'; 5_000];
    let hash = Blobs::new(Arc::clone(&disk)).put(&content).unwrap();
    let mut tasks = Vec::new();
    // Three times: some tasks and a checkpoint, then time goes by.
    for age in ["oldest", "old", "young"] {
        bench.rolled = false;
        let mut count = 0;
        while !bench.rolled || count < 10 {
            tasks.push((age, count, run(&mut bench, &format!("{age}-{count}")), bench.time));
            count += 1;
        }
        bench.wait(1_000_000);
    }
    let kept = bench.submit(Some("payload"));
    bench.settle();
    let from = bench.held(0);
    let stored = StepOutput { output: PayloadRef::Stored { hash, len: 5_000 }, ..bench::output() };
    bench.core.finished(from, Ok(stored), Duration::ZERO, bench.now());
    bench.settle();
    for count in 0..20 {
        run(&mut bench, &format!("last-{count}"));
    }

    let reader = bench.reader();
    let mut io = Io {
        blobs: Arc::new(Blobs::new(disk)),
        reader: reader.clone(),
        book: book(&folder, reader.clone()),
        home: home(&folder),
        over: false,
    };
    let (handle, writer) = agentd_journal::writer(bench.log, WriterOptions::default());
    std::thread::scope(|scope| {
        scope.spawn(move || writer.run(|_| ()));
        // What retires now is swept by the sweep after the next one.
        for age in ["oldest", "old"] {
            let young = tasks.iter().filter(|task| task.0 == age).map(|task| task.3).max().unwrap() + 1;
            let before = reader.oldest();
            let keep_from = io.book.expire(WallMs(young)).unwrap();
            drop_old(&mut io, &handle, keep_from).unwrap();
            sweep(&io, &Open::default()).unwrap();
            assert!(reader.oldest() > before, "{age}: something went");
        }
        drop(handle);
    });
    let oldest = reader.oldest();
    for (age, count, task, _) in tasks {
        let known = io.book.find_key(&format!("{age}-{count}")).unwrap();
        assert!(age != "young" || known.is_some(), "{age} {count} is to be kept");
        assert!(known.is_none_or(|known| known.first >= oldest), "{age} {count} is gone, and the index knows it");
        assert!(age != "young" || io.book.task(task).is_ok(), "{age} {count} can be read");
    }
    assert!(io.book.task(kept).is_ok());
    assert_eq!(io.blobs.get(&hash).unwrap(), content);
    io.book.close();
}
