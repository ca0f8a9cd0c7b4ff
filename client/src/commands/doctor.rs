//! `agentd-cli doctor`: what could keep agentd from working well, and what to do about it.

use std::path::PathBuf;

use agentd_proto::{codes::Exit, v1::Verdict};
use clap::Args;

use crate::{context::Context, doctor, error::Error, shape::DoctorShape};

const EXAMPLES: &str = "Examples:
  agentd-cli doctor
  agentd-cli doctor --start --workspace ~/src/app
  agentd-cli doctor --json | jq '.checks[] | select(.verdict == \"failed\")'

✓ well, ! works but worse than it could, ✗ failed, ? not known, - nothing to look at. Below a line stand what to do and the \
command for it. Changes nothing, and starts no daemon unless --start is given; without one it looks at what needs none. \
Exit code 1 if anything failed, else 0. With --json: {verdict, counts, client_version, daemon_version, checks: [{group, name, \
verdict, found, remedy, command, figures}], threads}.";

/// Look for what keeps agentd from working well, and say what to do
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Start a daemon if none runs, to have it examined too
    #[arg(long, overrides_with = "no_start")]
    start: bool,
    /// Start none (the default)
    #[arg(long)]
    no_start: bool,
    /// Folder whose languages' tools are looked for [default: the current folder]
    #[arg(long, short, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
}

/// Looks.
///
/// # Errors
/// [`Error::Output`]; whatever else goes wrong is a finding.
pub async fn run(context: &Context<'_>, args: DoctorArgs) -> Result<Exit, Error> {
    let workspace = args.workspace.or_else(|| std::env::current_dir().ok()).unwrap_or_else(|| PathBuf::from("."));
    let findings = Box::pin(doctor::examine(context, &workspace, args.start && !args.no_start)).await;
    let exit = if findings.verdict() == Verdict::Failed { Exit::TaskFailed } else { Exit::Success };
    if context.ui.json {
        context.ui.object(&DoctorShape::from(findings))?;
    } else {
        context.ui.data(&doctor::page(&findings, context.ui.out.paint, context.ui.out.width))?;
    }
    Ok(exit)
}
