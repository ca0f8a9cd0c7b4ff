//! Acting on the world: the intent is durable before the effect, and nothing cuts in between.

use std::cell::Cell;

use agentd_base::{EffectIntent, EffectToken, ErrorClass};
use tokio::sync::{Notify, oneshot};

use super::StepCtx;
use crate::{Report, StepFault};

/// Counts intents whose effects have not been told yet. Lives on one thread.
#[derive(Debug, Default)]
pub(super) struct Window {
    open: Cell<usize>,
    changed: Notify,
}

impl Window {
    fn open(&self) {
        self.open.set(self.open.get() + 1);
    }

    fn close(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.changed.notify_one();
    }

    /// Ends when no window is open. One waiter.
    pub(super) async fn closed(&self) {
        while self.open.get() > 0 {
            self.changed.notified().await;
        }
    }
}

fn engine_gone() -> StepFault {
    StepFault::new(ErrorClass::Unavailable, "agentd is stopping; the step starts again with the next start")
}

impl StepCtx {
    /// Asks for leave to change the world; returns when the intent is durable. Hand the token to the function that makes the
    /// change, then tell [`effected`](Self::effected). Until then the step is neither cancelled nor timed out.
    ///
    /// # Errors
    /// `Cancelled` if the attempt was stopped before; the reason why it may not; `Unavailable` if the daemon is stopping.
    pub async fn effect(&self, intent: EffectIntent) -> Result<EffectToken, StepFault> {
        if self.is_cancelled() {
            return Err(StepFault::new(
                ErrorClass::Cancelled,
                format!("step `{}` was stopped on request", self.step()),
            ));
        }
        if self.state.retired.is_cancelled() {
            return Err(StepFault::new(ErrorClass::Unavailable, "the agent was replaced"));
        }
        let place = self.around.reports.reserve().await.map_err(|_| engine_gone())?;
        let (granted, answer) = oneshot::channel();
        self.window.open();
        let (agent, generation, key) = (self.state.who.agent, self.state.who.generation, self.key());
        place.send(Report::Intent { agent, generation, key, intent: intent.clone(), granted });
        let answer = answer.await.map_err(|_| engine_gone()).and_then(|answer| answer);
        if let Err(fault) = answer {
            self.window.close();
            return Err(fault);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that grants: the engine has said that the intent is durable"
        )]
        Ok(EffectToken::granted(self.key(), intent))
    }

    /// Tells that an effect that was granted has happened.
    pub async fn effected(&self, intent: EffectIntent) {
        let (agent, generation, key) = (self.state.who.agent, self.state.who.generation, self.key());
        tokio::select! {
            biased;
            _ = self.around.reports.send(Report::Effected { agent, generation, key, intent }) => {}
            () = self.around.closing.cancelled() => {}
        }
        self.window.close();
    }
}
