//! Does nothing, and so measures the way there and back.

use bytes::Bytes;

use crate::{PayloadRef, StepFault, StepOutput};

pub(super) async fn run() -> Result<StepOutput, StepFault> {
    Ok(StepOutput {
        summary: agentd_base::Text::new("nothing was asked for and nothing was done"),
        output: PayloadRef::Inline(Bytes::new()),
        documents: Vec::new(),
    })
}
