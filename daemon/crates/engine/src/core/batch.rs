//! What goes to the journal in one piece, and when a new segment begins with a checkpoint of all that is open.

use agentd_base::Seq;
use agentd_journal::{Batch, MAX_BATCH, MAX_CHECKPOINT, Record};

use super::{Core, recover, size_of_record};
use crate::{
    retention::Open,
    sabotage::{Point, is},
};

impl Core {
    /// As many of the turn's records as one batch holds; the rest goes with the next one. There is at least one.
    pub(super) fn take_batch(&mut self) -> Batch {
        let first = Seq(self.next.0 - self.records.len() as u64);
        let (mut count, mut bytes) = (0, 0);
        for record in &self.records {
            let size = size_of_record(record) as usize;
            if count > 0 && bytes + size > MAX_BATCH && !is(Point::BatchBound) {
                break;
            }
            (count, bytes) = (count + 1, bytes + size);
        }
        let records: Vec<Record> = self.records.drain(..count).map(|record| (*record).clone()).collect();
        self.batch_bytes -= bytes;
        // A checkpoint tells what is known after the batch, so nothing may be left over.
        let is_all = self.records.is_empty() || is(Point::CheckpointRest);
        let checkpoint = (is_all && self.roll_due()).then(|| self.checkpoint());
        Batch { first, records, checkpoint }
    }

    /// The segment is closed with the next record: it is old, and only whole segments can go.
    pub(crate) const fn roll_soon(&mut self) {
        self.bytes = u64::MAX / 2;
    }

    /// What of open tasks must stay.
    pub(crate) fn open(&self) -> Open {
        let mut open = Open::default();
        for (id, task) in &self.tasks {
            task.history.iter().for_each(|(_, record)| open.add(*id, record));
        }
        open
    }

    /// A segment is full. A checkpoint that is larger than a segment must not be written with each one, and one that the
    /// journal would not take waits until tasks have ended.
    fn roll_due(&self) -> bool {
        let fits = self.open_bytes < ROLL_BELOW || is(Point::RollBound);
        fits && self.bytes >= self.limits.segment_bytes.max(2 * self.open_bytes)
    }

    fn checkpoint(&mut self) -> Vec<u8> {
        self.bytes = 0;
        let boot =
            self.boot_record.iter().filter(|_| !is(Point::CheckpointBoot)).map(|(seq, record)| (*seq, &**record));
        let open = self.tasks.values().flat_map(|task| task.history.iter().map(|(seq, record)| (*seq, &**record)));
        let records = boot.chain(open.filter(|_| !is(Point::CheckpointOpen)));
        recover::write_checkpoint(records, self.newest_task.filter(|_| !is(Point::CheckpointNewest)))
    }
}

/// Bytes of open tasks above which no checkpoint is written. It takes at most what is counted, and the boot besides.
const ROLL_BELOW: u64 = MAX_CHECKPOINT as u64 - 4_096;
