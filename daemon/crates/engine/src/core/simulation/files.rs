//! What the world holds besides the daemon: results, files, and the search of a key in the whole log.

use std::collections::HashMap;

use agentd_agents::{PayloadRef, StepOutput};
use agentd_base::{ContentHash, EffectIntent, Seq, TaskId, Text};
use bytes::Bytes;

use super::Stats;
use crate::task::Task;

pub(super) fn output() -> StepOutput {
    StepOutput {
        summary: Text::new("done"),
        output: PayloadRef::Inline(Bytes::from_static(b"{}")),
        documents: Vec::new(),
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

pub(super) fn find_key(reader: &agentd_journal::Reader, key: &str) -> Option<crate::core::Known> {
    let mut found = None;
    let mut take = |task: Task| {
        if task.key.as_deref() == Some(key) {
            found =
                Some(crate::core::Known { task: task.id, fingerprint: task.fingerprint.clone(), first: task.first() });
        }
    };
    crate::replay::finished_tasks(reader, (Seq(0), reader.durable()), None, &mut take).expect("the log can be read");
    found
}
