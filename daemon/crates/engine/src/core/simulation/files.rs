//! What the world holds besides the daemon: results, files, and an index that is as ignorant as the real one.

use std::collections::{HashMap, HashSet};

use agentd_agents::{Document, PayloadRef, StepOutput};
use agentd_base::{ContentHash, EffectIntent, Seq, TaskId, Text};
use bytes::Bytes;

use super::Stats;
use crate::{
    core::Known,
    replay::{Found, finished_tasks},
};

pub(super) fn output() -> StepOutput {
    StepOutput {
        summary: Text::new("done"),
        output: PayloadRef::Inline(Bytes::from_static(b"{}")),
        documents: vec![Document {
            name: Text::new("a.md"),
            media_type: Text::new("text/markdown"),
            content: PayloadRef::Inline(Bytes::from_static(b"a")),
        }],
    }
}

pub(super) fn intent_of(task: TaskId) -> EffectIntent {
    let after = ContentHash::of(task.to_string().as_bytes());
    EffectIntent::WriteFile { path: format!("tasks/{task}/report.md").into(), before: None, after }
}

pub(super) fn is_written(files: &HashMap<String, (ContentHash, u32)>, intent: &EffectIntent) -> bool {
    let EffectIntent::WriteFile { path, after, .. } = intent;
    files.get(&path.display().to_string()).is_some_and(|(hash, _)| hash == after)
}

pub(super) fn write_file(files: &mut HashMap<String, (ContentHash, u32)>, stats: &mut Stats, intent: &EffectIntent) {
    let EffectIntent::WriteFile { path, after, .. } = intent;
    let file = files.entry(path.display().to_string()).or_insert((*after, 0));
    *file = (*after, file.1 + 1);
    stats.effects += 1;
}

/// The index of this world. It reads the log when it is opened; afterwards it knows only what it is told.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: HashMap<Text<128>, Known>,
    tasks: HashSet<TaskId>,
}

impl Index {
    pub(super) fn open(reader: &agentd_journal::Reader) -> Self {
        let mut index = Self::default();
        let mut take = |piece: Found| {
            if let Found::Task(task) = piece {
                index.add(&(task.id, task.key.clone(), task.fingerprint.clone(), task.first()));
            }
        };
        finished_tasks(reader, (Seq(0), reader.durable()), None, &mut take).expect("the log can be read");
        index
    }

    pub(super) fn add(&mut self, (task, key, fingerprint, first): &Ending) {
        self.tasks.insert(*task);
        if let Some(key) = key {
            let known = Known { task: *task, fingerprint: fingerprint.clone(), first: *first };
            self.keys.insert(key.clone(), known);
        }
    }

    pub(super) fn find_key(&self, key: &str) -> Option<Known> {
        self.keys.get(&Text::new(key)).cloned()
    }

    pub(super) fn has(&self, task: TaskId) -> bool {
        self.tasks.contains(&task)
    }
}

/// A finished task on its way into the index.
pub(super) type Ending = (TaskId, Option<Text<128>>, Vec<u8>, Seq);
