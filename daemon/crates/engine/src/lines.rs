//! Live lines to watchers, as the engine holds them. A watcher that is too slow loses its line and reads the disk again, so
//! it costs bounded memory and never slows the writer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use agentd_base::{Seq, TaskId};
use tokio::sync::mpsc;

use crate::view::{EventKind, EventView, ProgressView, WatchItem, WatchQuery};

/// Live items that a watcher may be behind before it is sent back to the disk.
const BEHIND: usize = 256;

/// Room that live progress leaves for events.
const FOR_EVENTS: usize = 64;

/// One watcher, as the engine sees it.
#[derive(Debug)]
struct Line {
    sender: mpsc::Sender<WatchItem>,
    lagged: Arc<AtomicBool>,
    progress: bool,
}

/// A watcher's live line.
#[derive(Debug)]
pub(crate) struct Live {
    pub items: mpsc::Receiver<WatchItem>,
    lagged: Arc<AtomicBool>,
}

impl Live {
    /// Whether the line was cut because the watcher was too slow.
    pub(crate) fn was_cut(&self) -> bool {
        self.lagged.load(Ordering::Relaxed)
    }
}

/// All live lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    of_task: HashMap<TaskId, Vec<Line>>,
    of_all: Vec<Line>,
}

impl Lines {
    /// Opens a live line.
    pub(crate) fn open(&mut self, query: &WatchQuery) -> Live {
        let (sender, items) = mpsc::channel(BEHIND);
        let lagged = Arc::new(AtomicBool::new(false));
        let line = Line { sender, lagged: Arc::clone(&lagged), progress: query.progress };
        match query.task {
            Some(task) => self.of_task.entry(task).or_default().push(line),
            None => self.of_all.push(line),
        }
        Live { items, lagged }
    }

    /// Whether anybody watches this task, or all.
    pub(crate) fn wants(&self, task: TaskId) -> bool {
        !self.of_all.is_empty() || self.of_task.contains_key(&task)
    }

    /// Sends an event to everyone who watches its task; the last one of a task closes its lines.
    pub(crate) fn publish(&mut self, event: &Arc<EventView>) {
        let send = |line: &mut Line| {
            let kept = line.sender.try_send(WatchItem::Event(Arc::clone(event))).is_ok();
            if !kept {
                line.lagged.store(true, Ordering::Relaxed);
            }
            kept
        };
        self.of_all.retain_mut(send);
        if let Some(lines) = self.of_task.get_mut(&event.task) {
            lines.retain_mut(send);
            if lines.is_empty() || matches!(event.what, EventKind::Ended { .. }) {
                self.of_task.remove(&event.task);
            }
        }
    }

    /// Sends live progress to those who want it and have room.
    pub(crate) fn progress(&self, progress: ProgressView) {
        let lines = self.of_task.get(&progress.task).map(Vec::as_slice).unwrap_or_default();
        let progress = Arc::new(progress);
        for line in self.of_all.iter().chain(lines) {
            if line.progress && line.sender.capacity() > FOR_EVENTS {
                // A full line means that the watcher is behind: progress is what it can do without.
                let _ = line.sender.try_send(WatchItem::Progress(Arc::clone(&progress)));
            }
        }
    }

    /// Watchers now; those that have gone and were not swept yet do not count.
    pub(crate) fn count(&self) -> usize {
        let all = self.of_all.iter().chain(self.of_task.values().flatten());
        all.filter(|line| !line.sender.is_closed()).count()
    }

    /// Forgets lines whose watcher has gone.
    pub(crate) fn sweep(&mut self) {
        self.of_all.retain(|line| !line.sender.is_closed());
        self.of_task.retain(|_, lines| {
            lines.retain(|line| !line.sender.is_closed());
            !lines.is_empty()
        });
    }
}

/// What a watcher begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// Events that memory has.
    pub events: Vec<Arc<EventView>>,
    /// The log has what lies between the cursor and here.
    pub log_upto: Option<Seq>,
    /// What comes after; `None`: nothing will.
    pub live: Option<Live>,
}
