//! From the journal back to the books: checkpoint and tail go through the same [`Task::apply`] as live entries. Steps that
//! were in flight start again; whether the death counts against one of them is decided here.

use std::{collections::HashMap, sync::Arc};

use agentd_base::{Seq, StepId, TaskId, WallMs};
use agentd_journal::Record;
use agentd_workflow::{StepState, resume};
use prost::Message;

use super::{Core, Now};
use crate::{
    Error,
    record::{self, Checkpoint, Entry, NumberedRecord},
    sabotage::{Point, is},
    task::Task,
};

/// What a restart found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Restored {
    /// Open tasks.
    pub open: usize,
    /// Steps that were in flight.
    pub in_flight: usize,
    /// The daemon died without a stop, on this boot of the machine, with something in flight.
    pub unexplained: bool,
}

impl Core {
    /// Fills the books. `checkpoint` (with the last record that it covers) and `tail` come from the journal, `marked` is the
    /// step that a crash marker names.
    ///
    /// # Errors
    /// `Damaged` for records that cannot be read or do not fit together.
    pub(crate) fn restore(
        &mut self,
        checkpoint: Option<(Seq, Vec<u8>)>,
        tail: Vec<(Seq, Record)>,
        marked: Option<(TaskId, StepId)>,
        now: Now,
    ) -> Result<Restored, Error> {
        let mut last_boot: Option<(record::Booted, bool)> = None;
        // The newest record that a checkpoint covers may belong to a task that has ended, and is not in it.
        let covered = checkpoint.as_ref().map_or(Seq(0), |(covered, _)| *covered);
        self.next = if is(Point::NextSeq) { Seq(1) } else { covered.next() };
        let read = checkpoint.map(|(_, bytes)| read_checkpoint(&bytes)).transpose()?;
        let (mut records, newest) = read.unwrap_or_default();
        self.newest_task = newest;
        let checkpointed = records.len();
        records.extend(tail);
        for (place, (seq, record)) in records.into_iter().enumerate() {
            self.next = self.next.max(seq.next());
            if place >= checkpointed {
                self.bytes += super::size_of_record(&record);
            }
            match Entry::of_record(&record)? {
                Entry::Booted(boot) => {
                    self.boot_record = Some((seq, Arc::new(record)));
                    last_boot = Some((boot, false));
                }
                Entry::Stopped(_) => last_boot = last_boot.map(|(boot, _)| (boot, !is(Point::Stopped))),
                entry => self.replay(seq, record, entry, now)?,
            }
        }
        self.durable = Seq(self.next.0 - 1);
        let this_boot = self.boot.as_ref().map(|boot| boot.boot_id.clone()).unwrap_or_default();
        let unexplained =
            last_boot.is_some_and(|(boot, stopped)| !stopped && (boot.boot_id == this_boot || is(Point::BootId)));
        Ok(self.revive(unexplained, marked, now))
    }

    fn replay(&mut self, seq: Seq, record: Record, mut entry: Entry, now: Now) -> Result<(), Error> {
        let (id, at) = (TaskId::from_bytes(record.stream), WallMs(record.wall_ms));
        self.newest_task = self.newest_task.max(Some(id));
        if let Entry::Submitted(submitted) = &entry {
            if let Some(key) = submitted.key.as_ref().filter(|_| !is(Point::ReplayKeys)) {
                self.keys.insert(agentd_base::Text::new(key.clone()), id);
            }
            self.tasks.insert(id, Task::new(id, at, submitted)?);
        }
        // Records of tasks that had ended before the checkpoint are not replayed; their first record is missing.
        let Some(task) = self.tasks.get_mut(&id) else {
            return match self.recent.get(id) {
                _ if is(Point::FitCheck) => Ok(()),
                Some(_) => Err(Error::Unfit { seq, why: format!("task {id} had already ended") }),
                None => Err(Error::Unfit { seq, why: format!("the first record of task {id} is missing") }),
            };
        };
        if let Err(why) = task.fits(&entry)
            && !is(Point::IntentFit)
        {
            return Err(Error::Unfit { seq, why });
        }
        task.apply(&mut entry, at, now.mono, &mut self.rng);
        self.open_bytes += super::size_of_record(&record);
        task.history.push((seq, Arc::new(record)));
        if task.is_over()
            && let Some(task) = self.tasks.remove(&id)
        {
            self.open_bytes -= task.size();
            // The index reads what the log had when it was opened, so it knows this one.
            self.recent.add(task);
            self.indexed(1);
        }
        Ok(())
    }

    /// Starts again what was in flight, and takes up what was ready.
    fn revive(&mut self, unexplained: bool, marked: Option<(TaskId, StepId)>, now: Now) -> Restored {
        let mut ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        ids.sort_unstable();
        let flying: HashMap<TaskId, Vec<StepId>> = ids
            .iter()
            .map(|id| (*id, self.tasks[id].flow.steps_in(|state| state == StepState::Running).collect()))
            .collect();
        let in_flight = flying.values().map(Vec::len).sum();
        let mut restored = Restored { open: ids.len(), in_flight, unexplained: unexplained && in_flight > 0 };
        for id in ids {
            let steps = &flying[&id];
            if !steps.is_empty() && !is(Point::Restart) {
                self.restart(id, steps, unexplained.then_some((in_flight, marked)), now);
            }
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let decisions = if is(Point::Resume) { Vec::new() } else { resume(&mut task.flow) };
            self.follow(id, decisions, now);
            // The end was decided, but the power went before it was written.
            if self.tasks.get(&id).is_some_and(|task| task.flow.ended.is_some()) && !is(Point::EndAgain) {
                self.end(id, now);
            }
        }
        self.counters.recovered_steps = in_flight as u64;
        self.counters.recovered_tasks = flying.values().filter(|steps| !steps.is_empty()).count() as u64;
        restored.open = self.tasks.len();
        restored
    }

    /// `death` is present if the daemon died for no known reason: how many steps were in flight, and which was marked.
    fn restart(&mut self, id: TaskId, steps: &[StepId], death: Option<(usize, Option<(TaskId, StepId)>)>, now: Now) {
        let guilty = |step: StepId| match death {
            Some((_, Some(marked))) if !is(Point::Marked) => marked == (id, step),
            Some((in_flight, _)) => in_flight == 1 || is(Point::AloneStrike),
            None => false,
        };
        let numbers = |chosen: &dyn Fn(StepId) -> bool| {
            steps.iter().filter(|step| chosen(**step)).map(|step| u32::from(step.0)).collect()
        };
        let Some(task) = self.tasks.get(&id) else { return };
        let entry = record::Recovered {
            steps: numbers(&|_| true),
            names: steps.iter().map(|step| task.step_name(*step).to_owned()).collect(),
            strikes: numbers(&guilty),
        };
        if death.is_some() && !is(Point::Suspects) {
            for step in steps {
                self.suspects.add(id, *step);
            }
        }
        let decisions = self.record(id, entry, now);
        self.follow(id, decisions, now);
    }
}

/// Records and their numbers.
pub(crate) type Records = Vec<(Seq, Record)>;

/// Packs records for the head of a new segment, in the order of their numbers, and the newest task that there ever was.
pub(crate) fn write_checkpoint<'a>(
    records: impl Iterator<Item = (Seq, &'a Record)>,
    newest: Option<TaskId>,
) -> Vec<u8> {
    let pack = |(seq, record): (Seq, &Record)| NumberedRecord {
        seq: seq.0,
        stream: record.stream.to_vec(),
        kind: u32::from(record.kind),
        version: u32::from(record.version),
        wall_ms: record.wall_ms,
        body: record.body.clone(),
    };
    let mut records: Vec<NumberedRecord> = records.map(pack).collect();
    records.sort_unstable_by_key(|record| record.seq);
    Checkpoint { records, newest: newest.map(|id| id.to_bytes().to_vec()).unwrap_or_default() }.encode_to_vec()
}

/// The records that a checkpoint holds, and the newest task that there ever was, if it says so.
///
/// # Errors
/// `BadRecord`, `Unfit`.
pub(crate) fn read_checkpoint(bytes: &[u8]) -> Result<(Records, Option<TaskId>), Error> {
    let checkpoint = Checkpoint::decode(bytes).map_err(|source| Error::BadRecord { kind: 0, source })?;
    let unpack = |numbered: NumberedRecord| {
        let seq = Seq(numbered.seq);
        let unfit = |why: &str| Error::Unfit { seq, why: why.to_owned() };
        let record = Record {
            stream: numbered.stream.try_into().map_err(|_| unfit("its stream has not 16 bytes"))?,
            kind: u16::try_from(numbered.kind).map_err(|_| unfit("its kind is out of range"))?,
            version: u16::try_from(numbered.version).map_err(|_| unfit("its version is out of range"))?,
            wall_ms: numbered.wall_ms,
            body: numbered.body,
        };
        Ok((seq, record))
    };
    let newest = <[u8; 16]>::try_from(checkpoint.newest).ok().map(TaskId::from_bytes);
    let records: Result<Records, Error> = checkpoint.records.into_iter().map(unpack).collect();
    Ok((records?, newest))
}
