//! What stands beside the log: the index, made from it and never trusted when it is behind, and what retention lets go.

use agentd_agents::{PayloadRef, StepOutput};
use agentd_journal::{Blobs, Reader, WriterOptions};
use tempfile::TempDir;

use super::*;
use crate::{
    index::{Book, Phase},
    io::Io,
    retention::{Open, drop_old, sweep},
};

fn book(folder: &TempDir, reader: Reader) -> Book {
    blind_book(folder, reader, None)
}

fn blind_book(folder: &TempDir, reader: Reader, why: Option<String>) -> Book {
    Book::new(folder.path().join("index"), reader, Phase::default(), why)
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
pub(super) fn nothing_is_looked_up_where_the_log_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut blind = blind_book(&folder, Bench::new("1").reader(), Some("damaged".to_owned()));
    assert!(matches!(blind.find_key("key"), Err(Error::ReadOnly(_))));
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
        log: folder.path().join("log"),
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
