//! Tasks from the log, for what memory no longer holds: the same records through the same code as at a restart. Damage costs
//! the tasks that were in it, and no others.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use agentd_base::{MonoMs, Rng, Seq, TaskId, Text, WallMs};
use agentd_journal::{Lost, Piece, Reader, Record};
use prost::Message;

use crate::{Error, events::event_of, record::Entry, task::Task, view::EventView};

/// Longest text of a gap that is kept.
const WHY_BYTES: usize = 1_000;

/// Records that cannot be read any more, as the index keeps them too.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Gap {
    #[prost(uint64, tag = "1")]
    pub first: u64,
    #[prost(uint64, tag = "2")]
    pub last: u64,
    /// Wall clock of the record behind them in milliseconds; the largest number if there is none.
    #[prost(uint64, tag = "3")]
    pub until: u64,
    /// What is damaged, with the file's name.
    #[prost(string, tag = "4")]
    pub why: String,
}

impl Gap {
    fn of(lost: &Lost) -> Self {
        let why = Text::<WHY_BYTES>::new(lost.fault.to_string()).to_string();
        Self { first: lost.first.0, last: lost.last.0, until: u64::MAX, why }
    }

    /// The refusal of what may have been in it.
    pub(crate) fn refusal(&self, what: impl Into<String>) -> Error {
        let why = format!("records {} to {} are lost: {}", self.first, self.last, self.why);
        Error::Lost { what: what.into(), why }
    }
}

/// What a reading of the log gives.
#[derive(Debug)]
pub(crate) enum Found {
    /// A task that both begins and ends in the range, with all of its records.
    Task(Box<Task>),
    /// Records that are lost. Tasks that were open there are not whole and are not given.
    Gap(Gap),
}

/// Reads `(after, upto]` and hands over every task that both begins and ends there, past what is damaged; of one task
/// only, if `only` is set. Answers the number of records read.
///
/// # Errors
/// `Damaged` for records that are whole and cannot be understood, `OutOfRange` if they are no longer kept.
pub(crate) fn finished_tasks(
    reader: &Reader,
    (after, upto): (Seq, Seq),
    only: Option<TaskId>,
    over: &mut dyn FnMut(Found),
) -> Result<u64, Error> {
    let mut open: HashMap<TaskId, Task> = HashMap::new();
    let (mut count, mut fault, mut gap) = (0, None, None::<Gap>);
    reader.scan_past(after, upto, &mut |piece| {
        let (seq, record) = match piece {
            Piece::Lost(lost) => {
                // Nobody knows which of these tasks lost a record.
                open.clear();
                gap.replace(Gap::of(&lost)).into_iter().for_each(|gap| over(Found::Gap(gap)));
                return ControlFlow::Continue(());
            }
            Piece::Record(seq, record) => (seq, record),
        };
        count += 1;
        gap.take().into_iter().for_each(|gap| over(Found::Gap(Gap { until: record.wall_ms, ..gap })));
        let id = TaskId::from_bytes(record.stream);
        if record.stream == [0; 16] || only.is_some_and(|only| only != id) {
            return ControlFlow::Continue(());
        }
        match replay(&mut open, id, seq, record) {
            Ok(Some(task)) => over(Found::Task(Box::new(task))),
            Ok(None) => {}
            Err(error) => fault = Some(error),
        }
        if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    gap.into_iter().for_each(|gap| over(Found::Gap(gap)));
    fault.map_or(Ok(count), Err)
}

fn replay(open: &mut HashMap<TaskId, Task>, id: TaskId, seq: Seq, record: &Record) -> Result<Option<Task>, Error> {
    let mut entry = Entry::of_record(record)?;
    if let Entry::Submitted(submitted) = &entry {
        open.insert(id, Task::new(id, WallMs(record.wall_ms), submitted)?);
    }
    // A task that began before the range is none of ours.
    let Some(task) = open.get_mut(&id) else { return Ok(None) };
    task.apply(&mut entry, WallMs(record.wall_ms), MonoMs(0), &mut Rng::new(0));
    task.history.push((seq, Arc::new(record.clone())));
    Ok(if task.is_over() { open.remove(&id) } else { None })
}

/// Events read from the log.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub events: Vec<Arc<EventView>>,
    /// Why they end here, if that is not because they are enough, or all.
    pub fault: Option<Error>,
}

/// Up to `most` events after a cursor, of all tasks.
///
/// # Errors
/// `OutOfRange` if they are no longer kept. Damage is told behind the events before it.
pub(crate) fn events(reader: &Reader, (after, upto): (Seq, Seq), most: usize) -> Result<Events, Error> {
    let mut read = Events::default();
    reader.scan_past(after, upto, &mut |piece| {
        match piece {
            Piece::Record(seq, record) => match event_of(seq, record) {
                Ok(event) => read.events.extend(event),
                Err(error) => read.fault = Some(error),
            },
            Piece::Lost(lost) => {
                let what = format!("what happened there cannot be told, watch from {} for what came after", lost.last);
                read.fault = Some(Gap::of(&lost).refusal(what));
            }
        }
        if read.fault.is_some() || read.events.len() >= most {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(read)
}
