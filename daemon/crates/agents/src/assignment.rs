//! What goes to an agent and what comes back: the only words between the engine and the twelve.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_base::{AgentId, AttemptKey, ContentHash, EffectIntent, ErrorClass, TaskId, Text, WallMs};
use agentd_workflow::Action;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

/// Payloads up to this many bytes travel and are journalled whole; larger ones are stored by their hash.
pub const INLINE_LIMIT: usize = 4 * 1024;

/// A step's bytes, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadRef {
    /// At most [`INLINE_LIMIT`] bytes.
    Inline(Bytes),
    /// Stored durably under their hash.
    Stored {
        /// BLAKE3 of the content.
        hash: ContentHash,
        /// Length of the content in bytes.
        len: u64,
    },
}

impl PayloadRef {
    /// Length of the content in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Stored { len, .. } => *len,
        }
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What every step of a task may know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// The task.
    pub id: TaskId,
    /// What the user asked for.
    pub request: Text<32768>,
    /// The folder that the task is about; `None` for workflows that need none.
    pub workspace: Option<PathBuf>,
    /// PATH of the terminal that submitted; children search it.
    pub path: Option<String>,
    /// Nobody waits: scattered work stays on one agent.
    pub quiet: bool,
    /// When it was submitted.
    pub submitted: WallMs,
}

/// The output of a step that this one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInput {
    /// Name of the step that made it.
    pub step: Text<64>,
    /// What it made.
    pub output: PayloadRef,
}

/// One attempt of one step, for one agent.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Which attempt.
    pub key: AttemptKey,
    /// Name of the step, e.g. `survey`.
    pub step: Text<64>,
    /// What to do.
    pub action: Action,
    /// About what.
    pub task: Arc<TaskInfo>,
    /// Outputs of the steps that this one needs, in the order of its needs.
    pub inputs: Vec<StepInput>,
    /// Longest time of the attempt, time asleep not counted.
    pub limit: Duration,
    /// Effects that an earlier attempt meant to have and whose end is not known: ask the world before repeating one.
    pub unfinished: Vec<EffectIntent>,
    /// The step may have silenced an agent: beside it the agent computes nothing for others.
    pub apart: bool,
}

/// A result that a user can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// E.g. `report.md`.
    pub name: Text<64>,
    /// E.g. `text/markdown`.
    pub media_type: Text<64>,
    /// The content.
    pub content: PayloadRef,
}

/// What a step made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutput {
    /// One line for people, e.g. `1,480 files, 17.4 MB`.
    pub summary: Text<256>,
    /// For the steps that need this one.
    pub output: PayloadRef,
    /// For the user.
    pub documents: Vec<Document>,
}

/// Why an attempt ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepFault {
    /// Decides whether another attempt makes sense. `Cancelled`: it was stopped as asked.
    pub class: ErrorClass,
    /// What, which, and what to do.
    pub message: Text<1024>,
}

impl StepFault {
    /// A fault of a class, in words.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: Text::new(message) }
    }
}

/// What an agent tells the engine.
#[derive(Debug)]
pub enum Report {
    /// An attempt ended.
    Finished {
        /// Who.
        agent: AgentId,
        /// Which thread of this agent; reports of an older one are dropped.
        generation: u32,
        /// Which attempt.
        key: AttemptKey,
        /// What came of it.
        result: Result<StepOutput, StepFault>,
        /// Wall time of the attempt.
        took: Duration,
    },
    /// The agent wants to change the world; answered once the intent is durable, or with the reason why it may not.
    Intent {
        /// Who.
        agent: AgentId,
        /// Which thread of this agent.
        generation: u32,
        /// For which attempt.
        key: AttemptKey,
        /// What exactly.
        intent: EffectIntent,
        /// The answer.
        granted: oneshot::Sender<Result<(), StepFault>>,
    },
    /// An effect that was granted has happened.
    Effected {
        /// Who.
        agent: AgentId,
        /// Which thread of this agent.
        generation: u32,
        /// For which attempt.
        key: AttemptKey,
        /// What exactly.
        intent: EffectIntent,
    },
    /// How far a step is; never stored, may be dropped.
    Progress {
        /// Which attempt.
        key: AttemptKey,
        /// Who.
        agent: AgentId,
        /// What is counted, e.g. `files`.
        unit: &'static str,
        /// So many are done.
        done: u64,
        /// Of so many; 0: not known.
        total: u64,
        /// Bytes of source that are done.
        bytes_done: u64,
        /// Of so many; 0: they are not counted.
        bytes_total: u64,
    },
}

/// What agents need from the rest of the daemon and may not do themselves: durable payloads, and a thread that may block
/// on files. Implemented by the engine.
pub trait Outside: Send + Sync + 'static {
    /// Stores `content` durably; the answer comes when it is on disk.
    fn put(&self, content: Bytes) -> BoxFuture<'static, Result<ContentHash, StepFault>>;
    /// Reads stored content back, checked against its hash.
    fn get(&self, hash: ContentHash) -> BoxFuture<'static, Result<Bytes, StepFault>>;
    /// Leaves `job` to the io thread, for which nobody waits. Without room for it there it is dropped here.
    fn leave(&self, job: Box<dyn FnOnce() + Send>);
    /// Runs `job` on the io thread; the answer comes when it ran.
    fn on_io(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, Result<(), StepFault>>;
}
