//! One attempt from its letter to its report: the step's future, guarded against panics, cancellation and its time limit.

use std::{
    future::{Future as _, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::Instant,
};

use agentd_base::ErrorClass;
use futures_util::FutureExt;
use tracing::Instrument;

use super::Panicked;
use crate::{
    Report, StepCtx, StepFault, StepOutput,
    around::{Letter, Surroundings},
    ctx::Steps,
    panic_words,
    pieces::Board,
    state::AgentState,
};

/// Runs the attempt and reports how it ended.
pub(super) async fn run(
    letter: Letter,
    state: Arc<AgentState>,
    board: Arc<Board>,
    around: Arc<Surroundings>,
    steps: Arc<dyn Steps>,
) -> Panicked {
    let began = Instant::now();
    let key = letter.assignment.key;
    let span = tracing::debug_span!("step", attempt = %key, step = %letter.assignment.step);
    let ctx = StepCtx::new(letter, Arc::clone(&state), board, Arc::clone(&around));
    // Around everything: a step that was cut off may still panic while it is dropped.
    let ended = {
        let mut guarded = pin!(AssertUnwindSafe(bounded(&ctx, &*steps)).catch_unwind().instrument(span));
        // A fault that kills the process is blamed on the step that this thread was in.
        let note = key.to_string();
        poll_fn(|waker| agentd_host::noted(&note, || guarded.as_mut().poll(waker))).await
    };
    let panicked = ended.is_err();
    let result = ended.unwrap_or_else(|panic| Err(internal(&ctx, &panic_words(&*panic))));
    drop(ctx);
    // The slot is free before the engine hears of it, so that it can be used at once.
    state.leave(key);
    if state.retired.is_cancelled() {
        return panicked;
    }
    let report = Report::Finished {
        agent: state.who.agent,
        generation: state.who.generation,
        key,
        result,
        took: began.elapsed(),
    };
    tokio::select! {
        biased;
        _ = around.reports.send(report) => {}
        () = around.closing.cancelled() => {}
        () = state.retired.cancelled() => {}
    }
    panicked
}

/// The step until its end, a stop or its limit. Between an intent and its effect nothing is cut off:
/// `StepCtx::interrupted` waits for the end of that window.
async fn bounded(ctx: &StepCtx, steps: &dyn Steps) -> Result<StepOutput, StepFault> {
    tokio::select! {
        biased;
        result = steps.run(ctx) => result,
        fault = ctx.interrupted() => Err(fault),
    }
}

fn internal(ctx: &StepCtx, words: &str) -> StepFault {
    let message = format!("step `{}` panicked: {words}; this is a fault of agentd", ctx.step());
    tracing::error!(attempt = %ctx.key(), message);
    StepFault::new(ErrorClass::Internal, message)
}
