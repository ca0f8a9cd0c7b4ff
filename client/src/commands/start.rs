//! `agentd-cli start`: starts the daemon unless one runs.

use agentd_proto::{codes::Exit, v1::Health};
use clap::Args;

use crate::{context::Context, error::Error, shape::StartShape};

const EXAMPLES: &str = "Examples:
  agentd-cli start
  agentd-cli --daemon ./target/release/agentd start

Returns when the daemon answers; it is no fault if one runs already. An installed service is started by its manager. If its journal cannot be written, it runs read-only: \
that is said, with exit code 4. The program is --daemon, else `agentd` beside this \
one, else on PATH. What it says until its own log is open goes to logs/agentd.start.log in the state folder.
With --json: {started, pid, version, socket}.";

/// Start the daemon unless one runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StartArgs {}

/// Starts.
///
/// # Errors
/// [`Error::ReadOnly`], [`Error::Call`], and those of connecting and starting.
pub async fn run(context: &Context<'_>, _: StartArgs) -> Result<Exit, Error> {
    let (connection, started) = context.connect_or_start().await?;
    let status = connection.status().await?;
    let (pid, version) = (status.pid, connection.daemon.version);
    if context.ui.json {
        let socket = context.dial()?.socket.display().to_string();
        context.ui.object(&StartShape { started, pid, version, socket })?;
    } else if started {
        context.say_started(pid);
    } else {
        context.ui.note(&format!("agentd {version} runs already (pid {pid})"));
    }
    if status.health() == Health::ReadOnly {
        return Err(Error::ReadOnly { pid, reasons: status.reasons, recovers: status.recovers });
    }
    Ok(Exit::Success)
}
