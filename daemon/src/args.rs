//! The command line of the daemon: few flags, since settings belong into the file.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::{config::Flags, lifecycle::archive::ArchiveArgs};

/// Runs agentd on a state folder until it is told to stop (SIGTERM, Ctrl-C or `agentd-cli stop`).
#[derive(Debug, Clone, Parser)]
#[command(name = "agentd", version)]
pub struct Args {
    /// Configuration file [default: config.toml in the state folder, if there is one].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// State folder [default: $AGENTD_HOME, else ~/.agentd].
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Socket [default: $AGENTD_SOCKET, else agentd.sock in the state folder].
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Log to standard error too; it does so anyway if that is a terminal.
    #[arg(long)]
    pub foreground_log: bool,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Print a configuration file with every setting and its help, and end.
    #[arg(long)]
    pub default_config: bool,
    /// Say which agentd this is and whether it can take over the state folder, and end. For `agentd-cli service install`.
    #[arg(long, hide = true)]
    pub check_store: bool,
    /// Check all that is stored, print what was found as JSON, and end with code 8 if anything is damaged. No daemon may
    /// run; while one does, `agentd-cli journal verify` asks it.
    #[arg(long)]
    pub verify_journal: bool,
    /// Print what the service would answer, in the form of the contract, and end. For `agentd-cli rules` and `config`.
    #[arg(long, hide = true, value_name = "WHAT", value_enum)]
    pub tell: Option<Tell>,
    /// Archives of the journal, for `agentd-cli journal`.
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

/// What the program tells without a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tell {
    /// The performance rules.
    Rules,
    /// The settings.
    Settings,
}

impl Args {
    /// What the command line says about the configuration.
    #[must_use]
    pub fn flags(&self) -> Flags {
        Flags {
            state_dir: self.state_dir.clone(),
            socket: self.socket.clone(),
            config: self.config.clone(),
            settings: self.log_level.iter().map(|level| ("log.level", level.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_are_well_formed_and_reach_the_configuration() {
        Args::command().debug_assert();
        let args = Args::parse_from(["agentd", "--state-dir", "/s", "--log-level", "debug"]);
        let flags = args.flags();
        assert_eq!(flags.state_dir, Some("/s".into()));
        assert_eq!(flags.settings, [("log.level", "debug".to_owned())]);
    }
}
