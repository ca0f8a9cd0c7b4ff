//! Durable appends of 200-byte records: the journal beside a plain file with `sync_data`, in one run and in turns, and
//! how long openings take. Prints one JSON object. Usage: `append_floor [folder] [appends per round]`.
#![expect(clippy::print_stdout, reason = "the result goes to stdout")]
#![expect(clippy::disallowed_methods, reason = "a measurement gives birth to its own threads")]
#![expect(clippy::unwrap_used, reason = "a measurement ends at the first fault")]

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use agentd_base::Seq;
use agentd_journal::{Batch, Log, Options, RealDisk, Record, WriterOptions, writer};

const ROUNDS: usize = 5;
const THREADS: usize = 16;

fn record(n: u64) -> Record {
    Record { stream: [1; 16], kind: 1, version: 1, wall_ms: n, body: vec![n as u8; 164] }
}

fn rate(count: usize, taken: Duration) -> f64 {
    count as f64 / taken.as_secs_f64()
}

/// Whether the blocks exist before they are written.
fn plain(path: &Path, count: usize, written_before: bool) -> f64 {
    let file = fs::File::create(path).unwrap();
    if written_before {
        file.write_all_at(&vec![0; count * 200], 0).unwrap();
        file.sync_all().unwrap();
    }
    let start = Instant::now();
    for n in 0..count {
        file.write_all_at(&[n as u8; 200], n as u64 * 200).unwrap();
        file.sync_data().unwrap();
    }
    rate(count, start.elapsed())
}

fn open(folder: &Path) -> Log {
    Log::open(Arc::new(RealDisk::new(folder).unwrap()), Options::default()).unwrap().log
}

fn journal(folder: &Path, count: usize) -> f64 {
    let mut log = open(folder);
    let start = Instant::now();
    for n in 0..count {
        log.append(&Batch { first: log.next(), records: vec![record(n as u64)], checkpoint: None }).unwrap();
        log.sync().unwrap();
    }
    let rate = rate(count, start.elapsed());
    log.close().unwrap();
    rate
}

/// Threads that each wait for their record to be durable before they give the next.
fn grouped(folder: &Path, count: usize) -> f64 {
    let log = open(folder);
    let next = Arc::new(Mutex::new(log.next()));
    let (handle, writer) = writer(log, WriterOptions::default());
    let durable = Arc::new((Mutex::new(Seq(0)), Condvar::new()));
    let start = Instant::now();
    let heard = Arc::clone(&durable);
    let writer = thread::spawn(move || {
        writer.run(|seq| {
            *heard.0.lock().unwrap() = seq.unwrap();
            heard.1.notify_all();
        });
    });
    let clients: Vec<_> = (0..THREADS)
        .map(|_| {
            let (handle, next, durable) = (handle.clone(), Arc::clone(&next), Arc::clone(&durable));
            thread::spawn(move || {
                for n in 0..count / THREADS {
                    let mut number = next.lock().unwrap();
                    let mine = *number;
                    handle.submit(Batch { first: mine, records: vec![record(n as u64)], checkpoint: None }).unwrap();
                    *number = mine.next();
                    drop(number);
                    drop(durable.1.wait_while(durable.0.lock().unwrap(), |seq| *seq < mine).unwrap());
                }
            })
        })
        .collect();
    drop(handle);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let rate = rate(count, start.elapsed());
    writer.join().unwrap();
    rate
}

/// Median milliseconds of an opening, after a clean end and after none.
fn openings(folder: &Path) -> (f64, f64) {
    let timed = |log: &mut Option<Log>| {
        let start = Instant::now();
        *log = Some(open(folder));
        start.elapsed().as_secs_f64() * 1000.0
    };
    let (mut clean, mut unclean) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        let mut log = None;
        open(folder).close().unwrap();
        clean.push(timed(&mut log));
        drop(log.take());
        unclean.push(timed(&mut log));
    }
    (median(clean), median(unclean))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(200);
    let root = root.join(format!("append-floor-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    let (mut file, mut before, mut one, mut group) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        file.push(plain(&root.join("plain"), count, false));
        before.push(plain(&root.join("zeros"), count, true));
        one.push(journal(&root.join("journal"), count));
        group.push(grouped(&root.join("grouped"), count * 4));
    }
    let (clean, unclean) = openings(&root.join("opened"));
    let (file, before, one, group) = (median(file), median(before), median(one), median(group));
    println!(
        "{{\"appends_per_second\":{{\"plain_file\":{file:.0},\"plain_file_written_before\":{before:.0},\
         \"journal\":{one:.0},\"journal_{THREADS}_threads\":{group:.0}}},\
         \"journal_to_plain_file\":{:.2},\"journal_to_plain_file_written_before\":{:.2},\
         \"open_clean_ms\":{clean:.2},\"open_unclean_ms\":{unclean:.2}}}",
        one / file,
        one / before,
    );
    fs::remove_dir_all(&root).unwrap();
}
