//! The book of what was acknowledged and shown, and how the world compares with it.

use std::{collections::BTreeMap, sync::Arc};

use agentd_base::{ErrorClass, Rng, Seq, TaskId};

use super::world::World;
use crate::{
    events::event_of,
    view::{EventKind, EventView, TaskState},
};

impl World {
    /// Everything that was shown is still there, unchanged; every acknowledged task is.
    pub(super) fn compare_with_book(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        let reader = daemon.log.reader();
        let mut found: BTreeMap<Seq, Arc<EventView>> = BTreeMap::new();
        reader
            .scan(Seq(0), reader.durable(), &mut |seq, record| {
                let event = event_of(seq, record).expect("a durable record can be read");
                found.extend(event.map(|event| (seq, event)));
                std::ops::ControlFlow::Continue(())
            })
            .expect("the log can be read");
        for (seq, event) in &self.shown {
            assert_eq!(found.get(seq), Some(event), "event {seq} was shown and is no longer there");
        }
        let submitted = |event: &&Arc<EventView>| matches!(event.what, EventKind::Submitted { .. });
        let tasks: Vec<TaskId> = found.values().filter(submitted).map(|event| event.task).collect();
        for (key, task) in &self.requests {
            let Some(task) = task else { continue };
            let count = tasks.iter().filter(|found| *found == task).count();
            assert_eq!(count, 1, "task {task} was acknowledged for {key} and is there {count} times");
        }
        // What is on disk now may be shown to any watcher from now on, also if the crash came before it was.
        self.shown.extend(found);
    }

    /// Works without faults until nothing is open.
    pub(super) fn finish_everything(&mut self, rng: &mut Rng, seed: u64) {
        self.run_until_quiet(rng).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        self.compare_with_book();
        let acknowledged: Vec<TaskId> = self.requests.values().flatten().copied().collect();
        for task in acknowledged {
            let events: Vec<_> =
                self.shown.values().filter(|event| event.task == task).map(|event| &event.what).collect();
            assert!(
                self.is_over(task),
                "seed {seed}: task {task} was acknowledged and has not ended once: {events:#?}"
            );
        }
        for (path, (_, writes)) in &self.files {
            assert_eq!(*writes, 1, "seed {seed}: {path} was written {writes} times");
        }
    }

    pub(super) fn is_over(&self, task: TaskId) -> bool {
        let over = |event: &Arc<EventView>| event.task == task && matches!(event.what, EventKind::Ended { .. });
        self.shown.values().filter(|event| over(event)).count() == 1
    }

    /// Why a task failed, by the words of its end.
    pub(super) fn failure_class(&self, task: TaskId) -> Option<ErrorClass> {
        self.shown.values().find_map(|event| match &event.what {
            EventKind::Ended { state: TaskState::Failed, summary, .. } if event.task == task => {
                Some(if summary.contains("the daemon died") { ErrorClass::Poison } else { ErrorClass::Internal })
            }
            _ => None,
        })
    }
}
