//! Waits until the attempt's time is over, without computing.

use agentd_base::Text;
use bytes::Bytes;

use crate::{PayloadRef, StepCtx, StepFault, StepOutput};

pub(super) async fn run(ctx: &StepCtx) -> Result<StepOutput, StepFault> {
    // The attempt's own limit ends at the same moment; the step is asked first, so it wins.
    tokio::time::sleep_until(ctx.deadline()).await;
    let summary = Text::new(format!("waited for {} ms", ctx.limit().as_millis()));
    Ok(StepOutput { summary, output: PayloadRef::Inline(Bytes::new()), documents: Vec::new() })
}
