//! `agentd-cli service`: agentd as a service of the user, under launchd or systemd.

use std::{path::PathBuf, time::Duration};

use agentd_proto::codes::Exit;
use clap::{Args, Subcommand};
use tokio::time::sleep;

mod change;
mod logs;
mod look;

use crate::{
    connect::Connection,
    context::Context,
    error::Error,
    service::{Files, Kind, Manager, Place, runner::System},
    shape::ServiceDoneShape,
    start::{StartLog, Starter},
};

const EXAMPLES: &str = "Examples:
  agentd-cli service install            start agentd at every login, from now on
  agentd-cli service status             what is installed, loaded and running, and what is wrong
  agentd-cli service logs --follow      what the daemon says
  agentd-cli service uninstall          the state folder stays

On macOS it is a LaunchAgent (launchd), on Linux a pair of user units (systemd). The manager holds the socket: while the \
daemon is restarted or replaced, clients wait instead of failing. There is one service per user, for one state folder.";

const INSTALL_EXAMPLES: &str = "Examples:
  agentd-cli service install
  agentd-cli service install --print                 show the files, change nothing
  agentd-cli --daemon ~/new/agentd service install   change to another program

The program (--daemon, else `agentd` beside this one, else on PATH) is first asked whether it can serve the state folder; \
if not, nothing is changed. A daemon that runs is drained, its tasks go on under the new one. An older program than the \
installed or running one is refused. PATH is kept as it is now: the daemon finds git and other programs there. Installing \
twice is harmless, and mends what is half installed. With --json: {manager, action, version, pid, notes}.";

const STATUS_EXAMPLES: &str = "Examples:
  agentd-cli service status
  agentd-cli service status --json | jq .problems

Exit code 0 if all is well, 3 if nothing is installed, 4 if something is wrong. With --json: {manager, installed, loaded, \
running, pid, domain, files, program, version, state_dir, socket, at_login, linger, problems}.";

const LOGS_EXAMPLES: &str = "Examples:
  agentd-cli service logs
  agentd-cli service logs -n 500
  agentd-cli service logs --follow

Prints the end of logs/agentd.start.log (what the daemon says before its log is open) and of logs/agentd.log, both in \
the state folder.";

const SHORT_EXAMPLES: &str = "Examples:
  agentd-cli service start       start the daemon, and hold its socket
  agentd-cli service restart     let go of nothing: clients wait
  agentd-cli service stop        until the next login, or the next start
  agentd-cli service uninstall   the state folder stays

With --json: {manager, action, version, pid, notes}.";

/// Install, start, stop or look at agentd as a service that starts at login
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServiceArgs {
    #[command(subcommand)]
    command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Install the service, mend it, or let a newer daemon take over
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(InstallArgs),
    /// Stop the service and remove it; tasks and settings stay
    #[command(after_help = SHORT_EXAMPLES)]
    Uninstall,
    /// Start the installed service
    #[command(after_help = SHORT_EXAMPLES)]
    Start,
    /// Stop daemon and socket until the next login or start
    #[command(after_help = SHORT_EXAMPLES)]
    Stop,
    /// Restart the daemon; clients wait meanwhile
    #[command(after_help = SHORT_EXAMPLES)]
    Restart,
    /// Show what is installed, loaded and running, and what is wrong
    #[command(after_help = STATUS_EXAMPLES)]
    Status,
    /// Print the daemon's log
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(LogsArgs),
}

#[derive(Debug, Args)]
struct InstallArgs {
    /// Also replace a file of somebody else (a copy is kept) or a service for another state folder
    #[arg(long)]
    force: bool,
    /// Print the files instead of installing them
    #[arg(long)]
    print: bool,
}

#[derive(Debug, Args)]
struct LogsArgs {
    /// How many lines of each file
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    lines: usize,
    /// Go on with what is added, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

/// Runs one of the subcommands.
///
/// # Errors
/// [`Error::Service`], [`Error::File`], and those of connecting.
pub async fn run(context: &Context<'_>, args: ServiceArgs) -> Result<Exit, Error> {
    let mut desk = Desk::new(context)?;
    match args.command {
        ServiceCommand::Install(args) => desk.install(&args).await,
        ServiceCommand::Uninstall => desk.uninstall().await,
        ServiceCommand::Start => desk.start().await,
        ServiceCommand::Stop => desk.stop().await,
        ServiceCommand::Restart => desk.restart().await,
        ServiceCommand::Status => desk.status(),
        ServiceCommand::Logs(args) => desk.logs(&args).await,
    }
}

/// All that the subcommands need.
struct Desk<'a> {
    context: &'a Context<'a>,
    place: Place,
    files: Files,
    manager: Manager<System>,
}

impl<'a> Desk<'a> {
    fn new(context: &'a Context<'a>) -> Result<Self, Error> {
        let place = context.place()?;
        let (files, manager) = (Files::of(Kind::HERE, &place), Manager::new(Kind::HERE, &place, System));
        Ok(Self { context, place, files, manager })
    }

    /// Waits until the daemon answers that the manager starts.
    async fn answered(&self, starter: &Starter, log: &StartLog) -> Result<(Connection, u32), Error> {
        let connection = starter.answered(log).await?;
        let pid = connection.status().await?.pid;
        Ok((connection, pid))
    }

    /// Says what was done.
    fn done(
        &self,
        action: &'static str,
        daemon: Option<(&Connection, u32)>,
        notes: Vec<String>,
    ) -> Result<Exit, Error> {
        let manager = Kind::HERE.name();
        let ui = self.context.ui;
        if ui.json {
            let version = daemon.map(|(connection, _)| connection.daemon.version.clone());
            ui.object(&ServiceDoneShape { manager, action, version, pid: daemon.map(|(_, pid)| pid), notes })?;
            return Ok(Exit::Success);
        }
        let who = daemon.map_or_else(String::new, |(connection, pid)| {
            format!(": agentd {} answers (pid {pid})", connection.daemon.version)
        });
        if action != "absent" {
            ui.note(&format!("service {action} ({manager}){who}"));
        }
        for note in notes {
            ui.note(&note);
        }
        Ok(Exit::Success)
    }
}

/// The paths as text.
fn shown(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// The pause between two looks at a file that grows: no system tells it in one way on all of ours.
async fn pause() {
    sleep(Duration::from_millis(250)).await;
}
