//! Tasks from the log, for what memory no longer holds: the same records through the same code as at a restart.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use agentd_base::{MonoMs, Seq, TaskId, WallMs};
use agentd_journal::{Reader, Record};
use agentd_workflow::Rng;

use crate::{Error, events::event_of, record::Entry, task::Task, view::EventView};

/// Reads `(after, upto]` and hands over every task that both begins and ends there; of one task only, if `only` is set.
/// Answers the number of records read.
///
/// # Errors
/// `Damaged` for records that cannot be read, `OutOfRange` if they are no longer kept.
pub(crate) fn finished_tasks(
    reader: &Reader,
    (after, upto): (Seq, Seq),
    only: Option<TaskId>,
    over: &mut dyn FnMut(Task),
) -> Result<u64, Error> {
    let mut open: HashMap<TaskId, Task> = HashMap::new();
    let mut count = 0;
    let mut fault = None;
    reader.scan(after, upto, &mut |seq, record| {
        count += 1;
        let id = TaskId::from_bytes(record.stream);
        if record.stream == [0; 16] || only.is_some_and(|only| only != id) {
            return ControlFlow::Continue(());
        }
        match replay(&mut open, id, seq, record) {
            Ok(Some(task)) => over(task),
            Ok(None) => {}
            Err(error) => fault = Some(error),
        }
        if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
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

/// Up to `most` events after a cursor, of all tasks.
///
/// # Errors
/// As [`finished_tasks`].
pub(crate) fn events(reader: &Reader, (after, upto): (Seq, Seq), most: usize) -> Result<Vec<Arc<EventView>>, Error> {
    let mut events = Vec::new();
    let mut fault = None;
    reader.scan(after, upto, &mut |seq, record| {
        match event_of(seq, record) {
            Ok(event) => events.extend(event),
            Err(error) => fault = Some(error),
        }
        if fault.is_some() || events.len() >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    fault.map_or(Ok(events), Err)
}
