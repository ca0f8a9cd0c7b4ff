//! `agentd-cli completions`: completion scripts for shells.

use agentd_proto::codes::Exit;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::{context::Context, error::Error};

const EXAMPLES: &str = "Examples:
  agentd-cli completions zsh > ~/.zfunc/_agentd-cli
  agentd-cli completions bash > ~/.local/share/bash-completion/completions/agentd-cli
  agentd-cli completions fish > ~/.config/fish/completions/agentd-cli.fish";

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for the command line `cli`.
///
/// # Errors
/// [`Error::Output`].
pub async fn run(context: &Context<'_>, args: CompletionsArgs, mut cli: Command) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "agentd-cli", &mut script);
    context.ui.bytes(&script)?;
    Ok(Exit::Success)
}
