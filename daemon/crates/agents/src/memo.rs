//! Values that steps made, for the steps of the same task that come next in this process: they need not be read back and
//! decoded. Never the truth: a value is found by the name of the durable output that it goes with, and may be missing.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentd_base::{ContentHash, TaskId};

use crate::PayloadRef;

/// Tasks whose values are kept at once, the newest ones: it bounds memory, and what is not kept is decoded.
const TASKS: usize = 2;

/// Which output, seen as what.
type Name = (ContentHash, TypeId);

type Values = HashMap<Name, Arc<dyn Any + Send + Sync>>;

/// The values of the tasks that had one last, the newest task last.
#[derive(Default)]
pub(crate) struct Memo(Mutex<VecDeque<(TaskId, Values)>>);

impl Memo {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(TaskId, Values)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a value that goes with an output of the task.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, task: TaskId, output: &PayloadRef, value: Arc<T>) {
        let name = (name(output), TypeId::of::<T>());
        let mut tasks = self.lock();
        let mut values = take(&mut tasks, task).unwrap_or_default();
        values.insert(name, value);
        tasks.push_back((task, values));
        let dropped = if tasks.len() > TASKS { tasks.pop_front() } else { None };
        drop(tasks);
        // It may be large, and nobody waits for that but who keeps something.
        drop(dropped);
    }

    /// The value of this type that goes with an output of the task.
    pub(crate) fn get<T: Send + Sync + 'static>(&self, task: TaskId, output: &PayloadRef) -> Option<Arc<T>> {
        let name = (name(output), TypeId::of::<T>());
        let tasks = self.lock();
        let (_, values) = tasks.iter().find(|(of, _)| *of == task)?;
        Arc::clone(values.get(&name)?).downcast().ok()
    }

    /// The task has made use of its values: they are the caller's, to let go of them where nobody waits for that.
    pub(crate) fn take(&self, task: TaskId) -> impl Send + 'static {
        take(&mut self.lock(), task)
    }

    /// Nothing is going on.
    pub(crate) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.lock());
        drop(dropped);
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memo").field("tasks", &self.lock().len()).finish()
    }
}

fn take(tasks: &mut VecDeque<(TaskId, Values)>, task: TaskId) -> Option<Values> {
    let place = tasks.iter().position(|(of, _)| *of == task)?;
    tasks.remove(place).map(|(_, values)| values)
}

fn name(output: &PayloadRef) -> ContentHash {
    match output {
        PayloadRef::Inline(bytes) => ContentHash::of(bytes),
        PayloadRef::Stored { hash, .. } => *hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(content: &'static str) -> PayloadRef {
        PayloadRef::Inline(content.into())
    }

    #[test]
    fn a_value_is_found_by_task_output_and_type() {
        let memo = Memo::default();
        let (task, other) = (TaskId::from_parts(1, 1), TaskId::from_parts(1, 2));
        memo.keep(task, &output("a"), Arc::new(1_u32));
        memo.keep(task, &output("a"), Arc::new("word"));
        memo.keep(task, &output("b"), Arc::new(2_u32));
        let stored = PayloadRef::Stored { hash: ContentHash::of(b"a"), len: 1 };
        assert_eq!(memo.get::<u32>(task, &stored).as_deref(), Some(&1), "inline or stored, it is the same output");
        assert_eq!(memo.get::<&str>(task, &output("a")).as_deref(), Some(&"word"));
        assert_eq!(memo.get::<u32>(task, &output("b")).as_deref(), Some(&2));
        assert_eq!(memo.get::<u64>(task, &output("b")), None);
        assert_eq!(memo.get::<u32>(task, &output("c")), None);
        assert_eq!(memo.get::<u32>(other, &output("a")), None);
        drop(memo.take(task));
        assert_eq!(memo.get::<u32>(task, &output("a")), None);
    }

    #[test]
    fn only_the_newest_tasks_keep_their_values() {
        let memo = Memo::default();
        let task = |number| TaskId::from_parts(1, number);
        for number in 0..9 {
            memo.keep(task(0), &output("a"), Arc::new(0));
            memo.keep(task(number), &output("a"), Arc::new(number));
        }
        let kept: Vec<u128> = (0..9).filter(|number| memo.get::<u128>(task(*number), &output("a")).is_some()).collect();
        let first = memo.get::<i32>(task(0), &output("a")).is_some();
        assert_eq!((first, kept), (true, vec![0, 8]), "who kept something last stays");
        memo.clear();
        assert!(memo.get::<i32>(task(0), &output("a")).is_none());
    }
}
