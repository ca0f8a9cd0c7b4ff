//! What the daemon's program tells of itself while no daemon runs, as when it refuses its settings: the answers that a daemon
//! would give.

use std::process::{Command, Stdio};

use agentd_proto::rendezvous::HOME_VARIABLE;
use prost::Message;

use crate::{context::Context, ui::text};

/// The option of the daemon's program that answers.
const TELL: &str = "--tell";

/// Asks for `rules` or `settings`; nothing if there is no program, or one that does not know the question.
#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; it prints and ends")]
pub(crate) fn ask<M: Message + Default>(context: &Context<'_>, what: &str) -> Option<M> {
    let starter = context.starter().ok()?;
    let mut program = Command::new(starter.find().ok()?);
    program.args([TELL, what]).env(HOME_VARIABLE, &starter.state_dir).stdin(Stdio::null());
    let output = program.output().ok().filter(|output| output.status.success())?;
    let answer = M::decode(output.stdout.as_slice()).ok()?;
    context.ui.note("agentd is not running; this is what its program says");
    let said = String::from_utf8_lossy(&output.stderr);
    if !said.trim().is_empty() {
        context.ui.warn(&text::clean(said.trim()));
    }
    Some(answer)
}
