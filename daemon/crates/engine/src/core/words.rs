//! The words between the books and their surroundings: what may be asked and answered, and what is to be done.

use std::sync::Arc;

use agentd_agents::{Assignment, StepFault};
use agentd_base::{AgentId, AttemptKey, ErrorClass, MonoMs, Seq, TaskId, Text, WallMs};
use agentd_journal::Record;

use crate::{
    Error,
    record::{DocumentRecord, Entry},
    roster::OverloadLimits,
    view::{ListQuery, Submit, Submitted, TaskState, TaskView},
};

/// Names a caller who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token(pub u64);

/// Both clocks, read once for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub wall: WallMs,
    pub mono: MonoMs,
}

/// Numbers that rule the engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Open tasks.
    pub max_tasks: usize,
    /// Log bytes after which a new segment begins.
    pub segment_bytes: u64,
    /// When an agent counts as overloaded.
    pub overload: OverloadLimits,
}

/// An answer to one caller.
#[derive(Debug)]
pub(crate) enum Answer {
    Submitted(Result<Submitted, Error>),
    Cancelled(Result<TaskState, Error>),
    /// Of the task that was asked for.
    Task(TaskId, Result<Box<TaskView>, Error>),
    /// What a query asked for, and the query.
    List(Box<ListQuery>, Vec<TaskView>),
    /// A document by its task and name; `None`: ask the index.
    Document(TaskId, String, Option<Result<DocumentRecord, Error>>),
    Drained(u32),
}

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Tell a caller.
    Answer(Token, Answer),
    /// Give an attempt to an agent.
    Assign(AgentId, Box<Assignment>),
    /// Ask an agent to stop an attempt.
    Stop(AgentId, AttemptKey),
    /// Answer an agent that wants to change the world.
    Granted(Token, Result<(), StepFault>),
    /// Tell watchers. It becomes an event only if somebody watches.
    Publish(Seq, Arc<Record>),
    /// Look a key up in the index, then call [`Core::key_found`].
    FindKey(Token, TaskId, Box<Submit>),
    /// A task ended: put it into the index.
    Index(Box<TaskView>, Option<Text<128>>, Vec<u8>, Seq),
}

/// Whether new work is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    Serving,
    Stopping,
    ReadOnly(String),
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub submitted: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub refused: u64,
    pub attempts: u64,
    pub replaced_agents: u64,
    pub recovered_steps: u64,
    pub recovered_tasks: u64,
    pub records: u64,
    /// Attempts that failed and were tried again.
    pub retries: u64,
    /// Steps given up with class `poison`.
    pub quarantined: u64,
    /// Attempts that failed, in the order of [`ErrorClass::ALL`].
    pub errors: [u64; ErrorClass::ALL.len()],
}

impl Counters {
    /// Counts what a new record says about faults.
    pub(crate) fn note(&mut self, entry: &Entry) {
        let Entry::Failed(failed) = entry else { return };
        self.retries += u64::from(failed.retry_in_ms.is_some());
        let place = ErrorClass::ALL.iter().position(|class| class.name() == failed.class);
        if let Some(count) = place.and_then(|place| self.errors.get_mut(place)) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_attempts_are_counted_by_class_and_by_what_follows() {
        let failed = |class: ErrorClass, retry_in_ms| {
            Entry::Failed(crate::record::Failed { class: class.name().to_owned(), retry_in_ms, ..Default::default() })
        };
        let mut counters = Counters::default();
        counters.note(&failed(ErrorClass::Disk, Some(0)));
        counters.note(&failed(ErrorClass::Disk, None));
        counters.note(&failed(ErrorClass::Poison, None));
        counters.note(&Entry::Suspended(crate::record::Suspended::default()));
        let of = |class| ErrorClass::ALL.iter().position(|known| *known == class).map(|at| counters.errors[at]);
        assert_eq!((of(ErrorClass::Disk), of(ErrorClass::Poison), of(ErrorClass::Busy)), (Some(2), Some(1), Some(0)));
        assert_eq!(counters.retries, 1);
    }
}
