//! The writer: one sync for all that waits, bounded queue, order, faults, end.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]
#![allow(clippy::disallowed_methods, reason = "tests give birth to their own threads")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;

use std::{
    io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use agentd_base::{Rng, Seq};
use agentd_journal::{
    Batch, Error, Log, Record, WriterOptions,
    sim::{Lasting, Op, SimDisk},
    verify, writer,
};
use model::{options, record};

fn batch(seq: u64) -> Batch {
    Batch { first: Seq(seq), records: vec![record(&mut Rng::new(seq), 100)], checkpoint: None }
}

fn open(disk: &SimDisk) -> Log {
    Log::open(Arc::new(disk.clone()), options(1 << 20)).unwrap().log
}

#[test]
fn all_that_waits_shares_one_sync() {
    let disk = SimDisk::new(1);
    let (handle, writer) = writer(open(&disk), WriterOptions::default());
    (1..=200).for_each(|seq| handle.submit(batch(seq)).unwrap());
    drop(handle);
    let before = disk.count(Op::Sync);
    let mut heard = Vec::new();
    writer.run(|durable| heard.push(durable.unwrap()));
    assert_eq!(heard, [Seq(200)]);
    assert_eq!(disk.count(Op::Sync) - before, 2, "one commit, one clean end");
    let opened = Log::open(Arc::new(disk), options(1 << 20)).unwrap();
    assert!(opened.report.clean);
    assert_eq!(opened.tail.len(), 200);
}

#[test]
fn a_full_queue_blocks_and_everything_arrives_in_order() {
    for (queue_batches, queue_bytes) in [(1, 1 << 20), (3, 1 << 20), (1000, 300), (1000, 1)] {
        let disk = SimDisk::new(2);
        let limits = WriterOptions { queue_batches, queue_bytes, commit_batches: 4, commit_bytes: 400 };
        let (handle, writer) = writer(open(&disk), limits);
        let sender = thread::spawn(move || (1..=300).for_each(|seq| handle.submit(batch(seq)).unwrap()));
        let mut last = Seq(0);
        writer.run(|durable| {
            let durable = durable.unwrap();
            assert!(durable > last && durable.0 - last.0 <= 4, "from {last} to {durable}");
            last = durable;
        });
        sender.join().unwrap();
        assert_eq!(last, Seq(300));
        assert_eq!(verify(&disk).records, 300);
    }
}

#[test]
fn a_fault_is_told_once_and_frees_all_senders() {
    let disk = SimDisk::new(3);
    let (handle, writer) = writer(open(&disk), WriterOptions { queue_batches: 2, ..WriterOptions::default() });
    disk.fail(Op::Sync, 5, Lasting::Once, io::ErrorKind::Other);
    let next = Arc::new(AtomicU64::new(1));
    let senders: Vec<_> = [handle.clone(), handle.clone()]
        .into_iter()
        .map(|handle| {
            let next = Arc::clone(&next);
            // One after the other, as the engine does; both end only when the writer refuses.
            thread::spawn(move || {
                loop {
                    if let Err(error) = handle.submit(batch(next.fetch_add(1, Ordering::SeqCst))) {
                        return error;
                    }
                }
            })
        })
        .collect();
    let (mut acked, mut faults) = (Seq(0), 0);
    writer.run(|durable| match durable {
        Ok(seq) => acked = seq,
        Err(_) => faults += 1,
    });
    for sender in senders {
        assert!(matches!(sender.join().unwrap(), Error::Poisoned { .. }));
    }
    assert_eq!(faults, 1);
    assert!(matches!(handle.submit(batch(9)), Err(Error::Poisoned { .. })));
    disk.crash();
    assert!(open(&disk).durable() >= acked);
}

#[test]
fn maintenance_runs_between_commits_and_a_checkpoint_ends_one() {
    let disk = SimDisk::new(4);
    let (handle, writer) = writer(open(&disk), WriterOptions::default());
    (1..=3).for_each(|seq| handle.submit(batch(seq)).unwrap());
    handle.submit(Batch { checkpoint: Some(b"three".to_vec()), first: Seq(4), records: vec![] }).unwrap();
    handle.submit(batch(4)).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let job = Arc::clone(&seen);
    handle
        .run_between(Box::new(move |log| {
            job.store(log.durable().0, Ordering::SeqCst);
            assert_eq!(log.retain(Seq(4), u64::MAX).unwrap(), Seq(4));
        }))
        .unwrap();
    handle.submit(batch(5)).unwrap();
    drop(handle);
    let mut heard = Vec::new();
    writer.run(|durable| heard.push(durable.unwrap().0));
    assert_eq!((heard, seen.load(Ordering::SeqCst)), (vec![3, 4, 5], 4));
    let opened = Log::open(Arc::new(disk), options(1 << 20)).unwrap();
    assert_eq!(opened.checkpoint, Some((Seq(3), b"three".to_vec())));
    assert_eq!(opened.tail.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn what_the_log_does_not_take_is_refused_before_it_waits() {
    let disk = SimDisk::new(5);
    let (handle, writer) = writer(open(&disk), WriterOptions::default());
    let large = Record { body: vec![0; 65_537], ..record(&mut Rng::new(1), 0) };
    let refused = handle.submit(Batch { first: Seq(1), records: vec![large], checkpoint: None });
    assert!(matches!(refused, Err(Error::TooLarge { size: 65_537, .. })));
    let many = vec![record(&mut Rng::new(1), 60_000); 20];
    let refused = handle.submit(Batch { first: Seq(1), records: many, checkpoint: None });
    assert!(matches!(refused, Err(Error::TooLarge { what: "a batch", .. })));
    drop(writer);
    assert!(matches!(handle.submit(batch(1)), Err(Error::Closed)));
}

#[test]
fn a_batch_out_of_order_changes_nothing() {
    let mut log = open(&SimDisk::new(6));
    log.append(&batch(1)).unwrap();
    for wrong in [0, 1, 3] {
        assert!(matches!(log.append(&batch(wrong)), Err(Error::NotContiguous { expected: Seq(2), .. })));
    }
    assert_eq!(log.sync().unwrap(), Seq(1));
}

#[test]
fn readers_follow_the_writer_through_segments_and_retention() {
    const ALL: u64 = 2000;
    let disk = SimDisk::new(7);
    let log = Log::open(Arc::new(disk), options(8192)).unwrap().log;
    let reader = log.reader();
    let (handle, writer) = writer(log, WriterOptions::default());
    let (tell, hear) = mpsc::sync_channel(4);
    let follower = thread::spawn(move || {
        let mut seen = Seq(0);
        for durable in hear {
            let scanned = reader.scan(seen, durable, &mut |seq, found| {
                assert_eq!((seq, found), (seen.next(), &record(&mut Rng::new(seq.0), 100)));
                seen = seq;
                ControlFlow::Continue(())
            });
            match scanned {
                Ok(()) => assert!(seen >= durable),
                // Retention was faster than this thread; it goes on where the log begins.
                Err(Error::OutOfRange { oldest, .. }) => seen = Seq(oldest.0 - 1).max(seen),
                Err(error) => panic!("{error}"),
            }
        }
        seen
    });
    let sender = thread::spawn(move || {
        for seq in 1..=ALL {
            let checkpoint = (seq % 150 == 0).then(|| vec![0; 100]);
            handle.submit(Batch { checkpoint, ..batch(seq) }).unwrap();
            if seq % 200 == 0 {
                handle.run_between(Box::new(|log| drop(log.retain(log.durable(), 1 << 20)))).unwrap();
            }
        }
    });
    writer.run(move |durable| tell.send(durable.unwrap()).unwrap());
    sender.join().unwrap();
    assert_eq!(follower.join().unwrap(), Seq(ALL));
}

#[test]
fn a_segment_that_follows_is_gone_on_with_though_the_one_before_could_not_be_marked() {
    let add = |log: &mut Log, checkpoint: Option<Vec<u8>>| {
        log.append(&Batch { checkpoint, ..batch(log.next().0) })?;
        log.sync()
    };
    // The mark is the last write of a roll.
    let disk = SimDisk::new(9);
    let mut log = open(&disk);
    let before = disk.count(Op::Write);
    add(&mut log, Some(vec![7; 100])).unwrap();
    let mark = disk.count(Op::Write) - before;
    for kill in [false, true] {
        let disk = SimDisk::new(9);
        let mut log = open(&disk);
        disk.fail(Op::Write, mark, Lasting::Once, io::ErrorKind::Other);
        for seq in 1..=3 {
            assert_eq!(add(&mut log, (seq == 1).then(|| vec![7; 100])).unwrap(), Seq(seq));
        }
        if kill {
            disk.crash();
        } else {
            log.close().unwrap();
        }
        let opened = Log::open(Arc::new(disk.clone()), options(1 << 20)).unwrap();
        let checkpoint = opened.checkpoint.unwrap();
        assert_eq!((checkpoint.0, opened.tail.len(), opened.log.durable()), (Seq(1), 2, Seq(3)));
        assert_eq!(verify(&disk).faults, Vec::<String>::new());
    }
}
