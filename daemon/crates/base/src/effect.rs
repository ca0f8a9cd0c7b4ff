//! Effects: changes outside the daemon. The intent is durable before the change happens, and the change asks for proof.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{AttemptKey, ContentHash};

/// What is about to be changed, with what recovery needs to ask the world whether it happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectIntent {
    /// A file's whole content becomes `after`.
    WriteFile {
        /// Path relative to the state folder.
        path: PathBuf,
        /// Content before; `None`: there was no file.
        before: Option<ContentHash>,
        /// Content afterwards.
        after: ContentHash,
    },
}

/// Proof that an intent is durable. Functions that change the world demand one, by value, so that it serves once.
#[derive(Debug)]
pub struct EffectToken {
    attempt: AttemptKey,
    intent: EffectIntent,
}

impl EffectToken {
    /// Grants the proof. Only `StepCtx` may call this, once the journal has said that the intent is durable;
    /// clippy holds that.
    #[must_use]
    pub const fn granted(attempt: AttemptKey, intent: EffectIntent) -> Self {
        Self { attempt, intent }
    }

    /// Who may act.
    #[must_use]
    pub const fn attempt(&self) -> AttemptKey {
        self.attempt
    }

    /// What exactly may be done.
    #[must_use]
    pub const fn intent(&self) -> &EffectIntent {
        &self.intent
    }
}
