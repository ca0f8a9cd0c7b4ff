//! Names of things: tasks, steps, attempts, agents, journal positions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A task's name: a ULID, so that names sort by the time of submission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId(u128);

impl TaskId {
    /// Makes a name from the wall clock (milliseconds since 1970, 48 bits used) and 80 random bits.
    #[must_use]
    pub const fn from_parts(wall_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(wall_ms, random).0)
    }

    /// A name that sorts behind `newest`: this one, or the one right after `newest` if that was made in the same
    /// millisecond or by a clock that has gone back since.
    #[must_use]
    pub const fn after(self, newest: Self) -> Self {
        if self.0 > newest.0 { self } else { Self(newest.0.saturating_add(1)) }
    }

    /// When it was made: milliseconds since 1970, by the clock of whoever made it.
    #[must_use]
    pub const fn wall_ms(self) -> u64 {
        Ulid(self.0).timestamp_ms()
    }

    /// The 16 bytes under which the journal knows the task, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The task that [`to_bytes`](Self::to_bytes) came from.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ulid(self.0).fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Ulid::from_string(text).map(|ulid| Self(ulid.0)).map_err(|_| IdError)
    }
}

/// The text is no task id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a task id has 26 characters, digits and capital letters, as `agentd-cli list` prints it")
    }
}

impl std::error::Error for IdError {}

/// A step's place in its task's graph, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId(pub u16);

impl StepId {
    /// The place as an index into the graph's steps.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One try of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The task.
    pub task: TaskId,
    /// The step in its graph.
    pub step: StepId,
    /// Counts tries of the step from 1.
    pub attempt: u32,
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.task, self.step.0, self.attempt)
    }
}

impl FromStr for AttemptKey {
    type Err = IdError;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (task, rest) = text.split_once('/').ok_or(IdError)?;
        let (step, attempt) = rest.split_once('#').ok_or(IdError)?;
        let step = StepId(step.parse().map_err(|_| IdError)?);
        Ok(Self { task: task.parse()?, step, attempt: attempt.parse().map_err(|_| IdError)? })
    }
}

/// One of the twelve agents, 0 to 11, in the order of [`Role::ALL`](crate::Role::ALL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentId(pub u8);

/// A journal record's number, from 1 without gaps; as a cursor: everything up to and with it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// The record after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_survive_text_and_bytes_and_sort_by_time() {
        let early = TaskId::from_parts(1_000, u128::MAX);
        let late = TaskId::from_parts(1_001, 0);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(TaskId::from_bytes(late.to_bytes()), late);
        assert_eq!("not an id".parse::<TaskId>(), Err(IdError));
        let key = AttemptKey { task: late, step: StepId(7), attempt: 3 };
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("x/7".parse::<AttemptKey>(), Err(IdError));
    }

    #[test]
    fn names_of_one_millisecond_sort_in_the_order_of_their_making() {
        let (first, drawn, later) = (TaskId::from_parts(7, 9), TaskId::from_parts(7, 3), TaskId::from_parts(8, 0));
        assert_eq!(drawn.after(first), TaskId::from_parts(7, 10));
        assert_eq!(first.after(first), TaskId::from_parts(7, 10));
        assert_eq!(later.after(first), later);
        assert_eq!(first.after(later), TaskId::from_parts(8, 1), "the clock may go back");
    }
}
