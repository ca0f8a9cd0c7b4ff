//! `agentd-cli journal`: checks what is stored, makes the index anew, and takes all of it to another place.

mod archive;

use agentd_proto::{
    codes::Exit,
    v1::{RebuildIndexRequest, VerifyJournalRequest},
};
use clap::{Args, Subcommand};

use crate::{
    connect::{JOURNAL_LIMIT, with_limit},
    context::Context,
    error::Error,
    shape::{JournalShape, RebuiltShape},
    ui::text,
};

const EXAMPLES: &str = "Examples:
  agentd-cli journal verify
  agentd-cli journal rebuild
  agentd-cli journal export backup.tar
  agentd-cli journal import backup.tar

All but import work while tasks run, and none starts a daemon. Without one, verify and export let its program read \
the state folder; rebuild needs one, import needs a state folder without a journal.";

/// Check the stored data, make the index anew, back it up or move it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct JournalArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check every record and document against its checksum
    #[command(after_help = "Examples:\n  agentd-cli journal verify\n\nEnds with exit code 8 if something is damaged.")]
    Verify,
    /// Delete the index and make it anew from the log
    #[command(after_help = "Examples:\n  agentd-cli journal rebuild\n\nNo task is lost: the log alone is the truth.")]
    Rebuild,
    Export(archive::ExportArgs),
    Import(archive::ImportArgs),
}

/// Checks, rebuilds, exports or imports.
///
/// # Errors
/// [`Error::Call`], [`Error::Archive`], and those of connecting.
pub async fn run(context: &Context<'_>, args: JournalArgs) -> Result<Exit, Error> {
    match args.verb {
        Verb::Verify => verify(context).await,
        Verb::Rebuild => rebuild(context).await,
        Verb::Export(args) => archive::export(context, &args).await,
        Verb::Import(args) => archive::import(context, &args).await,
    }
}

async fn verify(context: &Context<'_>) -> Result<Exit, Error> {
    let found = find_faults(context).await?;
    let exit = if found.faults.is_empty() { Exit::Success } else { Exit::DataLoss };
    if context.ui.json {
        context.ui.object(&found)?;
        return Ok(exit);
    }
    context.ui.data(&format!(
        "{} in {}, {}, {} read",
        text::things(found.records, "record", "records"),
        text::things(found.segments, "segment", "segments"),
        text::things(found.documents, "document", "documents"),
        text::bytes(found.bytes)
    ))?;
    if found.faults.is_empty() {
        context.ui.data("all is well")?;
    }
    for fault in &found.faults {
        context.ui.data(&format!("damaged: {}", text::one_line(fault)))?;
    }
    Ok(exit)
}

/// Asks the daemon; if none runs, its program, which reads the state folder and holds no lock; `None` of it: a daemon began meanwhile.
async fn find_faults(context: &Context<'_>) -> Result<JournalShape, Error> {
    let connection = match context.connect().await {
        Err(error) if error.is_absence() => match context.starter()?.verify()? {
            Some(printed) => {
                let unreadable = |error| Error::Unexpected { what: format!("a result of the check ({error})") };
                return serde_json::from_slice(&printed).map_err(unreadable);
            }
            None => context.connect().await?,
        },
        connection => connection?,
    };
    let answer = connection.daemon().verify_journal(with_limit(VerifyJournalRequest {}, JOURNAL_LIMIT)).await;
    Ok(answer.map_err(Error::call("check the journal"))?.into_inner().into())
}

async fn rebuild(context: &Context<'_>) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let answer = connection.daemon().rebuild_index(with_limit(RebuildIndexRequest {}, JOURNAL_LIMIT)).await;
    let made = answer.map_err(Error::call("rebuild the index"))?.into_inner();
    if context.ui.json {
        context.ui.object(&RebuiltShape::from(made))?;
    } else {
        let entries = text::things(made.entries, "entry", "entries");
        context.ui.data(&format!("{entries} made from {}", text::things(made.records, "record", "records")))?;
    }
    Ok(Exit::Success)
}
