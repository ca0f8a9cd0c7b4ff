//! What is kept, and for how long. Runs when the daemon is idle and the log has rolled to a new segment: whole old segments
//! go first, then the index entries of their tasks, then stored payloads that no record names any more.

use std::{collections::HashSet, ops::ControlFlow, time::Duration};

use agentd_base::{ContentHash, Seq, WallMs};
use agentd_journal::{Reader, WriterHandle};

use crate::{
    Error,
    io::{Io, IoHandle},
    record::{Entry, Payload},
};

/// How long finished tasks are kept, and how large the log may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Finished tasks younger than this are kept, within `bytes`.
    pub age: Duration,
    /// Bytes of log segments.
    pub bytes: u64,
}

impl Default for Keep {
    /// 30 days and 1 GiB.
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3_600), bytes: 1 << 30 }
    }
}

/// Decides when to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    keep: Keep,
    due: bool,
}

impl Retention {
    /// A first look is due after each start.
    pub(crate) const fn new(keep: Keep) -> Self {
        Self { keep, due: true }
    }

    pub(crate) const fn segment_rolled(&mut self) {
        self.due = true;
    }

    /// Starts a look, if one is due. The engine is idle now, so no payload is on its way from an agent to a record.
    pub(crate) fn run(&mut self, writer: &WriterHandle, io: &IoHandle, now: WallMs) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        let age = u64::try_from(self.keep.age.as_millis()).unwrap_or(u64::MAX);
        let (cutoff, bytes) = (WallMs(now.0.saturating_sub(age)), self.keep.bytes);
        let writer = writer.clone();
        io.leave(move |io| {
            if io.reader.oldest() > io.reader.durable() || !is_worth_it(io, cutoff, bytes) {
                return;
            }
            let keep_from = match io.book.expire(cutoff) {
                Ok(seq) => seq,
                Err(error) => return tracing::warn!(%error, "old tasks cannot be looked up; nothing is dropped"),
            };
            if let Err(error) = drop_old(io, &writer, keep_from, bytes) {
                tracing::warn!(%error, "old records could not be dropped; the next look tries again");
            }
        });
    }
}

/// Whether anything can go at all: without opening the index.
fn is_worth_it(io: &Io, cutoff: WallMs, bytes: u64) -> bool {
    let mut first = None;
    let oldest = Seq(io.reader.oldest().0.saturating_sub(1));
    let read = io.reader.scan(oldest, io.reader.durable(), &mut |_, record| {
        first = Some(record.wall_ms);
        ControlFlow::Break(())
    });
    let old = read.is_ok() && first.is_some_and(|at| at < cutoff.0);
    old || io.log_bytes() > bytes
}

fn drop_old(io: &mut Io, writer: &WriterHandle, keep_from: Seq, bytes: u64) -> Result<(), Error> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let before = io.reader.oldest();
    // The writer thread answers or is gone; then the channel closes.
    writer.run_between(Box::new(move |log| drop(tell.send(log.retain(keep_from, bytes)))))?;
    let oldest = told.recv().map_err(|_| Error::Gone)??;
    if oldest == before {
        return Ok(());
    }
    let entries = io.book.forget_before(oldest)?;
    let blobs = io.blobs.sweep(&named_payloads(&io.reader)?)?;
    tracing::info!(%oldest, entries, blobs, "old tasks were dropped");
    Ok(())
}

/// Payloads that a kept record names. No task is open now, so the checkpoint names none.
fn named_payloads(reader: &Reader) -> Result<HashSet<ContentHash>, Error> {
    let mut named = HashSet::new();
    let mut fault = None;
    let oldest = Seq(reader.oldest().0.saturating_sub(1));
    reader.scan(oldest, reader.durable(), &mut |_, record| {
        match Entry::of_record(record) {
            Ok(entry) => named.extend(payloads_of(&entry)),
            Err(error) => fault = Some(error),
        }
        if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    fault.map_or(Ok(named), Err)
}

fn payloads_of(entry: &Entry) -> Vec<ContentHash> {
    let (output, documents) = match entry {
        Entry::Succeeded(done) => (done.output.as_ref(), done.documents.as_slice()),
        Entry::Ended(end) => (None, end.documents.as_slice()),
        _ => (None, &[][..]),
    };
    let stored = |payload: &Payload| <[u8; 32]>::try_from(payload.hash.as_slice()).ok().map(ContentHash);
    let documents = documents.iter().filter_map(|document| document.content.as_ref());
    output.into_iter().chain(documents).filter_map(stored).collect()
}
