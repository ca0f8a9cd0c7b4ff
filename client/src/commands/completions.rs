//! `agentd-cli completions`: completion scripts for shells.

use agentd_proto::codes::Exit;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::{context::Context, error::Error};

const EXAMPLES: &str = "Examples:
  eval \"$(agentd-cli completions bash)\"    # this shell only
  d=~/.local/share/bash-completion/completions
  mkdir -p $d && agentd-cli completions bash > $d/agentd-cli
  mkdir -p ~/.zfunc && agentd-cli completions zsh > ~/.zfunc/_agentd-cli
  # .zshrc, before compinit: fpath+=~/.zfunc
  d=~/.config/fish/completions
  mkdir -p $d && agentd-cli completions fish > $d/agentd-cli.fish";

/// How clap_complete 4.6 spells the program in the labels of its bash script, and how it spells it where it jumps to them:
/// with a `-` in the name nothing is completed after the first word (github.com/clap-rs/clap/issues/6421, open).
const LABEL: (&str, &str) = ("agentd__subcmd__cli", "agentd__cli");

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
    if args.shell == Shell::Bash {
        script = String::from_utf8_lossy(&script).replace(LABEL.0, LABEL.1).into_bytes();
    }
    context.ui.bytes(&script)?;
    Ok(Exit::Success)
}
