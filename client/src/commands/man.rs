//! `agentd-cli man`: manual pages, for packagers.

use std::path::PathBuf;

use agentd_proto::codes::Exit;
use clap::{Args, Command};

use crate::{context::Context, error::Error};

const EXAMPLES: &str = "Examples:
  d=~/.local/share/man/man1; mkdir -p $d; agentd-cli man --dir $d";

/// Write manual pages, one per command
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Folder that takes the pages; it must exist
    #[arg(long, value_name = "PATH")]
    dir: PathBuf,
}

/// Writes the pages of the command line `cli`.
///
/// # Errors
/// [`Error::File`].
pub async fn run(context: &Context<'_>, args: ManArgs, cli: Command) -> Result<Exit, Error> {
    clap_mangen::generate_to(cli, &args.dir).map_err(Error::file("write manual pages to", &args.dir))?;
    context.ui.note(&format!("wrote manual pages to {}", args.dir.display()));
    Ok(Exit::Success)
}
