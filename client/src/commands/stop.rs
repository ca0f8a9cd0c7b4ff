//! `agentd-cli stop`: stops the daemon in order and waits until it is gone.

use std::{path::PathBuf, time::Duration};

use agentd_proto::{codes::Exit, limits::MAX_GRACE_MS, v1::ShutdownRequest};
use clap::Args;
use tokio::time::{Instant, sleep};

use crate::{
    connect::within_limit, context::Context, error::Error, owner::Owner, retry::Pauses, shape::StopShape, ui::text,
};

/// How long the daemon may take beyond the grace of its steps.
const EXIT_LIMIT: Duration = Duration::from_secs(7);

const EXAMPLES: &str = "Examples:
  agentd-cli stop
  agentd-cli stop --grace 500ms

Takes no new tasks, gives running steps a moment, and suspends the rest; they go on after the next start. It is no fault \
if no daemon runs. One whose socket is gone is found by a lock that it holds, and gets SIGTERM (--grace does not \
count then). One that runs as a service is started again for the next client; `service stop` ends that too. With --json: {stopped, in_flight}; in_flight is null if it could not be asked.";

/// Stop the daemon; its tasks go on after the next start
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StopArgs {
    /// How long running steps may take to end by themselves, at most 3s
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = grace)]
    grace: Duration,
}

fn grace(text: &str) -> Result<Duration, String> {
    let most = Duration::from_millis(MAX_GRACE_MS.into());
    match humantime::parse_duration(text) {
        Ok(span) if span > most => Err("at most 3s are possible".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(format!("{error}; write a number and a unit, e.g. `500ms` or `2s`")),
    }
}

/// Stops.
///
/// # Errors
/// [`Error::Call`], [`Error::Failing`] if it does not end, [`Error::Signal`], and those of connecting.
pub async fn run(context: &Context<'_>, args: StopArgs) -> Result<Exit, Error> {
    let connection = match context.connect().await {
        Err(error) if error.is_absence() => {
            if context.ui.json {
                context.ui.object(&StopShape { stopped: false, in_flight: Some(0) })?;
            } else {
                context.ui.note("agentd is not running");
            }
            return Ok(Exit::Success);
        }
        // Only the lock's own socket: with another one the lock may be that of another daemon.
        Err(Error::Hidden { pid: Some(pid), socket, lock }) if socket.parent() == lock.parent() => {
            return stop_by_signal(context, pid, socket).await;
        }
        other => other?,
    };
    let status = connection.status().await?;
    // 0 means the default on the wire; the shortest grace is one millisecond.
    let grace_ms = u32::try_from(args.grace.as_millis()).unwrap_or(MAX_GRACE_MS).clamp(1, MAX_GRACE_MS);
    let answer = connection.daemon().shutdown(within_limit(ShutdownRequest { grace_ms })).await;
    let in_flight = answer.map_err(Error::call("stop agentd"))?.into_inner().in_flight;
    drop(connection);
    let held = status.started_by != "terminal";
    if held {
        wait_for_end(context, status.pid, args.grace + EXIT_LIMIT).await?;
    } else {
        wait_until_gone(context, args.grace + EXIT_LIMIT).await?;
    }
    if context.ui.json {
        context.ui.object(&StopShape { stopped: true, in_flight: Some(in_flight) })?;
    } else {
        let rest = match in_flight {
            0 => String::new(),
            steps => format!(
                "; {} in flight, what did not end goes on after the next start",
                text::things(steps.into(), "step was", "steps were")
            ),
        };
        context.ui.note(&format!("agentd stopped{rest}"));
        if held {
            context.ui.hint(&format!(
                "{} holds its socket and starts it again for the next client; to end that too: agentd-cli service stop",
                status.started_by
            ));
        }
    }
    Ok(Exit::Success)
}

/// Stops a daemon that cannot be asked because its socket is gone: its process number stands in a lock that it holds.
async fn stop_by_signal(context: &Context<'_>, pid: u32, socket: PathBuf) -> Result<Exit, Error> {
    let lock = context.lock()?;
    lock.terminate(pid)?;
    let where_not = socket.display();
    context.ui.note(&format!("agentd (pid {pid}) cannot be asked, nobody listens on {where_not}; sent it SIGTERM"));
    if !lock.is_freed_within(Duration::from_millis(MAX_GRACE_MS.into()) + EXIT_LIMIT).await {
        return Err(Error::Failing { socket, said: format!("process {pid} was told to stop, and has not ended") });
    }
    if context.ui.json {
        context.ui.object(&StopShape { stopped: true, in_flight: None })?;
    } else {
        context.ui.note("agentd stopped; what did not end goes on after the next start");
    }
    Ok(Exit::Success)
}

/// A daemon whose socket a manager holds is gone when another one, or nobody, holds its lock. Nobody may connect to find
/// out: that would start it again.
pub(crate) async fn wait_for_end(context: &Context<'_>, pid: u32, limit: Duration) -> Result<(), Error> {
    let lock = context.lock()?;
    let deadline = Instant::now() + limit;
    for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(100)) {
        if lock.owner() != Owner::Daemon(Some(pid)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            break;
        }
        sleep(pause).await;
    }
    let said = format!("process {pid} was told to stop, and has not ended");
    Err(Error::Failing { socket: context.dial()?.socket, said })
}

/// A daemon that ends in order removes its socket, and at the very end lets go of the lock; a socket that is still there
/// but refuses is about to go.
async fn wait_until_gone(context: &Context<'_>, limit: Duration) -> Result<(), Error> {
    let dial = context.dial()?;
    // A socket elsewhere may be that of another daemon than the lock.
    let lock = context.lock().ok().filter(|lock| lock.path.parent() == dial.socket.parent());
    let deadline = Instant::now() + limit;
    for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(100)) {
        let late = Instant::now() >= deadline;
        match dial.open().await {
            Err(Error::Absent { .. }) if lock.as_ref().is_none_or(|lock| lock.owner() == Owner::Nobody) => {
                return Ok(());
            }
            Err(Error::Stale { .. }) if late => return Ok(()),
            _ if late => break,
            _ => sleep(pause).await,
        }
    }
    let said = "it was told to stop, and has not ended".to_owned();
    Err(Error::Failing { socket: dial.socket.clone(), said })
}
